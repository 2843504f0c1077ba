"""How does a test take intake's steps one by one, on the real broker and database?"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from typing import Any, TypeVar

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from schemas.envelope import Told, decode, from_epoch_ms, stamp
from schemas.facts import Fact
from schemas.topics import DIRECTORY, TIMELINE, TRAINING
from streams import clock
from streams.append import open_producer
from streams.database import Connection, Pool, open_pool
from streams.intake import Intake, Resolved
from streams.sweep import sweep
from streams.transport import Record
from streams.watermarks import Watermarks

from .system import Rows, System

T = TypeVar("T")

Headers = list[tuple[str, bytes]]


def event(
    wire: str, time: datetime, id: str, /, source: str = "urn:lms", **data: Any
) -> dict[str, Any]:
    """A CloudEvent."""
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": wire,
        "time": time.isoformat(),
        "data": data,
    }


class Steps:
    """Intake without a worker around it: what a test calls happens, and nothing else."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.settings = system.settings
        self.rechecked: Counter[TP] = Counter()
        self.locked_meanwhile: list[TP] = []
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.run(self._open())

    async def _open(self) -> None:
        self.pool = await self._stack.enter_async_context(open_pool(self.settings))
        self.producer = await self._stack.enter_async_context(open_producer(self.settings))
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka_bootstrap)
        await self._consumer.start()
        self._stack.push_async_callback(self._consumer.stop)
        self.intake = Intake(self.settings, self.pool, self.producer, self._recheck)
        self.watermarks = Watermarks(self.settings, self.pool, self._ends)

    def close(self) -> None:
        """Leave broker and database."""
        self.run(self._stack.aclose())
        self._runner.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine."""
        return self._runner.run(coroutine)

    def ask(self, coroutine: Any, *arguments: Any, **named: Any) -> Any:
        """Wait for a function that takes a connection first, in a transaction of its own."""

        async def call() -> Any:
            async with self.pool.connection() as connection:
                return await coroutine(connection, *arguments, **named)

        return self.run(call())

    def say(
        self,
        *events: Mapping[str, Any] | bytes,
        partition: int = 0,
        topic: str = TRAINING,
        headers: Headers | None = None,
    ) -> None:
        """Put events on a partition of an intake topic."""
        values = [one if isinstance(one, bytes) else orjson.dumps(one) for one in events]
        self.system.append(topic, partition, "any", *values, headers=headers)

    def tp(self, partition: int = 0, topic: str = TRAINING) -> TP:
        """A partition of an intake topic."""
        return TP(self.settings.topic(topic), partition)

    def position(self, tp: TP) -> tuple[int, datetime | None]:
        """How far intake has come, and its watermark."""
        rows = self.system.rows(
            "SELECT next_offset, watermark FROM positions"
            " WHERE app = 'intake' AND topic = %s AND partition = %s",
            *tp,
        )
        return rows[0][0], rows[0][1]

    def waiting(self, tp: TP, start: int | None = None) -> list[Record]:
        """The records of a partition from the position on, as the worker would fetch them."""
        at = self.position(tp)[0] if start is None else start
        return self.run(self._fetch(tp, at))

    def resolve(self, tp: TP, records: list[Record] | None = None) -> Resolved:
        """Step 1, for everything that waits or these records."""
        batch = self.waiting(tp) if records is None else records
        resolved = self.run(self.intake.resolve(tp, batch, False))
        assert resolved is not None
        return resolved

    def forward(self, resolved: Resolved) -> None:
        """Step 2."""
        self.run(self.intake.forward(resolved))

    def move(self, tp: TP, resolved: Resolved) -> None:
        """Step 3."""
        self.run(self.intake.move(tp, resolved))

    def take(self, tp: TP) -> None:
        """All three, for everything that waits."""
        if batch := self.waiting(tp):
            self.run(self.intake.work(tp, batch, False))

    def tell(self, *events: Mapping[str, Any], partition: int = 0) -> None:
        """Say it on the directory's topic and take it."""
        self.say(*events, partition=partition, topic=DIRECTORY)
        self.take(self.tp(partition, DIRECTORY))

    def sweep(self) -> int:
        """One pass over what waits."""
        return self.run(sweep(self.pool, self.producer))

    def settle(self, *places: TP) -> int:
        """Sweep and take what comes back until nothing moves; returns how many rows moved."""
        total = 0
        while moved := self.sweep():
            total += moved
            for tp in places:
                self.take(tp)
        return total

    def look(self) -> int:
        """One look at the watermarks."""
        return self.run(self.watermarks.look())

    def drive(self, now: datetime) -> None:
        """Set the clock."""
        self.ask(clock.drive, now)

    def rows(self, query: str, *parameters: object) -> Rows:
        """What a query answers."""
        return self.system.rows(query, *parameters)

    def quarantine(self) -> Rows:
        """(id, offset, reason, status) of what waits."""
        return self.rows('SELECT id, "offset", reason, status FROM quarantine ORDER BY id')

    def dead_letters(self) -> Rows:
        """(id, offset, reason, detail) of what was refused."""
        return self.rows('SELECT id, "offset", reason, detail FROM dead_letters ORDER BY id')

    def timeline(self) -> dict[int, list[Told]]:
        """What stands on the timeline, by partition."""
        return {
            partition: [
                decode(record.value)
                for record in self.run(self._fetch(TP(self.settings.topic(TIMELINE), partition), 0))
            ]
            for partition in range(self.settings.laurel_partitions)
        }

    def facts(self, kind: type[Fact]) -> list[Any]:
        """The facts of a kind on the timeline; of the catalogue one for each partition."""
        return [
            told.fact
            for records in self.timeline().values()
            for told in records
            if isinstance(told.fact, kind)
        ]

    def heard(self, record: Record) -> datetime:
        """When the broker took a record."""
        return from_epoch_ms(record.timestamp)

    async def _fetch(self, tp: TP, start: int) -> list[Record]:
        place = TopicPartition(*tp)
        self._consumer.assign([place])
        end = (await self._consumer.end_offsets([place]))[place]
        self._consumer.seek(place, start)
        records: list[Record] = []
        async with asyncio.timeout(30):
            while await self._consumer.position(place) < end:
                found = await self._consumer.getmany(place, timeout_ms=100)
                records += found.get(place, [])
        return records

    async def _ends(self) -> Mapping[TP, int]:
        """Of one partition only, as if another worker owned the others."""
        tp = self.tp()
        ends = await self._consumer.end_offsets([TopicPartition(*tp)])
        return {TP(*place): end for place, end in ends.items()}

    async def _recheck(self, tp: TP) -> None:
        self.rechecked[tp] += 1
        async with self.pool.connection() as connection:
            free = await connection.execute(
                "SELECT FROM positions WHERE app = 'intake' AND topic = %s AND partition = %s"
                " FOR UPDATE SKIP LOCKED",
                tuple(tp),
            )
            if not free.rowcount:
                self.locked_meanwhile.append(tp)


@contextmanager
def steps(system: System) -> Iterator[Steps]:
    """Intake's steps in this system."""
    made = Steps(system)
    try:
        yield made
    finally:
        made.close()


async def in_transaction(connection: Connection, query: str, *parameters: object) -> None:
    """Run a statement; the transaction stays open."""
    await connection.execute(query, parameters)


async def await_waiting(pool: Pool, count: int = 1) -> None:
    """Wait until so many sessions wait for locks in this database."""
    async with pool.connection() as watching, asyncio.timeout(30):
        while True:
            cursor = await watching.execute(
                "SELECT FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            await watching.commit()
            if cursor.rowcount >= count:
                return


def driven(at: datetime) -> Headers:
    """The header by which a played record says when it was heard."""
    return [("recordedtime", stamp(at).encode())]
