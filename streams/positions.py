"""How far has each app come? Postgres says; Kafka's committed offsets are only a hint."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from schemas.topics import App

from .database import APPLICATION, Connection
from .extent import Extent
from .stop import HistoryExpired, PositionBeyondEnd, PositionLost, TopicRecreated

Place = tuple[str, int]
"""A topic's name in Kafka and a partition."""


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset to read, in the topic of this id."""

    topic_id: str
    next_offset: int


async def read(connection: Connection, app: App) -> dict[Place, Position]:
    """Every position of an app."""
    cursor = await connection.execute(
        "SELECT topic, partition, topic_id, next_offset FROM positions WHERE app = %s", (app,)
    )
    return {(row[0], row[1]): Position(row[2], row[3]) for row in await cursor.fetchall()}


def register(
    connection: psycopg.Connection[tuple[object, ...]],
    app: App,
    topic: str,
    topic_id: str,
    offsets: Mapping[int, int],
) -> int:
    """Begin at these offsets wherever there is no position yet; returns how many began."""
    began = 0
    for partition, offset in offsets.items():
        began += connection.execute(
            "INSERT INTO positions (app, topic, partition, topic_id, next_offset)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (app, topic, partition, topic_id, offset),
        ).rowcount
    return began


def check(
    app: App,
    assigned: Mapping[Place, Extent],
    topic_ids: Mapping[str, str],
    known: Mapping[Place, Position],
) -> dict[Place, int]:
    """Where to start reading; raises the `Stop` that names what does not fit, and the remedy."""
    return {
        place: _check(app, place, extent, topic_ids[place[0]], known.get(place))
        for place, extent in assigned.items()
    }


def _check(app: App, place: Place, extent: Extent, topic_id: str, position: Position | None) -> int:
    where = f"{app}: {place[0]}[{place[1]}]"
    if position is None:
        raise PositionLost(
            f"{where} has no position. On a new system run `laurel topics`; after a loss of the"
            f" database `laurel rebuild` (engine) or `laurel positions set {app} …`"
        )
    if position.topic_id != topic_id:
        raise TopicRecreated(
            f"{where}: the position was taken in topic id {position.topic_id}, Kafka has"
            f" {topic_id}. Was it deleted and made again, or is this another cluster?"
        )
    if position.next_offset > extent.end:
        raise PositionBeyondEnd(
            f"{where}: the position is {position.next_offset}, the topic ends at {extent.end}."
            " Was it truncated?"
        )
    if position.next_offset < extent.start:
        raise HistoryExpired(
            f"{where}: the position is {position.next_offset}, the topic begins at"
            f" {extent.start}: {extent.start - position.next_offset} records expired unread"
        )
    return position.next_offset


async def free(connection: Connection, app: App, topic: str, partition: int, seconds: float) -> int:
    """End sessions of ours that hold this position and fell silent so long ago; returns how many.

    Postgres' own timeout does so too, but not where the last thing said was an `executemany`: the
    flush after its pipeline disarms the timeout until the next statement.
    """
    cursor = await connection.execute(
        """
        -- who has locked this position, and says nothing more?
        SELECT pg_terminate_backend(a.pid)
        FROM positions p JOIN pg_stat_activity a ON a.backend_xid = p.xmax
        WHERE p.app = %s AND p.topic = %s AND p.partition = %s
          AND a.datname = current_database() AND a.application_name = %s
          AND a.state = 'idle in transaction'
          AND a.state_change < clock_timestamp() - make_interval(secs => %s)
        """,
        (app, topic, partition, APPLICATION, seconds),
    )
    return cursor.rowcount


async def watermark(connection: Connection, topics: Iterable[str]) -> datetime | None:
    """Everything that intake heard before this instant is on the timeline; None: not known yet.

    The least over all intake partitions, held back by records that are being released or replayed.
    """
    cursor = await connection.execute(
        """
        -- up to when has everything heard been forwarded?
        SELECT CASE WHEN bool_and(watermark IS NOT NULL) THEN
            least(min(watermark),
                  (SELECT min(recorded_at) FROM quarantine WHERE status = 'releasing'),
                  (SELECT min(recorded_at) FROM dead_letters WHERE status = 'replaying')) END
        FROM positions WHERE app = 'intake' AND topic = ANY(%s)
        """,
        (list(topics),),
    )
    row = await cursor.fetchone()
    return row[0] if row else None
