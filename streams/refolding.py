"""How is the timeline folded once more, into the shadow of what is read? From its beginning on."""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from projections.shadow import SCHEMA
from schemas.topics import TIMELINE

from .database import open_pool
from .engine import Engine
from .garbage import look_seldom
from .settings import Settings
from .shell import say

SAID_EVERY = 10
"""Seconds between lines of progress where no terminal shows it."""


LANES = 4
"""Partitions folded side by side, so that one is computed while others wait for Postgres."""


FETCHED_AT_MOST = 16 * 2**20
"""Bytes, so that a fetch fills any batch."""


class Refolding:
    """An engine of its own, and how far it has come in each partition."""

    def __init__(self, settings: Settings, batch: int) -> None:
        self.at = dict.fromkeys(range(settings.laurel_partitions), 0)
        self._settings = settings
        self._batch = batch
        self._said = time.monotonic()
        self._stack = AsyncExitStack()
        self._runner = asyncio.Runner()

    def open(self) -> None:
        """Reach for Kafka and Postgres."""
        look_seldom()
        self._runner.run(self._open())

    async def _open(self) -> None:
        self._consumers = [await self._consumer() for _ in range(LANES)]
        pool = await self._stack.enter_async_context(
            open_pool(self._settings, size=LANES, schema=SCHEMA)
        )
        self._engine = Engine(self._settings, pool, _nothing_to_ask, is_timed=lambda: False)

    async def _consumer(self) -> AIOKafkaConsumer:
        # As workers read: what a foreign producer's transaction took back was never said.
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap,
            enable_auto_commit=False,
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCHED_AT_MOST,
        )
        self._stack.push_async_callback(consumer.stop)
        await consumer.start()
        return consumer

    def close(self) -> None:
        """Leave them."""
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def fold(self, goals: Mapping[int, int]) -> int:
        """Fold each partition up to its goal; returns how many records that took."""
        before = sum(self.at.values())
        self._runner.run(self._fold(goals))
        return sum(self.at.values()) - before

    async def _fold(self, goals: Mapping[int, int]) -> None:
        # Whichever lane is free takes the next.
        partitions = iter([p for p, goal in goals.items() if self.at[p] < goal])
        try:
            async with asyncio.TaskGroup() as lanes:
                for consumer in self._consumers:
                    lanes.create_task(self._lane(consumer, partitions, goals))
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from None

    async def _lane(
        self, consumer: AIOKafkaConsumer, partitions: Iterator[int], goals: Mapping[int, int]
    ) -> None:
        for partition in partitions:
            tp = TP(self._settings.topic(TIMELINE), partition)
            place = TopicPartition(*tp)
            consumer.assign([place])
            consumer.seek(place, self.at[partition])
            while self.at[partition] < (goal := goals[partition]):
                self._show(sum(goals.values()))
                found = await consumer.getmany(place, timeout_ms=1000, max_records=self._batch)
                records = [record for record in found.get(place, []) if record.offset < goal]
                if records:
                    await self._engine.work(tp, records, sought=True)
                # The mark that ends a transaction takes an offset and is no record.
                self.at[partition] = min(await consumer.position(place), goal)

    def _show(self, of: int) -> None:
        """How far it has come: over and over on a terminal, else a line now and then."""
        told = f"folded {sum(self.at.values())} of {of} records"
        if sys.stdout.isatty():
            sys.stdout.write(f"\r{told}\033[K")
            sys.stdout.flush()
        elif time.monotonic() - self._said >= SAID_EVERY:
            self._said = time.monotonic()
            say(told)
            sys.stdout.flush()


@contextmanager
def refolding(settings: Settings, batch: int) -> Iterator[Refolding]:
    """One that is open."""
    made = Refolding(settings, batch)
    try:
        made.open()
        yield made
    finally:
        made.close()


async def _nothing_to_ask(_: TP) -> None:
    """Topic and extent were looked at when the rebuild began."""
