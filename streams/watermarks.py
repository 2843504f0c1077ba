"""Up to when has an idle intake partition been forwarded? Up to the clock, if nothing is left.

The clock is read before the partition's end is asked for, so nothing heard before it can be missed.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from aiokafka import TopicPartition
from faust.types import TP

from . import clock, positions
from .consumer import make_consumer
from .database import Pool
from .settings import Settings

Ends = Callable[[], Awaitable[Mapping[TP, int]]]
"""Asks the broker where the intake partitions that this worker owns end."""

LOOKS = 10
"""After so many looks at a partition that stands before its end, see if a record is left in it."""


class Watermarks:
    """Moves the watermarks of intake partitions that have been read to their ends."""

    def __init__(self, settings: Settings, pool: Pool, ends: Ends) -> None:
        self._settings = settings
        self._pool = pool
        self._ends = ends
        self._stands: dict[TP, tuple[int, int]] = {}

    async def look(self) -> int:
        """One look; returns how many partitions have been read to their ends."""
        async with self._pool.connection() as connection:
            now = (await clock.read(connection)).now
        ends = await self._ends()
        async with self._pool.connection() as connection:
            known = await positions.read(connection, "intake")
        drained = {}
        for tp, end in ends.items():
            position = known.get((tp.topic, tp.partition))
            if position is None:
                continue
            at = position.next_offset
            if at == end or (self._is_stuck(tp, at) and await self._nothing_left(tp, at, end)):
                drained[tp] = at, end
        return await self._drained(drained, now)

    def _is_stuck(self, tp: TP, position: int) -> bool:
        """Whether it is time to see what keeps a partition from its end."""
        before, looks = self._stands.get(tp, (position, 0))
        looks = looks + 1 if before == position else 1
        self._stands[tp] = position, looks
        return looks % LOOKS == 0

    async def _nothing_left(self, tp: TP, position: int, end: int) -> bool:
        """Whether only markers and aborted records of foreign transactions lie before the end."""
        consumer = make_consumer(self._settings)
        place = TopicPartition(tp.topic, tp.partition)
        await consumer.start()
        try:
            consumer.assign([place])
            consumer.seek(place, position)
            records = await consumer.getmany(place, timeout_ms=1000, max_records=1)
            return not records and await consumer.position(place) >= end
        finally:
            await consumer.stop()

    async def _drained(self, partitions: Mapping[TP, tuple[int, int]], now: datetime) -> int:
        """Move these, from position to end, unless another owner moved them meanwhile."""
        if not partitions:
            return 0
        async with self._pool.connection() as connection:
            moved = await connection.execute(
                """
                -- these partitions are read to their ends: everything heard before now is forwarded
                UPDATE positions SET next_offset = said.till, watermark = greatest(watermark, %s)
                FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[])
                    AS said (topic, partition, at, till)
                WHERE app = 'intake' AND positions.topic = said.topic
                  AND positions.partition = said.partition AND next_offset = said.at
                """,
                (
                    now,
                    [tp.topic for tp in partitions],
                    [tp.partition for tp in partitions],
                    [at for at, _ in partitions.values()],
                    [till for _, till in partitions.values()],
                ),
            )
        return moved.rowcount
