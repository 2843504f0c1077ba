"""Who looks after a worker, and ends it when it is stuck? Looks by connections of their own.

What the worker's own pool or consumer is stuck in must not hold up what is to notice it.
"""

import asyncio
import faulthandler
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress

import kafka.errors
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP
from kafka import KafkaAdminClient

from schemas.topics import READS, App

from . import positions
from .consumer import make_consumer
from .database import PASSING, Pool
from .health import Group, Health, Stand
from .process import die
from .settings import Settings
from .stop import LoopBlocked
from .topics import admin

ANSWER_WITHIN = 5.0
"""Seconds that Postgres and Kafka are given for a look."""

EVERY = 1.0

GROUP_EVERY = 5.0
"""Where all partitions have owners; else they are looked at as often as the rest."""


class Monitor:
    """Looks at a worker's partitions, group and database, and strikes where nothing moves."""

    def __init__(
        self, settings: Settings, app: App, pool: Pool, owned: Callable[[], Collection[TP]]
    ) -> None:
        self._settings = settings
        self.app = app
        self._pool = pool
        self._owned = owned
        self.health = Health(
            app,
            frozenset(
                TP(settings.topic(topic), partition)
                for topic in READS[app]
                for partition in range(settings.laurel_partitions)
            ),
        )
        self._ends: AIOKafkaConsumer | None = None
        self._admin: KafkaAdminClient | None = None
        self._looked = self._looked_at_group = time.monotonic()
        self._beats = 0

    async def beat(self) -> int:
        """Show the thread that the event loop moves; a look may have to wait for long."""
        self._beats += 1
        return 0

    async def look(self) -> int:
        """Look at positions and ends, then judge; what is not answered says nothing."""
        places: dict[TP, int] | None = None
        ends: dict[TP, int] | None = None
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                places = await self._positions()
            self.health.database = ""
        except (*PASSING, TimeoutError) as fault:
            self.health.database = f"does not answer: {_first_line(fault)}"
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                ends = await self._ask_ends()
        except (KafkaError, TimeoutError):
            await self._drop_consumer()
        seconds, self._looked = _since(self._looked, EVERY)
        if places is None or ends is None:
            return 0
        stands = {tp: Stand(places[tp], ends[tp]) for tp in places.keys() & ends.keys()}
        self.health.look(stands, self._owned(), seconds)
        self._judge()
        return 0

    async def look_at_group(self) -> int:
        """Ask the broker who owns what, unless all is well and that was just now; then judge."""
        well = self.health.group is not None and not self.health.unowned
        if well and time.monotonic() < self._looked_at_group + GROUP_EVERY:
            return 0
        try:
            group = await asyncio.to_thread(self._describe)
        except kafka.errors.KafkaError:
            group = None
        seconds, self._looked_at_group = _since(self._looked_at_group, EVERY)
        if group is not None:
            self.health.look_at_group(group, seconds)
            self._judge()
        return 0

    def guard(self) -> None:
        """Start the thread that ends the process when its event loop does nothing any more."""
        if self._settings.laurel_watchdog_seconds:
            threading.Thread(target=self._guard, name="watchdog", daemon=True).start()

    def _guard(self) -> None:
        beats, missed = self._beats, 0.0
        while missed < self._settings.laurel_watchdog_seconds:
            # Counted, not measured: a process that was frozen is not stuck.
            time.sleep(EVERY)
            missed = missed + EVERY if beats == self._beats else 0.0
            beats = self._beats
        faulthandler.dump_traceback(all_threads=True)
        die(LoopBlocked(f"the event loop has not moved for {missed:.0f} s"), app=self.app)

    def _judge(self) -> None:
        limit = self._settings.laurel_watchdog_seconds
        verdict = self.health.verdict(limit) if limit else None
        if verdict:
            die(verdict, app=self.app)

    async def _positions(self) -> dict[TP, int]:
        async with self._pool.connection() as connection:
            known = await positions.read(connection, self.app)
        return {TP(*place): position.next_offset for place, position in known.items()}

    async def _ask_ends(self) -> dict[TP, int]:
        if self._ends is None:
            # Its ends are those of what may be read: what is not committed is no lag.
            self._ends = make_consumer(self._settings)
            await self._ends.start()
        places = [TopicPartition(*tp) for tp in self.health.partitions]
        found = await self._ends.end_offsets(places)
        return {TP(place.topic, place.partition): int(end) for place, end in found.items()}

    async def _drop_consumer(self) -> None:
        consumer, self._ends = self._ends, None
        if consumer is not None:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(ANSWER_WITHIN):
                    await consumer.stop()

    def _describe(self) -> Group:
        """Ask with a client that is kept; after a fault with a new one."""
        client, self._admin = self._admin or admin(self._settings), None
        name = self._settings.group(self.app)
        try:
            group = client.describe_groups([name])[name]
        except BaseException:
            client.close()
            raise
        self._admin = client
        return _group(group, self._settings.instance(self.app))


def _group(described: dict[str, object], instance: str) -> Group:
    """Who owns what; nobody owns anything while members come together."""
    owned: dict[str, set[TP]] = {}
    members = described["members"] if described["group_state"] == "Stable" else []
    assert isinstance(members, list)
    for member in members:
        places = owned.setdefault(member["group_instance_id"], set())
        assignment = member["member_assignment"]
        for topic in assignment["assigned_partitions"] if isinstance(assignment, dict) else ():
            places.update(TP(topic["topic"], number) for number in topic["partitions"])
    return Group(owned=frozenset().union(*owned.values()), ours=frozenset(owned.get(instance, ())))


def _since(before: float, at_most: float) -> tuple[float, float]:
    """Seconds since then, hardly more than lie between two looks, and now."""
    now = time.monotonic()
    return min(now - before, 2 * at_most), now


def _first_line(fault: BaseException) -> str:
    return (str(fault).strip().splitlines() or ["it took too long"])[0]
