"""How often a rebuild was put in place, so that a worker's cache knows."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "positions",
        sa.Column(
            "generation",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="engine: how often a rebuild has put other rows in place of these",
        ),
    )
