"""What of the quarantine may go on now? It is published again, to where it came from.

Rows are marked first, all that resolve in one transaction, and published in the order in which they
were first heard; one that is not heard of again is published again.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

from handlers.directory import Miss
from schemas.envelope import Event, Unreadable, parse
from schemas.topics import QUARANTINE_ROW

from . import clock, directory, metrics, releases
from .database import Connection, Pool
from .failpoints import failpoint
from .set_aside import LONGEST_DETAIL, ON_THE_WAY, TABLES, Kind

AGAIN = timedelta(seconds=30)
"""How long a published row may be on its way, in real time, before it is published again."""

KEPT = timedelta(days=30)
"""How long the bytes of what was set aside are kept."""

AT_ONCE = 1000


async def sweep(pool: Pool, producer: AIOKafkaProducer) -> int:
    """One pass over what waits; returns how many rows were marked or published."""
    async with pool.connection() as connection:
        found = await _look(connection)
        if found.free:
            failpoint("sweep.before")
        marked = await _mark(connection, found)
        if marked:
            failpoint("sweep.marked")
        published = 0
        while batch := await _publish(connection, producer):
            metrics.RELEASED.inc(batch)
            failpoint("sweep.published")
            published += batch
        await _prune(connection, found.now)
    return max(marked, published)


async def on_the_way(connection: Connection) -> int:
    """How many rows are marked or published and not yet heard of again."""
    cursor = await connection.execute(
        "SELECT (SELECT count(*) FROM quarantine WHERE status = 'releasing')"
        " + (SELECT count(*) FROM dead_letters WHERE status = 'replaying')"
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


@dataclass
class Found:
    """What a look at the quarantine came to, by one snapshot of the directory."""

    now: datetime
    version: int
    free: list[int] = field(default_factory=list)
    still: list[int] = field(default_factory=list)
    changed: list[tuple[Any, ...]] = field(default_factory=list)


async def _look(connection: Connection) -> Found:
    """Resolve what waits and has not been looked at since the directory grew, or is now due."""
    async with connection.transaction():
        # One snapshot, so that all of a person's rows are resolved by the same directory.
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        time = await clock.read(connection)
        found = Found(time.now, await directory.version(connection))
        async with connection.cursor("waiting", binary=True) as waiting:
            await waiting.execute(
                """
                SELECT id, reason, detail, recorded_at, bytes FROM quarantine
                WHERE status = 'waiting' AND reason <> 'future' AND seen_version < %s
                UNION ALL
                SELECT id, reason, detail, recorded_at, bytes FROM quarantine
                WHERE status = 'waiting' AND reason = 'future' AND due_at <= %s
                """,
                (found.version, found.now),
            )
            while rows := await waiting.fetchmany(AT_ONCE):
                await _resolve(connection, rows, found)
    return found


async def _resolve(connection: Connection, rows: list[tuple[Any, ...]], found: Found) -> None:
    events = {row[0]: _parse(row[4]) for row in rows}
    readable = [event for event in events.values() if event is not None]
    known = await directory.load(connection, readable)
    routes = await directory.routes(connection, map(directory.route_hash, readable))
    for id, reason, detail, recorded_at, _ in rows:
        event = events[id]
        outcome = event and known.resolve(
            event, recorded_at, now=found.now, route=routes.get(directory.route_hash(event))
        )
        if not isinstance(outcome, Miss):
            # What has become unreadable or dead goes the same way: intake says so.
            found.free.append(id)
        elif (outcome.reason, outcome.detail) == (reason, detail):
            found.still.append(id)
        else:
            found.changed.append(
                (outcome.reason, outcome.detail[:LONGEST_DETAIL], outcome.due_at, id)
            )


def _parse(value: bytes) -> Event | None:
    try:
        return parse(value)
    except Unreadable:
        return None


async def _mark(connection: Connection, found: Found) -> int:
    """Mark all that may go on, in one transaction; returns how many."""
    async with connection.transaction():
        if found.free:
            await releases.begin(connection)
        cursor = connection.cursor(binary=True)
        if found.changed:
            await cursor.executemany(
                "UPDATE quarantine SET reason = %s, detail = %s, due_at = %s"
                " WHERE id = %s AND status = 'waiting'",
                found.changed,
            )
        looked_at = found.still + [row[-1] for row in found.changed]
        if looked_at:
            await cursor.execute(
                "UPDATE quarantine SET seen_version = %s WHERE id = ANY(%s) AND status = 'waiting'",
                (found.version, looked_at),
            )
        if not found.free:
            return 0
        await cursor.execute(
            "UPDATE quarantine SET status = 'releasing', released_at = NULL"
            " WHERE id = ANY(%s) AND status = 'waiting'",
            (found.free,),
        )
        return cursor.rowcount


async def _publish(connection: Connection, producer: AIOKafkaProducer) -> int:
    """Publish the first rows that are marked and not on their way; returns how many."""
    now = clock.real()
    async with connection.transaction():
        acknowledgements, count = [], 0
        for kind in TABLES:
            rows = await _claim(connection, kind, now)
            for id, topic, partition, key, value in rows:
                headers = [(QUARANTINE_ROW, f"{kind}{id}".encode())]
                acknowledgements.append(
                    await producer.send(topic, value, key=key, partition=partition, headers=headers)
                )
            count += len(rows)
        for acknowledgement in acknowledgements:
            await acknowledgement
    return count


async def _claim(
    connection: Connection, kind: Kind, now: datetime
) -> list[tuple[int, str, int, bytes | None, bytes]]:
    """The next rows of a table to publish, in the order in which they were first heard.

    Locked in that order until all are on the topic, so a second publisher waits at the first one.
    """
    cursor = connection.cursor(binary=True)
    await cursor.execute(
        f"""
        WITH next AS (
            SELECT id FROM {TABLES[kind]}
            WHERE status = %s AND (released_at IS NULL OR released_at < %s)
            ORDER BY topic, partition, "offset" LIMIT %s FOR UPDATE
        ), claimed AS (
            UPDATE {TABLES[kind]} SET released_at = %s WHERE id IN (SELECT id FROM next)
            RETURNING id, topic, partition, "offset", key, bytes
        )
        SELECT id, topic, partition, key, bytes FROM claimed ORDER BY topic, partition, "offset"
        """,
        (ON_THE_WAY[kind], now - AGAIN, AT_ONCE, now),
    )
    return await cursor.fetchall()


async def _prune(connection: Connection, now: datetime) -> None:
    """Let go of old routes and of the bytes, keys and names of what was set aside long ago."""
    await directory.forget_routes(connection, now)
    for kind, table in TABLES.items():
        nobody = ", names = '{}'" if kind == "q" else ""
        await connection.execute(
            f"""
            UPDATE {table} SET bytes = NULL, key = NULL{nobody},
                status = CASE status WHEN 'waiting' THEN 'expired' ELSE status END
            WHERE recorded_at < %s AND status <> %s
              AND (bytes IS NOT NULL OR status = 'waiting')
            """,
            (now - KEPT, ON_THE_WAY[kind]),
        )
