"""What do workers and door count? Every metric with kind, unit and meaning; no label is a name.

What only this process knows is counted here as it happens. What Postgres and Kafka know is a
`Reading`, looked up when the metrics are asked for; several workers of a kind then say the same, so
take the greatest, not the sum.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from types import TracebackType

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily

RECORDS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 20_000)
SHORT = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
LONG = (0.1, 0.3, 1, 3, 10, 30, 60, 300, 900, 3600, 21_600, 86_400)

BATCH_RECORDS = Histogram(
    "laurel_batch_records",
    "Records of a partition's batch, once done with.",
    ["topic"],
    buckets=RECORDS,
)
STAGE_SECONDS = Histogram(
    "laurel_stage_seconds",
    "How long a stage of a batch took. intake: resolve, append, move; engine: lock, fold, write,"
    " commit; slack: note.",
    ["app", "stage"],
    buckets=SHORT,
)
EVENT_TO_ALERT_SECONDS = Histogram(
    "laurel_event_to_alert_seconds",
    "From the hearing of what raised an alert until its first version was committed; not counted"
    " while the clock is driven.",
    ["rule"],
    buckets=LONG,
)
ALERT_TO_CARD_SECONDS = Histogram(
    "laurel_alert_to_card_seconds",
    "From the hearing of what raised an alert until Slack had its card; not counted while the clock"
    " is driven.",
    buckets=LONG,
)
ALERTS = Counter("laurel_alerts_total", "Versions of alerts decided.", ["rule", "status"])
DROPPED = Counter(
    "laurel_dropped_total",
    "Timeline records without effect, by why: repeat, tick_ahead (claims to be over 60 s ahead of"
    " its log time), tick_stale (something was set free after it was read), parked.",
    ["why"],
)
IDS_FORGOTTEN = Counter(
    "laurel_ids_forgotten_total",
    "Ids forgotten before their seven days, at the cap LAUREL_IDS_REMEMBERED.",
)
FENCES = Counter(
    "laurel_fences_total", "Batches dropped, for another owner had moved the position.", ["topic"]
)
HOLES = Counter("laurel_holes_total", "Batches that began beyond the position.", ["topic"])
BEHIND = Counter("laurel_behind_total", "Batches that lay wholly below the position.", ["topic"])
FREED = Counter(
    "laurel_freed_total", "Sessions ended that had frozen while they held a position.", ["topic"]
)
RETRIES = Counter(
    "laurel_retries_total", "Batches begun again, for Postgres had refused them.", ["topic"]
)
LOOP_FAULTS = Counter(
    "laurel_loop_faults_total", "Steps beside the batches that Postgres or Kafka refused.", ["loop"]
)
TICKS = Counter("laurel_ticks_total", "Ticks appended to the timeline.")
RELAYED = Counter("laurel_relayed_total", "Messages moved from the outbox to the topic `alerts`.")
RELEASED = Counter(
    "laurel_released_total", "Records published again out of quarantine or dead letters."
)
SOURCE_HEARD = Gauge(
    "laurel_source_heard_timestamp_seconds",
    "When the broker last took a new event of this source, by this worker's partitions; sources"
    " beyond the first 100 are one, `other`.",
    ["source"],
)
DELIVERED = Counter(
    "laurel_deliveries_total",
    "What came of a try to have a card in Slack: posted, replied (the rest of a card, in its"
    " thread), mended, put_off (Slack asked for later), unknown (Slack did not say), unsettled"
    " (sent again or late, so it may stand twice), fallback (no CSM within reach), dead (Slack"
    " refuses it for good).",
    ["outcome"],
)
DOOR_REQUESTS = Counter(
    "laurel_door_requests_total", "Requests that the door has answered.", ["status"]
)
EVENTS_TAKEN = Counter(
    "laurel_door_events_total", "Events that the door took and Kafka acknowledged."
)


def begin_door(statuses: Iterable[int]) -> None:
    """As `begin`, for the door."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    for status in statuses:
        DOOR_REQUESTS.labels(status)


def begin(topics: Iterable[str]) -> None:
    """Let what is counted stand at 0 from the start, for a rise out of nothing shows in no rate."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    for topic in topics:
        for counter in (FENCES, HOLES, BEHIND, FREED, RETRIES):
            counter.labels(topic)
    for why in ("repeat", "tick_ahead", "tick_stale", "parked"):
        DROPPED.labels(why)
    settled = ("posted", "replied", "mended", "fallback", "dead")
    for outcome in (*settled, "put_off", "unknown", "unsettled"):
        DELIVERED.labels(outcome)


@dataclass(frozen=True, slots=True)
class Reading:
    """A gauge that is looked up when asked for; without samples it does not appear."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()

    def of(self, samples: Iterable[tuple[object, ...]]) -> GaugeMetricFamily:
        """The metric with these samples: the labels' values, then the value."""
        family = GaugeMetricFamily(self.name, self.meaning, labels=self.labels)
        for *labels, value in samples:
            family.add_metric([str(label) for label in labels], float(str(value)))
        return family


PLACE = ("app", "topic", "partition")

LAG_RECORDS = Reading(
    "laurel_lag_records", "Records between Postgres' position and the end of the partition.", PLACE
)
LAG_SECONDS = Reading(
    "laurel_lag_seconds",
    "How long the partition's next record has waited since the broker took it; 0 without lag, and"
    " for a partition of another worker at least so long as this one has seen it wait.",
    PLACE,
)
STILL_SECONDS = Reading(
    "laurel_still_seconds",
    "How long a partition of this worker has had lag and made no progress.",
    PLACE,
)
PARTITION_OWNED = Reading(
    "laurel_partition_owned", "1 for the partitions that this worker owns, else 0.", PLACE
)
PARTITIONS_UNOWNED = Reading(
    "laurel_partitions_unowned", "Partitions that no worker of the group owns.", ("app",)
)
DATABASE_UP = Reading("laurel_database_up", "Whether Postgres answered the last look.", ("app",))
DEADLINES_PENDING = Reading("laurel_deadlines_pending", "States that wait for a deadline.")
DEADLINES_LATE = Reading(
    "laurel_deadlines_late", "Deadlines that passed over a minute ago and have not fired."
)
OUTBOX_ROWS = Reading("laurel_outbox_rows", "Messages that wait in the outbox.")
PARKED_RECORDS = Reading("laurel_parked_records", "Timeline records that are passed over.")
WATERMARK_SECONDS = Reading(
    "laurel_watermark_behind_seconds",
    "How far what intake has forwarded lies behind the clock; deadlines wait for it.",
)
QUARANTINE_ROWS = Reading("laurel_quarantine_rows", "Rows of the quarantine.", ("reason", "status"))
QUARANTINE_SECONDS = Reading(
    "laurel_quarantine_oldest_seconds", "Age of the oldest row that waits.", ("reason",)
)
DEAD_LETTER_ROWS = Reading(
    "laurel_dead_letter_rows", "Rows of the dead letters.", ("reason", "status")
)
DEAD_LETTER_SECONDS = Reading(
    "laurel_dead_letter_oldest_seconds", "Age of the oldest row that waits.", ("reason",)
)
DELIVERY_ROWS = Reading("laurel_delivery_rows", "Cards in the ledger.", ("state",))
DELIVERY_SECONDS = Reading(
    "laurel_delivery_oldest_seconds",
    "How long ago the oldest alert whose card is not as it should be was raised.",
)


class Timed:
    """Times a stage of a batch that ends well: `with Timed("engine", "fold"):`."""

    def __init__(self, app: str, stage: str) -> None:
        self._seconds = STAGE_SECONDS.labels(app, stage)

    def __enter__(self) -> None:
        self._began = monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if fault is None:
            self._seconds.observe(monotonic() - self._began)


SOURCES_AT_MOST = 100
_sources: set[str] = set()


def heard(source: str, at: datetime) -> None:
    """Note when a source was last heard of; one that may be somebody's address is `other`."""
    if source not in _sources:
        if len(_sources) == SOURCES_AT_MOST or "@" in source:
            source = "other"
        else:
            _sources.add(source)
    SOURCE_HEARD.labels(source).set(at.timestamp())
