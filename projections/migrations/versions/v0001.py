"""The first tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "certificate_links",
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="a course or a certificate"),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer", "person", "subject"),
    )
    op.create_table(
        "clock",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("driven", sa.Boolean(), nullable=False),
        sa.Column(
            "now",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the driven time; null while the clock is real",
        ),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "course_facts",
        sa.Column("course", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column(
            "modules",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="ordered list of {id, name}",
        ),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.Column("certificate_name", sa.Text(), nullable=True),
        sa.Column("validity_months", sa.Integer(), nullable=True),
        sa.Column("patience_days", sa.Integer(), nullable=True),
        sa.Column("next_courses", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("retired", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("course", "source_id"),
    )
    op.create_index("course_facts_certificate", "course_facts", ["certificate"], unique=False)
    op.create_table(
        "customer_facts",
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("csm_email", sa.Text(), nullable=True),
        sa.Column("csm_name", sa.Text(), nullable=True),
        sa.Column("zone", sa.Text(), nullable=True),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("arr", sa.Numeric(), nullable=True),
        sa.Column("health", sa.Numeric(), nullable=True),
        sa.Column("ended", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("customer", "source_id"),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("bytes", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "status", sa.Text(), nullable=False, comment="waiting, replaying, discarded or expired"
        ),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "dead_letters_coordinates", "dead_letters", ["topic", "partition", "offset"], unique=True
    )
    op.create_table(
        "deliveries",
        sa.Column("alert", sa.Uuid(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("desired", sa.Integer(), nullable=False, comment="version the card should show"),
        sa.Column(
            "posted",
            sa.Integer(),
            nullable=False,
            comment="version the card shows; 0 before the first",
        ),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="pending, sending, sent, silent or dead"
        ),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("ts", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sending", sa.Integer(), nullable=True, comment="version being sent"),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "looked",
            sa.Integer(),
            nullable=False,
            comment="looks into history for an unknown outcome",
        ),
        sa.Column("outcome", sa.Text(), nullable=True, comment="what Slack last answered"),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("alert"),
    )
    op.create_index(
        "deliveries_open",
        "deliveries",
        ["not_before"],
        unique=False,
        postgresql_where=sa.text("posted < desired"),
    )
    op.create_table(
        "directory_version",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "links",
        sa.Column(
            "system",
            sa.Text(),
            nullable=False,
            comment="`id`, `email` or the name of an outside system",
        ),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("system", "id", "person"),
    )
    op.create_table(
        "alert_versions",
        sa.Column("alert", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("causes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("alert", "version"),
        schema="live",
        postgresql_with={"fillfactor": "100"},
    )
    op.create_table(
        "alerts",
        sa.Column("alert", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("causes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("notify", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("alert"),
        schema="live",
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "alerts_customer", "alerts", ["customer", "raised_at"], unique=False, schema="live"
    )
    op.create_table(
        "attempts",
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("course", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("score", sa.Numeric(), nullable=True),
        sa.PrimaryKeyConstraint("customer", "person", "course", "ordinal"),
        schema="live",
        postgresql_with={"fillfactor": "90"},
    )
    op.create_table(
        "certificates",
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("course", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("earned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("customer", "person", "certificate"),
        schema="live",
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "remembered",
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("partition", "day", "next_offset"),
        schema="live",
        postgresql_with={"fillfactor": "100"},
    )
    op.create_table(
        "states",
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("partition", "handler", "key"),
        schema="live",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "states_due",
        "states",
        ["partition", "due_at", "handler", "key"],
        unique=False,
        schema="live",
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "training",
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("course", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("score", sa.Numeric(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("modules", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stalled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("customer", "person", "course"),
        schema="live",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "membership_facts",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="joined, left or changed"),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("person", "customer", "source_id"),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("outbox_partition", "outbox", ["partition", "seq"], unique=False)
    op.create_table(
        "parked",
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partition", "offset"),
    )
    op.create_table(
        "people",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of the directory fact that said so; null: only the LMS has",
        ),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("lms_name", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("person"),
    )
    op.create_table(
        "positions",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("topic_id", sa.Text(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column(
            "watermark",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="intake: everything heard before it is forwarded",
        ),
        sa.Column(
            "log_time",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="engine: the log time of the last record folded",
        ),
        sa.Column(
            "ticked",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="engine: the greatest `now` of a tick folded",
        ),
        sa.PrimaryKeyConstraint("app", "topic", "partition"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("bytes", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column(
            "names",
            sa.ARRAY(sa.Text()),
            nullable=False,
            comment="whom the record names, to release by",
        ),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="reason `future`: when it may go on",
        ),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_version", sa.BigInteger(), nullable=False),
        sa.Column(
            "status", sa.Text(), nullable=False, comment="waiting, releasing, discarded or expired"
        ),
        sa.Column(
            "released_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it was last published again",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "quarantine_coordinates", "quarantine", ["topic", "partition", "offset"], unique=True
    )
    op.create_index("quarantine_status", "quarantine", ["status", "seen_version"], unique=False)
    op.create_table(
        "routes",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("routes_made_at", "routes", ["made_at"], unique=False)
    op.create_index("links_person", "links", ["person"])
    for name, table, column, where in (
        ("quarantine_due", "quarantine", "due_at", "due_at IS NOT NULL"),
        ("quarantine_bytes", "quarantine", "recorded_at", "bytes IS NOT NULL"),
        ("dead_letters_bytes", "dead_letters", "recorded_at", "bytes IS NOT NULL"),
    ):
        op.create_index(name, table, [column], postgresql_where=sa.text(where))
    op.execute("INSERT INTO clock (one, driven, now) VALUES (true, false, NULL)")
    op.execute("INSERT INTO directory_version (one, version) VALUES (true, 0)")
