"""How are states, read models and alerts made anew? By folding the timeline again, sending nothing.

While it is under way the engine's positions carry, instead of the topic's id, a mark with the end
up to which nothing is sent: a worker stops at it, and a rebuild that was broken off goes on.
"""

import asyncio
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from projections.tables import REBUILT
from schemas.topics import ALERTS, TIMELINE

from . import database, positions
from .database import open_pool
from .engine import Engine
from .reach import reach_kafka
from .settings import Settings
from .shell import Failed, Refused, say
from .stop import Fenced, HistoryExpired
from .topics import check_settings, extents, topic_ids

UNDER_WAY = "a rebuild up to "

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Share:
    """What is to be folded of a partition: from `start` until before `end`."""

    partition: int
    start: int
    end: int


def run(settings: Settings, options: Namespace) -> None:
    """Rebuild into an empty database; afterwards the workers go on."""
    reach_kafka(settings)
    check_settings(settings)
    ids = topic_ids(settings)
    with database.connect(settings) as connection:
        shares = begin(settings, connection)
        began = time.monotonic()
        try:
            asyncio.run(_fold(settings, shares, options.batch))
        except Fenced:
            raise Failed("an engine worker moved a position: stop it, then rebuild again") from None
        slack = finish(settings, connection, ids)
    folded = sum(share.end - share.start for share in shares)
    say(f"folded {folded} records of {len(shares)} partitions in {time.monotonic() - began:.1f} s")
    if slack:
        say(f"slack goes on at the ends of {settings.topic(ALERTS)}: nothing old is sent")
    say("the engine may start")


def begin(settings: Settings, connection: Connection) -> list[Share]:
    """Mark the engine's positions; raises `Refused` where there is something to lose."""
    topic, found = settings.topic(TIMELINE), extents(settings, TIMELINE)
    expired = [p for p, extent in found.items() if extent.start > 0]
    if expired:
        raise HistoryExpired(
            f"{topic} does not begin at 0 in partitions {expired}: not all is left"
        )
    with connection.transaction():
        rows = connection.execute(
            "SELECT partition, topic_id, next_offset FROM positions"
            " WHERE app = 'engine' AND topic = %s FOR UPDATE",
            (topic,),
        ).fetchall()
        broken_off = {
            row[0]: Share(row[0], row[2], int(row[1].removeprefix(UNDER_WAY)))
            for row in rows
            if row[1].startswith(UNDER_WAY)
        }
        if broken_off and len(broken_off) == len(rows) == len(found):
            say("going on with the rebuild that was broken off")
            return [broken_off[p] for p in sorted(broken_off)]
        _check_empty(connection, {row[0]: row[2] for row in rows})
        shares = [Share(p, 0, extent.end) for p, extent in sorted(found.items())]
        for share in shares:
            connection.execute(
                """
                INSERT INTO positions (app, topic, partition, topic_id, next_offset)
                VALUES ('engine', %s, %s, %s, 0)
                ON CONFLICT (app, topic, partition) DO UPDATE SET
                    topic_id = excluded.topic_id, log_time = NULL, ticked = NULL
                """,
                (topic, share.partition, f"{UNDER_WAY}{share.end}"),
            )
    return shares


def _check_empty(connection: Connection, known: Mapping[int, int]) -> None:
    full = [
        table.fullname
        for table in REBUILT
        if connection.execute(f"SELECT EXISTS (SELECT FROM {table.fullname})").fetchone() == (True,)
    ]
    if full:
        raise Refused(
            f"{', '.join(full)} hold rows; a rebuild goes into an empty database, such as a new one"
            " after `laurel migrate`"
        )
    moved = {partition: offset for partition, offset in known.items() if offset}
    if moved:
        raise Refused(f"the engine has positions (partition: offset) {moved}; they must be gone")


async def _fold(settings: Settings, shares: list[Share], batch: int) -> None:
    topic = settings.topic(TIMELINE)
    quiet_until = {share.partition: share.end for share in shares}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, enable_auto_commit=False
    )
    await consumer.start()
    try:
        async with open_pool(settings, size=2) as pool:
            engine = Engine(settings, pool, _nothing_to_ask, quiet_until)
            for share in shares:
                place = TopicPartition(topic, share.partition)
                consumer.assign([place])
                consumer.seek(place, share.start)
                await _fold_share(engine, consumer, share, place, batch)
                engine.forget([share.partition])
    finally:
        await consumer.stop()


async def _nothing_to_ask(_: TP) -> None:
    """Topic and extent were looked at when the rebuild began."""


async def _fold_share(
    engine: Engine, consumer: AIOKafkaConsumer, share: Share, place: TopicPartition, batch: int
) -> None:
    tp, at = TP(place.topic, place.partition), share.start
    while at < share.end:
        _show(share, at)
        found = await consumer.getmany(place, timeout_ms=1000, max_records=batch)
        records = [record for record in found.get(place, []) if record.offset < share.end]
        if records:
            await engine.work(tp, records, sought=True)
            at = records[-1].offset + 1
    _show(share, at)
    say()


def _show(share: Share, at: int) -> None:
    """How far a partition has come: over and over on a terminal, else once it is done."""
    told = f"partition {share.partition}: {at}/{share.end}"
    if sys.stdout.isatty():
        sys.stdout.write(f"\r{told}\033[K")
        sys.stdout.flush()
    elif at >= share.end:
        sys.stdout.write(told)


def finish(settings: Settings, connection: Connection, ids: Mapping[str, str]) -> int:
    """Let the engine start, and slack go on at the ends of partitions in which it never was."""
    timeline, alerts = settings.topic(TIMELINE), settings.topic(ALERTS)
    with connection.transaction():
        connection.execute(
            "UPDATE positions SET topic_id = %s WHERE app = 'engine' AND topic = %s",
            (ids[timeline], timeline),
        )
        ends = {p: extent.end for p, extent in extents(settings, ALERTS).items()}
        return positions.register(connection, "slack", alerts, ids[alerts], ends)
