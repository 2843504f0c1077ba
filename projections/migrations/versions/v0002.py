"""Requirements, teams, and the certificate that a course was known to earn."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "requirement_facts",
        sa.Column("requirement", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("target_kind", sa.Text(), nullable=True, comment="course or certificate"),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("retired", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("requirement", "source_id"),
    )
    op.create_table(
        "teams",
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False, comment="or `any`"),
        sa.Column("level", sa.Text(), nullable=False, comment="or `any`"),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("enrolled", sa.Integer(), nullable=False),
        sa.Column("scored", sa.Integer(), nullable=False),
        sa.Column("score_sum", sa.Numeric(), nullable=False),
        sa.Column(
            "targets",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="list of {kind, id, enrolled, met, waived}",
        ),
        sa.PrimaryKeyConstraint("customer", "role", "level"),
        schema="live",
        postgresql_with={"fillfactor": "50"},
    )
    op.add_column(
        "training",
        sa.Column(
            "certificate",
            sa.Text(),
            nullable=True,
            comment="that it earns, as the catalogue said at the last fact",
        ),
        schema="live",
    )
