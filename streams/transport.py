"""How does Faust carry whole batches? One Faust event is one partition's batch of records.

Stock Faust spends four tasks on every message before an agent sees it (`Consumer._drain_messages`).
This subclass of its aiokafka consumer hands on what one fetch brought for a partition as a single
message, so agents, rebalances, acknowledgements and commits stay Faust's and cost nothing much.
It overrides `getmany`, `on_buffer_full`, `_read_offset`, `_new_offset`, `seek_to_committed`,
`verify_event_path`, and of its thread `_commit` and how aiokafka's consumer is made, internals of
faust-streaming 0.15.3.
That version is pinned, and tests on a real broker guard this.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import faust
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.serializers.codecs import Codec
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from .extent import Extent
from .logs import log

Record = Any
"""aiokafka's `ConsumerRecord`: offset, timestamp (ms), key, value, headers."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one fetch brought for a partition; `seeks`: how often it had been sought before."""

    tp: TP
    records: list[Record]
    seeks: int


StartingPoints = Callable[[Collection[TP]], Awaitable[Mapping[TP, int]]]
"""Asks Postgres where reading starts in the partitions assigned."""


class _NothingRead(dict[TP, int | None]):
    """Faust's account of what it has read, by which it would drop what is sought back to."""

    def __getitem__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        """Lanes know what is to come; here nothing is kept."""

    def update(self, *_: Any, **__: Any) -> None:
        """As for a single one."""


class _Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's side of aiokafka's consumer."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        """What a foreign producer's transaction took back was never said.

        Faust reads so only where it takes part in transactions itself, so aiokafka is told here.
        """
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Kafka's offsets are a hint: a commit that fails is told, and another follows.

        Faust would crash, also where a rebalance has just taken all these partitions away.
        """
        ours = {TopicPartition(*tp): at for tp, at in offsets.items() if tp in self.assignment()}
        try:
            if ours:
                await self._ensure_consumer().commit(ours)
        except KafkaError as fault:
            log("commit", fault=type(fault).__name__, why=str(fault))
            return False
        return bool(ours)


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer, a batch at a time, starting where Postgres says."""

    starting_points: StartingPoints
    """Set by `install`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NothingRead()
        self.seeks: dict[TP, int] = {}
        self._sought: dict[TP, int] = {}

    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109 -- Faust's signature
    ) -> AsyncIterator[tuple[TP, Any]]:
        seeks = dict(self.seeks)
        fetched, _ = await self._wait_next_records(timeout)
        if fetched is None or self.should_stop:
            return
        for tp, records in fetched.items():
            if tp not in self.assignment():
                continue
            if not self.flow_active:
                # A rebalance, whose seek this fetch may have come after: nobody else would.
                await self.seek_back(tp, records[0].offset)
                continue
            if self.seeks.get(tp, 0) != seeks.get(tp, 0):
                # Sought while this was waited for: what was fetched since cannot be told apart.
                await self._seek(tp, self._sought[tp])
                continue
            message = self._to_message(tp, records[-1])
            message.key = b""
            message.value = Batch(tp, records, seeks.get(tp, 0))
            yield tp, message

    def on_buffer_full(self, tp: TP) -> None:
        """A full queue holds up whoever fills it; Faust would besides look for room by the second.

        It would also let one partition at a time go on, and any: some would hardly ever.
        """

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Whether a partition moves is our monitor's to say.

        Faust would ask for its position, and crash where aiokafka is just looking for a valid one.
        """

    def _new_offset(self, tp: TP) -> int | None:
        """Kafka's offset is a hint: the end of the last batch handed on."""
        acked = self._acked[tp]
        if not acked:
            return None
        last: int = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return last + 1

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """The one place that decides where reading starts, at each assignment: Postgres says."""
        positions = await self.starting_points(self.assignment())
        for tp, position in positions.items():
            await self.seek_back(tp, position)
        return positions

    async def extents(self, partitions: Collection[TP]) -> dict[TP, Extent]:
        """From where to where these partitions reach now."""
        starts = await self.earliest_offsets(*partitions)
        ends = await self.highwaters(*partitions)
        return {tp: Extent(starts[tp], ends[tp]) for tp in partitions}

    async def seek_back(self, tp: TP, position: int) -> int:
        """Read this partition from `position` on; returns how often it has been sought by now."""
        self.seeks[tp] = self.seeks.get(tp, 0) + 1
        self._sought[tp] = position
        if tp in self.assignment():
            await self._seek(tp, position)
        return self.seeks[tp]


class _AsItIs(Codec):  # type: ignore[misc]
    """Batches are handed on untouched."""

    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, obj: Any) -> Any:
        return obj


def install(app: faust.App, starting_points: StartingPoints) -> None:
    """Make this app read batches, from where `starting_points` says."""

    class Consumer(BatchConsumer):
        pass

    class Transport(driver.Transport):  # type: ignore[misc]
        pass

    Consumer.starting_points = staticmethod(starting_points)
    Transport.Consumer = Consumer
    app.transport = Transport(app.conf.broker_consumer, app)


def batches(app: faust.App, *topics: str) -> Any:
    """The channel of these topics' batches, for an agent."""
    return app.topic(*topics, value_serializer=_AsItIs(), key_type=bytes, key_serializer="raw")
