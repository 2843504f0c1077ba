"""When is it time to say what time it is? The owner of a partition appends ticks to it.

A tick claims no more than intake has forwarded, and is void if something was set free meanwhile.
One is outstanding at most, and while the clock is driven the player says it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from aiokafka import AIOKafkaProducer

from schemas.envelope import encode_tick
from schemas.topics import CATALOGUE, INTAKE, TIMELINE

from . import clock, metrics, positions, releases
from .database import Connection, Pool
from .failpoints import failpoint
from .settings import Settings

HEARTBEAT = timedelta(hours=1)


async def append_tick(
    producer: AIOKafkaProducer, topic: str, partition: int, now: datetime, releases: int
) -> int:
    """Append a tick; returns its offset once it is acknowledged."""
    value = encode_tick(now, partition, releases)
    record = await producer.send_and_wait(topic, value, key=CATALOGUE.encode(), partition=partition)
    return int(record.offset)


class Ticker:
    """Appends ticks for the partitions that this worker owns."""

    def __init__(self, settings: Settings, pool: Pool, producer: AIOKafkaProducer) -> None:
        self._settings = settings
        self._pool = pool
        self._producer = producer
        self._appended: dict[int, int] = {}
        self.driven = False
        """Whether the clock was driven when last looked at."""

    async def tick(self, partitions: Collection[int]) -> int:
        """One look at the clock; returns how many ticks were appended."""
        async with self._pool.connection() as connection:
            self.driven = (await clock.read(connection)).driven
            if self.driven:
                return 0
            # First: what is set free after this makes the tick stale.
            known = await releases.count(connection)
            now = await positions.watermark(connection, map(self._settings.topic, INTAKE))
            if now is None:
                return 0
            wanted = await self._wanted(connection, partitions, now)
        for partition in wanted:
            failpoint("ticker.before")
            self._appended[partition] = await append_tick(
                self._producer, self._settings.topic(TIMELINE), partition, now, known
            )
            metrics.TICKS.inc()
            failpoint("ticker.appended")
        return len(wanted)

    async def _wanted(
        self, connection: Connection, partitions: Collection[int], now: datetime
    ) -> list[int]:
        cursor = await connection.execute(
            """
            -- which partitions have something due, or hold something and have not heard the
            -- clock for an hour?
            SELECT partition, next_offset FROM positions p
            WHERE app = 'engine' AND topic = %s AND partition = ANY(%s)
              AND (coalesce(ticked < %s, next_offset > 0)
                   OR EXISTS (SELECT FROM states s
                              WHERE s.partition = p.partition AND s.due_at <= %s))
            """,
            (self._settings.topic(TIMELINE), list(partitions), now - HEARTBEAT, now),
        )
        # This worker's last tick must have been folded, by whomever.
        return [
            partition
            for partition, next_offset in await cursor.fetchall()
            if self._appended.get(partition, -1) < next_offset
        ]
