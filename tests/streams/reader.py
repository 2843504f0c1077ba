"""What does the transport bring? A worker that notes each batch, and folds nothing.

`LOSE=20,30`: batches that hold these offsets are lost once, as a rebalance may lose them.
`STOP_FLOW=1`: the first records come just when a rebalance has stopped the flow.
`OVERTAKEN=1`: another owner moves on while this one asks Kafka where partitions end.
`SEEK_WITHIN=3`: seconds for an assignment.
`PATIENT=1`: one look for records lasts until some come.
`LOOK=1`: Faust looks after its partitions all the time, not every few seconds.
`CRASH=1`: a task of Faust's own fails.
`LATE=1`: what is to be committed belongs to somebody else by then.
"""

import asyncio
import os
from collections.abc import Collection, Mapping
from typing import Any

from faust.types import TP
from mode import Service

from streams import apps
from streams.extent import Extent
from streams.lanes import Lanes
from streams.logs import log
from streams.settings import Settings, load
from streams.stop import Beyond, TimelineHole
from streams.transport import Batch, BatchConsumer, Record


class Losing(Lanes):
    """Lanes that some batches never reach."""

    lose = frozenset(int(offset) for offset in os.environ.get("LOSE", "").split(",") if offset)

    async def put(self, batch: Batch) -> None:
        offsets = [record.offset for record in batch.records]
        if lost := self.lose.intersection(offsets):
            self.lose -= lost
            log("lost", partition=batch.tp.partition, first=offsets[0], last=offsets[-1])
        else:
            await super().put(batch)


def stopping_flow(consumer: type[BatchConsumer]) -> type[BatchConsumer]:
    """A consumer whose flow stops while its first fetch is under way, and goes on at once."""

    class Stopping(consumer):  # type: ignore[misc, valid-type]
        stopped = False

        async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109
            fetched, active = await super()._wait_next_records(timeout)
            if fetched and not self.stopped:
                self.stopped = True
                self.stop_flow()
                asyncio.get_running_loop().call_soon(self.resume_flow)
                log("flow_stopped")
            return fetched, active

    return Stopping


def patient(consumer: type[BatchConsumer]) -> type[BatchConsumer]:
    """A consumer that waits until something comes, however long."""

    class Patient(consumer):  # type: ignore[misc, valid-type]
        async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109
            while True:
                fetched, active = await super()._wait_next_records(timeout)
                if fetched or self.should_stop:
                    return fetched, active

    return Patient


def looking(consumer: type[BatchConsumer]) -> type[BatchConsumer]:
    """A consumer that never leaves off looking after its partitions."""

    class Looking(consumer):  # type: ignore[misc, valid-type]
        async def seek_to_committed(self) -> Mapping[TP, int]:
            found: Mapping[TP, int] = await super().seek_to_committed()
            self.add_future(self._look())
            return found

        async def _look(self) -> None:
            while not self.should_stop:
                await self.verify_all_partitions_active()

    return Looking


def crashing(consumer: type[BatchConsumer]) -> type[BatchConsumer]:
    """A consumer of which a task fails."""

    class Crashing(consumer):  # type: ignore[misc, valid-type]
        @Service.task  # type: ignore[untyped-decorator]
        async def _fail(self) -> None:
            raise AssertionError("as a library may")

    return Crashing


def late(consumer: type[BatchConsumer]) -> type[BatchConsumer]:
    """A consumer whose commits find none of their partitions assigned, and one not even known."""

    class Late(consumer):  # type: ignore[misc, valid-type]
        async def commit(self, *_: Any, **__: Any) -> bool:
            done: bool = await self._thread.commit({TP("elsewhere", 0): 1})
            log("committed", done=done)
            return done

    return Late


CONSUMERS = {
    "STOP_FLOW": stopping_flow,
    "PATIENT": patient,
    "LOOK": looking,
    "CRASH": crashing,
    "LATE": late,
}


class Reader(apps.Worker):
    """Takes the engine's place: its topic, its group and its positions."""

    kind = "engine"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.lanes = Losing(self.take, self._seek)
        for asked in CONSUMERS.keys() & os.environ.keys():
            self.app.transport.Consumer = CONSUMERS[asked](self.app.transport.Consumer)

    async def extents(self, partitions: Collection[TP]) -> Mapping[TP, Extent]:
        found = await super().extents(partitions)
        if os.environ.get("OVERTAKEN"):
            await self._overtake(partitions)
        return found

    async def _overtake(self, partitions: Collection[TP]) -> None:
        """What another owner does while Kafka's answer is on its way: one more record, taken."""
        for tp in partitions:
            await self.producer.send_and_wait(tp.topic, b"k", partition=tp.partition)
            async with self.pool.connection() as connection:
                await connection.execute(
                    "UPDATE positions SET next_offset = next_offset + 1"
                    " WHERE app = 'engine' AND topic = %s AND partition = %s",
                    tp,
                )
        log("overtaken")

    async def work(self, tp: TP, records: list[Record], sought: bool) -> None:
        first, last = records[0].offset, records[-1].offset
        async with self.pool.connection() as connection, connection.transaction():
            row = await (
                await connection.execute(
                    "SELECT next_offset FROM positions"
                    " WHERE app = 'engine' AND topic = %s AND partition = %s FOR UPDATE",
                    (tp.topic, tp.partition),
                )
            ).fetchone()
            assert row is not None
            if last < row[0]:
                log("behind", partition=tp.partition, first=first, last=last)
                return
            if first > row[0]:
                raise TimelineHole(f"at {row[0]}") if sought else Beyond(row[0])
            await connection.execute(
                "UPDATE positions SET next_offset = %s"
                " WHERE app = 'engine' AND topic = %s AND partition = %s",
                (last + 1, tp.topic, tp.partition),
            )
        log("read", partition=tp.partition, first=max(first, row[0]), last=last)


if __name__ == "__main__":
    apps.SEEK_WITHIN = float(os.environ.get("SEEK_WITHIN", apps.SEEK_WITHIN))
    apps.run(Reader(load()))
