"""Replies in the threads of cards, and an index to who is on the way."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "deliveries",
        sa.Column(
            "thread_of",
            sa.Uuid(),
            nullable=True,
            comment="of a reply: the alert in whose card's thread it is",
        ),
    )
    op.alter_column(
        "deliveries",
        "state",
        existing_type=sa.Text(),
        existing_nullable=False,
        comment="pending, sending, sent (a reply: replied), silent or dead",
        existing_comment="pending, sending, sent, silent or dead",
    )
    op.create_index(
        "training_open",
        "training",
        ["customer", "started_at"],
        schema="live",
        postgresql_where=sa.text("active AND status IN ('in_progress', 'failed', 'abandoned')"),
    )
