"""What does Postgres say when the metrics are asked for? One short query each, by who owns it.

A query that takes too long is given up: its metric is missing then, and the workers are not slowed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client.metrics_core import Metric

from schemas.topics import INTAKE, App

from . import clock, metrics, positions
from .database import PASSING, Connection, Pool
from .metrics import Reading
from .settings import Settings

GIVEN_UP_AFTER = "2s"

LATE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Question:
    """A metric and the query that answers it: its labels' values, then its value."""

    metric: Reading
    query: str
    parameters: Callable[[datetime], Sequence[object]] = lambda now: ()


def _since(now: datetime) -> tuple[datetime]:
    return (now,)


ASKED: dict[App, tuple[Question, ...]] = {
    "intake": (
        Question(
            metrics.QUARANTINE_ROWS,
            "SELECT reason, status, count(*) FROM quarantine GROUP BY reason, status",
        ),
        Question(
            metrics.QUARANTINE_SECONDS,
            "SELECT reason, extract(epoch FROM %s - min(recorded_at)) FROM quarantine"
            " WHERE status = 'waiting' GROUP BY reason",
            _since,
        ),
        Question(
            metrics.DEAD_LETTER_ROWS,
            "SELECT reason, status, count(*) FROM dead_letters GROUP BY reason, status",
        ),
        Question(
            metrics.DEAD_LETTER_SECONDS,
            "SELECT reason, extract(epoch FROM %s - min(recorded_at)) FROM dead_letters"
            " WHERE status = 'waiting' GROUP BY reason",
            _since,
        ),
    ),
    "engine": (
        Question(metrics.DEADLINES_PENDING, "SELECT count(*) FROM states WHERE due_at IS NOT NULL"),
        Question(
            metrics.DEADLINES_LATE,
            """
            -- by partition, so that the index serves
            SELECT coalesce(sum(late), 0) FROM positions p, LATERAL (
                SELECT count(*) AS late FROM states s
                WHERE s.partition = p.partition AND s.due_at < %s) AS due
            WHERE app = 'engine'
            """,
            lambda now: (now - LATE,),
        ),
        Question(metrics.OUTBOX_ROWS, "SELECT count(*) FROM outbox"),
        Question(metrics.PARKED_RECORDS, "SELECT count(*) FROM parked"),
    ),
    "slack": (
        Question(metrics.DELIVERY_ROWS, "SELECT state, count(*) FROM deliveries GROUP BY state"),
        Question(
            metrics.DELIVERY_SECONDS,
            """
            -- 0 where every card is as it should be
            SELECT coalesce(extract(epoch FROM %s - min(a.raised_at)), 0)
            FROM deliveries d JOIN alerts a ON a.alert = coalesce(d.thread_of, d.alert)
            WHERE d.posted < d.desired AND d.state NOT IN ('silent', 'dead')
            """,
            _since,
        ),
    ),
}


async def read(pool: Pool, settings: Settings, app: App) -> list[Metric]:
    """The metrics that Postgres answers for this kind of worker; what it does not is left out."""
    found: list[Metric] = []
    try:
        async with pool.connection() as connection:
            now = (await clock.read(connection)).now
            if app == "intake":
                found.append(await _watermark(connection, settings, now))
    except PASSING:
        return found
    for question in ASKED[app]:
        try:
            async with pool.connection() as connection:
                await connection.execute(f"SET LOCAL statement_timeout = '{GIVEN_UP_AFTER}'")
                cursor = await connection.execute(question.query, tuple(question.parameters(now)))
                found.append(question.metric.of(await cursor.fetchall()))
        except PASSING:
            continue
    return found


async def _watermark(connection: Connection, settings: Settings, now: datetime) -> Metric:
    said = await positions.watermark(connection, map(settings.topic, INTAKE))
    behind = [] if said is None else [(max(0.0, (now - said).total_seconds()),)]
    return metrics.WATERMARK_SECONDS.of(behind)
