"""How often something was set free, and what each partition has heard of it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "clock",
        sa.Column(
            "releases",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="how often something set aside was set free",
        ),
    )
    op.add_column(
        "positions",
        sa.Column(
            "releases",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="engine: the greatest number of releases heard of; a tick that knows less is"
            " stale",
        ),
    )
