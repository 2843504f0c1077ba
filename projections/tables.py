"""What stands in Postgres?

Schema `live` holds what a rebuild makes anew from the timeline; `public` holds facts of their own
(design: rebuild). Connections use the search path `live, public`.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

Instant = DateTime(timezone=True)


def _live(name: str, *columns: Column[object] | Index | PrimaryKeyConstraint, fill: int) -> Table:
    """A rebuildable table; hot rows leave room on their page, so that updates stay in place."""
    return Table(name, metadata, *columns, schema="live", postgresql_with={"fillfactor": str(fill)})


states = _live(
    "states",
    Column("partition", Integer, primary_key=True),
    Column("handler", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("version", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Instant),
    Index(
        "states_due",
        "partition",
        "due_at",
        "handler",
        "key",
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    fill=70,
)

remembered = _live(
    "remembered",
    Column("partition", Integer, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("next_offset", BigInteger, primary_key=True),
    Column("hashes", LargeBinary, nullable=False),
    fill=100,
)

training = _live(
    "training",
    Column("customer", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("course", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("started_at", Instant),
    Column("completed_at", Instant),
    Column("score", Numeric),
    Column("attempts", Integer, nullable=False),
    Column("modules", ARRAY(Text), nullable=False),
    Column("last_activity_at", Instant),
    Column("stalled_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("certificate", Text, comment="that it earns, as the catalogue said at the last fact"),
    Index(
        "training_open",
        "customer",
        "started_at",
        postgresql_where=text("active AND status IN ('in_progress', 'failed', 'abandoned')"),
    ),
    fill=70,
)

attempts = _live(
    "attempts",
    Column("customer", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("course", Text, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("attempt", Integer),
    Column("at", Instant, nullable=False),
    Column("score", Numeric),
    fill=90,
)

certificates = _live(
    "certificates",
    Column("customer", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("certificate", Text, primary_key=True),
    Column("course", Text),
    Column("status", Text, nullable=False),
    Column("earned_at", Instant, nullable=False),
    Column("renewed_at", Instant),
    Column("number", Text),
    Column("last_day", Date),
    Column("revoked_at", Instant),
    fill=80,
)

teams = _live(
    "teams",
    Column("customer", Text, primary_key=True),
    Column("role", Text, primary_key=True, comment="or `any`"),
    Column("level", Text, primary_key=True, comment="or `any`"),
    Column("people", Integer, nullable=False),
    Column("enrolled", Integer, nullable=False),
    Column("scored", Integer, nullable=False),
    Column("score_sum", Numeric, nullable=False),
    Column("targets", JSONB, nullable=False, comment="list of {kind, id, enrolled, met, waived}"),
    fill=50,
)

usage_totals = _live(
    "usage_totals",
    Column("customer", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("total", Numeric, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("users", BigInteger, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    fill=50,
)

usage_days = _live(
    "usage_days",
    Column("customer", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="of UTC"),
    Column("total", Numeric, nullable=False),
    Column("events", BigInteger, nullable=False),
    fill=70,
)

usage_users = _live(
    "usage_users",
    Column("customer", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("first_at", Instant, nullable=False),
    fill=100,
)

usage_features = _live(
    "usage_features",
    Column("customer", Text, primary_key=True),
    Column("feature", Text, primary_key=True),
    Column("events", BigInteger, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    fill=50,
)

alerts = _live(
    "alerts",
    Column("alert", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rule_version", Integer, nullable=False),
    Column("customer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("causes", ARRAY(Text), nullable=False),
    Column("values", JSONB, nullable=False),
    Column("notify", Boolean, nullable=False),
    Index("alerts_customer", "customer", "raised_at"),
    fill=80,
)

alert_versions = _live(
    "alert_versions",
    Column("alert", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("causes", ARRAY(Text), nullable=False),
    Column("values", JSONB, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("trigger", Text),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    fill=100,
)

REBUILT = (
    states,
    remembered,
    training,
    attempts,
    certificates,
    teams,
    usage_totals,
    usage_days,
    usage_users,
    usage_features,
    alerts,
    alert_versions,
)

positions = Table(
    "positions",
    metadata,
    Column("app", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("topic_id", Text, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("watermark", Instant, comment="intake: everything heard before it is forwarded"),
    Column("log_time", Instant, comment="engine: the log time of the last record folded"),
    Column("ticked", Instant, comment="engine: the greatest `now` of a tick folded"),
    Column(
        "releases",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="engine: the greatest number of releases heard of; a tick that knows less is stale",
    ),
    Column(
        "generation",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="engine: how often a rebuild has put other rows in place of these",
    ),
    postgresql_with={"fillfactor": "50"},
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger, Identity(), primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("customer", Text, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Index("outbox_partition", "partition", "seq"),
)

clock = Table(
    "clock",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("driven", Boolean, nullable=False),
    Column("now", Instant, comment="the driven time; null while the clock is real"),
    Column(
        "releases",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="how often something set aside was set free",
    ),
)

people = Table(
    "people",
    metadata,
    Column("person", Text, primary_key=True),
    Column("name", Text),
    Column("name_at", Instant, comment="of the directory fact that said so"),
    Column("name_by", Text, comment="its source#id"),
    Column("email", Text),
    Column("email_at", Instant),
    Column("email_by", Text),
    Column("lms_name", Text, comment="of whoever else speaks of the person"),
    Column("lms_name_at", Instant),
    Column("lms_name_by", Text),
)

links = Table(
    "links",
    metadata,
    Column("system", Text, comment="`id`, `email` or the name of an outside system"),
    Column("id", Text),
    Column("person", Text),
    PrimaryKeyConstraint("system", "id", "person"),
    Index("links_person", "person"),
)

customer_facts = Table(
    "customer_facts",
    metadata,
    Column("customer", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("name", Text),
    Column("csm_email", Text),
    Column("csm_name", Text),
    Column("zone", Text),
    Column("segment", Text),
    Column("arr", Numeric),
    Column("health", Numeric),
    Column("ended", Boolean),
)

membership_facts = Table(
    "membership_facts",
    metadata,
    Column("person", Text, primary_key=True),
    Column("customer", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False, comment="joined, left or changed"),
    Column("role", Text),
    Column("level", Text),
)

course_facts = Table(
    "course_facts",
    metadata,
    Column("course", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("name", Text),
    Column("type", Text),
    Column("modules", JSONB, comment="ordered list of {id, name}"),
    Column("certificate", Text),
    Column("certificate_name", Text),
    Column("validity_months", Integer),
    Column("patience_days", Integer),
    Column("next_courses", ARRAY(Text)),
    Column("retired", Boolean),
    Index("course_facts_certificate", "certificate"),
)

requirement_facts = Table(
    "requirement_facts",
    metadata,
    Column("requirement", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("role", Text),
    Column("level", Text),
    Column("target_kind", Text, comment="course or certificate"),
    Column("target", Text),
    Column("retired", Boolean),
)

directory_version = Table(
    "directory_version",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("version", BigInteger, nullable=False),
)

certificate_links = Table(
    "certificate_links",
    metadata,
    Column("customer", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("subject", Text, primary_key=True, comment="a course or a certificate"),
    Column("url", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("source_id", Text, nullable=False),
)

routes = Table(
    "routes",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("customer", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Index("routes_made_at", "made_at"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", LargeBinary),
    Column("bytes", LargeBinary),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("names", ARRAY(Text), nullable=False, comment="whom the record names, to release by"),
    Column("due_at", Instant, comment="reason `future`: when it may go on"),
    Column("recorded_at", Instant, nullable=False),
    Column("seen_version", BigInteger, nullable=False),
    Column("status", Text, nullable=False, comment="waiting, releasing, discarded or expired"),
    Column("released_at", Instant, comment="when it was last published again"),
    Index("quarantine_coordinates", "topic", "partition", "offset", unique=True),
    Index("quarantine_status", "status", "seen_version"),
    Index("quarantine_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("quarantine_bytes", "recorded_at", postgresql_where=text("bytes IS NOT NULL")),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", LargeBinary),
    Column("bytes", LargeBinary),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("status", Text, nullable=False, comment="waiting, replaying, discarded or expired"),
    Column("released_at", Instant),
    Index("dead_letters_coordinates", "topic", "partition", "offset", unique=True),
    Index("dead_letters_bytes", "recorded_at", postgresql_where=text("bytes IS NOT NULL")),
)

parked = Table(
    "parked",
    metadata,
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("parked_at", Instant, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("alert", Uuid, primary_key=True),
    Column("customer", Text, nullable=False),
    Column("desired", Integer, nullable=False, comment="version the card should show"),
    Column("posted", Integer, nullable=False, comment="version the card shows; 0 before the first"),
    Column(
        "state",
        Text,
        nullable=False,
        comment="pending, sending, sent (a reply: replied), silent or dead",
    ),
    Column("channel", Text),
    Column("ts", Text),
    Column("attempts", Integer, nullable=False),
    Column("sending", Integer, comment="version being sent"),
    Column("lease_until", Instant),
    Column("not_before", Instant),
    Column("looked", Integer, nullable=False, comment="looks into history for an unknown outcome"),
    Column("outcome", Text, comment="what Slack last answered"),
    Column("sent_at", Instant),
    Column("thread_of", Uuid, comment="of a reply: the alert in whose card's thread it is"),
    Index("deliveries_open", "not_before", postgresql_where=text("posted < desired")),
)

tokens = Table(
    "tokens",
    metadata,
    Column("name", Text, primary_key=True),
    Column("hash", LargeBinary, nullable=False, comment="SHA-256 of its secret"),
    Column("sources", ARRAY(Text), nullable=False, comment="it may write; a `*` ends a prefix"),
    Column("made_at", Instant, nullable=False),
)
