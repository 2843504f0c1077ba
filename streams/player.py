"""When is a step of a play over? When nothing of it is on its way and nothing is due any more."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from datetime import datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.envelope import stamp
from schemas.topics import READS, RECORDED_TIME, TIMELINE, App

from . import clock, positions, releases
from .append import open_producer
from .consumer import make_consumer
from .database import Connection, Pool, open_pool
from .failpoints import failpoint
from .play_file import Line
from .settings import Settings
from .shell import Refused, complain
from .sweep import on_the_way, sweep
from .ticker import append_tick

ONE_PLAYER = 7_205_759_405
"""Advisory lock: two players at once would drive the clock to and fro."""

POLL, LONGEST_POLL = 0.005, 0.04
"""Seconds between two looks: short at first, and longer the longer there is something to do."""

IMPATIENT = 10.0
"""Seconds after which a player says what it waits for."""


class Player:
    """Drives the clock, delivers, and waits for the workers."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        connection: Connection,
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self.connection = connection
        self._producer = producer
        self._consumer = consumer
        self.ticks = 0
        self._settled = -1

    async def step(self, end: datetime, lines: Iterable[Line], everywhere: bool) -> None:
        """One step, up to and with its tick; `everywhere`: also where nothing waits for one.

        A tick fires a limited number of states, so there may be several.
        """
        await clock.drive(self.connection, end)
        failpoint("play.driven")
        await self._deliver(lines)
        failpoint("play.delivered")
        known = await self._settle(end)
        await self._wait("engine")
        failpoint("play.folded")
        partitions = range(self._settings.laurel_partitions)
        ticking: Collection[int] = partitions if everywhere else await self._due(end)
        while ticking:
            await self._tick(ticking, end, known)
            failpoint("play.ticked")
            ticking = await self._due(end)
            if ticking:
                known = await self._settle(end)

    async def next_due(self) -> datetime | None:
        """When the next deadline passes, or the next event that lay in the future may go on."""
        cursor = await self.connection.execute(
            """
            SELECT least(
                (SELECT min(first.due_at) FROM generate_series(0, %s) AS p, LATERAL (
                    SELECT due_at FROM states WHERE partition = p AND due_at IS NOT NULL
                    ORDER BY due_at LIMIT 1) AS first),
                (SELECT min(due_at) FROM quarantine WHERE status = 'waiting' AND reason = 'future'))
            """,
            (self._settings.laurel_partitions - 1,),
        )
        row = await cursor.fetchone()
        return row[0] if row else None

    async def check(self) -> None:
        """Raises `Refused` where intake or engine lack a position, so that nothing would move."""
        apps: tuple[App, ...] = ("intake", "engine")
        for app in apps:
            known = await positions.read(self.connection, app)
            for place in self._places(app):
                if place not in known:
                    raise Refused(
                        f"{app} has no position in {place[0]}[{place[1]}]: run `laurel topics`"
                    )

    async def heard(self) -> datetime | None:
        """The latest time that any partition of the timeline has heard the clock say."""
        cursor = await self.connection.execute(
            "SELECT max(ticked) FROM positions WHERE app = 'engine' AND topic = %s",
            (self._settings.topic(TIMELINE),),
        )
        row = await cursor.fetchone()
        return row[0] if row else None

    async def _deliver(self, lines: Iterable[Line]) -> None:
        sent = [
            await self._producer.send(
                self._settings.topic(line.topic),
                line.value,
                key=line.key,
                headers=[(RECORDED_TIME, stamp(line.deliver_at).encode())],
            )
            for line in lines
        ]
        for acknowledgement in sent:
            await acknowledgement

    async def _settle(self, end: datetime) -> int:
        """Wait until everything is forwarded and nothing that waited can go on.

        Returns how many releases that takes in.

        The ends are compared, because a worker's own sweep may publish and forward in between.
        """
        while True:
            known = await releases.count(self.connection)
            before = await self._wait("intake")
            learned, waiting = await self._to_release(end)
            if learned == self._settled and not waiting:
                return known
            moved = await sweep(self._pool, self._producer)
            if moved or await on_the_way(self.connection):
                continue
            if await self._wait("intake") == before:
                self._settled = learned
                return known

    async def _to_release(self, end: datetime) -> tuple[int, bool]:
        """What the directory has come to, and whether anything may go on for another reason."""
        cursor = await self.connection.execute(
            """
            SELECT version,
                   EXISTS (SELECT FROM quarantine WHERE status = 'releasing'
                           OR status = 'waiting' AND reason = 'future' AND due_at <= %s)
                   OR EXISTS (SELECT FROM dead_letters WHERE status = 'replaying')
            FROM directory_version
            """,
            (end,),
        )
        (found,) = await cursor.fetchall()
        return found[0], found[1]

    async def _due(self, end: datetime) -> list[int]:
        """The partitions in which something is due by now."""
        cursor = await self.connection.execute(
            """
            SELECT p FROM generate_series(0, %s) AS p
            WHERE EXISTS (SELECT FROM states WHERE partition = p AND due_at <= %s)
            """,
            (self._settings.laurel_partitions - 1, end),
        )
        return [row[0] for row in await cursor.fetchall()]

    async def _tick(self, partitions: Iterable[int], end: datetime, known: int) -> None:
        topic = self._settings.topic(TIMELINE)
        ticks = (append_tick(self._producer, topic, p, end, known) for p in partitions)
        await asyncio.gather(*ticks)
        self.ticks += 1
        await self._wait("engine")

    async def _wait(self, app: App) -> int:
        """Wait until an app has come to the ends of its topics; returns the sum of these ends."""
        places = [TopicPartition(*place) for place in self._places(app)]
        began, said = time.monotonic(), False
        ends, pause = 0, POLL
        while True:
            # Positions never lie beyond the ends, so where the sums are equal all are; they are
            # asked for first, because the ends may grow in between.
            reached = await self._reached(app)
            if reached >= ends:
                ends = sum((await self._consumer.end_offsets(places)).values())
            if reached == ends:
                return ends
            if not said and time.monotonic() - began > IMPATIENT:
                complain(f"waiting for {app}, {ends - reached} records behind: is it running?")
                said = True
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL)

    async def _reached(self, app: App) -> int:
        cursor = await self.connection.execute(
            "SELECT sum(next_offset)::bigint FROM positions WHERE app = %s AND topic = ANY(%s)",
            (app, [self._settings.topic(name) for name in READS[app]]),
        )
        row = await cursor.fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def _places(self, app: App) -> list[positions.Place]:
        topics = [self._settings.topic(name) for name in READS[app]]
        return [(topic, p) for topic in topics for p in range(self._settings.laurel_partitions)]


@asynccontextmanager
async def open_player(settings: Settings) -> AsyncIterator[Player]:
    """The one player of this database; raises `Refused` where another is at it."""
    async with open_pool(settings, size=2) as pool, open_producer(settings) as producer:
        consumer = make_consumer(settings)
        await consumer.start()
        try:
            async with pool.connection() as connection:
                await connection.set_autocommit(True)
                cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (ONE_PLAYER,))
                if await cursor.fetchone() == (False,):
                    raise Refused("another play is under way here; end it first")
                yield Player(settings, pool, connection, producer, consumer)
        finally:
            await consumer.stop()
