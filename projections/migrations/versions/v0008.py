"""Who said last what a person is called, for each name and the address apart."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for column, at, by in (
        ("name", "of the directory fact that said so", "its source#id"),
        ("email", None, None),
        ("lms_name", None, None),
    ):
        op.add_column("people", sa.Column(f"{column}_at", AT, nullable=True, comment=at))
        op.add_column("people", sa.Column(f"{column}_by", sa.Text(), nullable=True, comment=by))
    op.execute("UPDATE people SET name_at = at, name_by = source_id WHERE name IS NOT NULL")
    op.execute("UPDATE people SET email_at = at, email_by = source_id WHERE email IS NOT NULL")
    op.alter_column("people", "lms_name", comment="of whoever else speaks of the person")
    op.drop_column("people", "at")
    op.drop_column("people", "source_id")
