"""How do batches of one partition stay in order while partitions overlap? One lane each.

A lane is one task and a queue of two batches; the single agent feeds all lanes.
Lanes are dropped on revocation, which comes before every assignment: what they held is fetched
again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from faust.types import TP

from . import metrics
from .database import PASSING, lasts
from .logs import log
from .process import die
from .stop import Beyond, Fenced
from .transport import Batch, Record

Work = Callable[[TP, list[Record], bool], Awaitable[None]]
"""Fold a partition's records and commit; the flag says that a hole was sought back to just now."""

Seek = Callable[[TP, int], Awaitable[int]]
"""Read a partition again from this offset on; returns the `seeks` of the batches fetched after."""

BACK_OFF = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class Lane:
    """One partition's queue, and the task that folds and commits its batches in order."""

    def __init__(self, tp: TP, work: Work, seek: Seek) -> None:
        self.tp = tp
        self.queue: asyncio.Queue[Batch] = asyncio.Queue(2)
        self._work = work
        self._seek = seek
        self._sought = 0
        self._healing = False
        self._batch: Batch | None = None
        self.task = asyncio.create_task(self._run(), name=f"lane {tp.topic}[{tp.partition}]")

    async def _run(self) -> None:
        while True:
            batch = self._batch = await self.queue.get()
            try:
                await self._commit(batch)
            except asyncio.CancelledError:
                raise
            except BaseException as fault:  # noqa: BLE001 -- whatever it is, nothing may go on
                die(fault, partition=self.tp.partition, topic=self.tp.topic)
            self._batch = None

    @property
    def waited(self) -> float:
        """Seconds since the broker took the first record of the batch that is worked on."""
        if self._batch is None:
            return 0.0
        began: int = self._batch.records[0].timestamp
        return max(0.0, time.time() - began / 1000)

    async def _commit(self, batch: Batch) -> None:
        # Where more was lost since, a hole is not for good before it is sought back to once more.
        sought = self._healing and batch.seeks == self._sought
        tries = 0
        while True:
            try:
                await self._work(self.tp, batch.records, sought)
            except Beyond as hole:
                if self._healing and batch.seeks < self._sought:
                    return  # fetched before the lane sought back; what it lacks is on its way
                log(
                    "hole",
                    topic=self.tp.topic,
                    partition=self.tp.partition,
                    position=hole.position,
                )
                metrics.HOLES.labels(self.tp.topic).inc()
                self._sought = await self._seek(self.tp, hole.position)
                self._healing = True
                return
            except Fenced as fenced:
                log("fenced", topic=self.tp.topic, partition=self.tp.partition, why=str(fenced))
                metrics.FENCES.labels(self.tp.topic).inc()
            except PASSING as fault:
                if lasts(fault):
                    raise
                log("database", fault=type(fault).__name__, why=str(fault).strip(), tries=tries)
                metrics.RETRIES.labels(self.tp.topic).inc()
            else:
                self._healing = False
                metrics.BATCH_RECORDS.labels(self.tp.topic).observe(len(batch.records))
                return
            await asyncio.sleep(BACK_OFF[min(tries, len(BACK_OFF) - 1)])
            tries += 1

    async def drop(self) -> None:
        """End the task; a put that waits for room ends too, and its batch is forgotten."""
        self.task.cancel()
        while not self.queue.empty():
            self.queue.get_nowait()
        await asyncio.gather(self.task, return_exceptions=True)


class Lanes:
    """The lanes of the partitions that this worker owns."""

    def __init__(self, work: Work, seek: Seek) -> None:
        self._work = work
        self._seek = seek
        self._lanes: dict[TP, Lane] = {}

    async def put(self, batch: Batch) -> None:
        """Hand a batch to its lane, waiting while two are queued there."""
        lane = self._lanes.get(batch.tp)
        if lane is None:
            lane = self._lanes[batch.tp] = Lane(batch.tp, self._work, self._seek)
        await lane.queue.put(batch)

    @property
    def waited(self) -> dict[TP, float]:
        """For how many seconds the records have waited that the lanes work on."""
        return {tp: lane.waited for tp, lane in self._lanes.items()}

    async def drop(self, partitions: Iterable[TP]) -> None:
        """Drop the lanes of these partitions."""
        for tp in partitions:
            lane = self._lanes.pop(tp, None)
            if lane is not None:
                await lane.drop()
