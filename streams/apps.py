"""What is a worker? A Faust app that owns partitions, one lane each, and loops beside them."""

import asyncio
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import aiokafka.errors
import faust
import kafka.errors
from aiokafka import AIOKafkaProducer
from faust.types import TP
from prometheus_client.metrics_core import Metric
from psycopg.errors import LockNotAvailable

from schemas.topics import READS, App

from . import logs, metrics, positions, readings
from .append import open_producer
from .database import PASSING, Pool, check, open_pool
from .extent import Extent
from .garbage import look_seldom
from .lanes import BACK_OFF, Lanes
from .monitor import EVERY, Monitor
from .probes import serve
from .process import die
from .settings import Settings, SettingsError
from .stop import CannotListen, StopHangs
from .topics import check_settings, topic_ids
from .transport import Batch, BatchConsumer, Record, batches, install

Step = Callable[[], Awaitable[int]]
"""Something to be done again and again; returns how much was done."""

SEEK_WITHIN = 60.0
"""Seconds for an assignment; Faust gives it 90, and then idles for ever without a word."""

ENDS_WITHIN = 15.0
"""Seconds for a graceful stop, less than supervisors give before they kill."""

TRIES = 30
"""How often a loop tries, for a minute, before its Kafka client is given up with the process."""

AWAY = (*PASSING, aiokafka.errors.KafkaError, kafka.errors.KafkaError)
"""Faults of either part, also of Kafka's two clients, that may pass by themselves."""

T = TypeVar("T")


class Worker:
    """The parts that every kind of worker has: pool, producer, consumer, lanes, loops."""

    kind: App

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pool: Pool
        self.producer: AIOKafkaProducer
        self.topics = [settings.topic(name) for name in READS[self.kind]]
        self._stack = AsyncExitStack()
        self._loops: list[asyncio.Task[None]] = []
        self._owned: set[TP] = set()
        self.lanes = Lanes(self.take, self._seek)
        self.app = self._build()

    async def work(self, tp: TP, records: list[Record], sought: bool) -> None:
        """Folds one batch of one partition; `sought`: a hole was sought back to before."""
        raise NotImplementedError

    async def take(self, tp: TP, records: list[Record], sought: bool) -> None:
        """As `work`; whoever froze in a transaction and holds the position is ended."""
        try:
            await self.work(tp, records, sought)
        except LockNotAvailable:
            place = (self.kind, tp.topic, tp.partition)
            async with self.pool.connection() as connection:
                silent = self.settings.transaction_seconds
                if await positions.free(connection, *place, silent):
                    logs.log("freed", topic=tp.topic, partition=tp.partition)
                    metrics.FREED.labels(tp.topic).inc()
            raise

    def steps(self) -> Mapping[str, tuple[float, Step]]:
        """Loops beside the lanes: name to (seconds between, step)."""
        return {}

    async def open(self) -> None:
        """Opens what a kind of worker needs besides; called once the pool is open."""

    def forget(self, partitions: list[TP]) -> None:
        """Drops what is kept of these partitions."""

    def owned(self, topic: str) -> list[int]:
        """The partitions of a topic that this worker owns now."""
        return sorted(tp.partition for tp in self._owned if tp.topic == topic)

    async def recheck(self, tp: TP) -> None:
        """Ask again whether topic and position fit; raises the `Stop` that names what does not."""
        await _patiently(lambda: self._check([tp]))

    async def extents(self, partitions: Collection[TP]) -> Mapping[TP, Extent]:
        """From where to where these partitions reach now."""
        consumer: BatchConsumer = self.app.consumer
        return await consumer.extents(partitions)

    def run(self) -> int:
        """Run until SIGTERM or Ctrl-C; returns the exit code."""
        logs.set_up()
        look_seldom()
        metrics.begin(self.topics)
        check_settings(self.settings)
        worker = _Ending(self.app, quiet=True, redirect_stdouts=False, override_logging=False)
        worker.spinner = None  # it writes to the terminal whatever else is said
        try:
            worker.execute_from_commandline()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    def _build(self) -> faust.App:
        settings = self.settings
        data = Path(settings.laurel_data, settings.instance(self.kind))
        try:
            data.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise SettingsError(
                f"LAUREL_DATA: {data} cannot be made ({fault.strerror}); name a folder that can"
            ) from None
        app = faust.App(
            settings.group(self.kind),
            broker=f"kafka://{settings.kafka_bootstrap.replace(',', ';')}",
            datadir=data,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            web_in_thread=False,
            table_standby_replicas=0,
            consumer_auto_offset_reset="earliest",
            consumer_group_instance_id=settings.instance(self.kind),
            consumer_metadata_max_age_ms=5000,
            broker_max_poll_records=settings.laurel_batch,
            broker_session_timeout=settings.laurel_session_seconds,
            broker_heartbeat_interval=1.0,
            broker_rebalance_timeout=settings.laurel_session_seconds,
            broker_commit_interval=1.0,
            stream_buffer_maxsize=16,
            stream_wait_empty=False,
            worker_redirect_stdouts=False,
        )
        app.conf.web_enabled = False
        install(app, self._starting_points)
        app.on_start = self._on_start(app.on_start)
        app.on_partitions_revoked.connect(self._revoked)
        channel = batches(app, *self.topics)

        @app.agent(channel, name=f"laurel.{self.kind}")  # type: ignore[untyped-decorator]
        async def feed(stream: Any) -> None:
            async for event in stream.events():
                batch: Batch = event.value
                await self.lanes.put(batch)

        return app

    def _on_start(self, then: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def on_start() -> None:
            self.pool = await self._stack.enter_async_context(open_pool(self.settings))
            self.producer = await self._stack.enter_async_context(open_producer(self.settings))
            await self.open()
            looks = await self._watch()
            await self._in_time(lambda: check(self.pool))
            for name, (seconds, step) in {**self.steps(), **looks}.items():
                task = asyncio.create_task(_forever(name, seconds, step), name=name)
                self._loops.append(task)
            await then()
            logs.log("started", app=self.kind, instance=self.settings.instance(self.kind))

        return on_start

    async def _watch(self) -> Mapping[str, tuple[float, Step]]:
        """Have the worker looked after, and say how it is; returns the looks' loops."""
        pool = await self._stack.enter_async_context(open_pool(self.settings, size=2, wait=5))
        monitor = Monitor(self.settings, self.kind, pool, lambda: self._owned)
        health, limit = monitor.health, self.settings.laurel_stuck_seconds

        async def look_up() -> list[Metric]:
            read = await readings.read(pool, self.settings, self.kind)
            return [*health.metrics(self.lanes.waited), *read]

        async def live() -> list[str]:
            return health.not_live(limit)

        async def ready() -> list[str]:
            return health.not_ready(limit)

        pages = serve(self.settings, look_up, live=live, ready=ready)
        try:
            await self._stack.enter_async_context(pages)
        except CannotListen as fault:
            die(fault, app=self.kind)
        monitor.guard()
        return {
            "beat": (EVERY, monitor.beat),
            "look": (EVERY, monitor.look),
            "group": (EVERY, monitor.look_at_group),
        }

    async def _starting_points(self, assigned: Collection[TP]) -> Mapping[TP, int]:
        """Where Postgres says each assigned partition starts; waits a while if it is away."""
        starts = await self._in_time(lambda: self._check(assigned))
        self._owned = set(assigned)
        logs.log("assigned", partitions=sorted(f"{t}[{p}]" for t, p in assigned))
        return starts

    async def _in_time(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until Postgres and Kafka answer; ends the process where that takes too long."""
        try:
            async with asyncio.timeout(SEEK_WITHIN):
                return await _patiently(ask)
        except TimeoutError:
            die(TimeoutError(f"Postgres or Kafka was away for {SEEK_WITHIN} s"), app=self.kind)
        except Exception as fault:  # noqa: BLE001 -- Faust would log it and read on
            die(fault, app=self.kind)

    async def _check(self, partitions: Collection[TP]) -> dict[TP, int]:
        ids = await asyncio.to_thread(topic_ids, self.settings)
        async with self.pool.connection() as connection:
            known = await positions.read(connection, self.kind)
        # Last: another owner may move on meanwhile, but never beyond an end asked for later.
        extents = await self.extents(partitions)
        places = {(tp.topic, tp.partition): extent for tp, extent in extents.items()}
        starts = positions.check(self.kind, places, ids, known)
        return {tp: starts[tp.topic, tp.partition] for tp in partitions}

    async def _revoked(self, _: faust.App, revoked: set[TP], **__: Any) -> None:
        self._owned -= revoked
        await self.lanes.drop(revoked)
        self.forget(list(revoked))

    async def _seek(self, tp: TP, position: int) -> int:
        consumer: BatchConsumer = self.app.consumer
        return await consumer.seek_back(tp, position)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until neither Postgres nor Kafka is away."""
    tries = 0
    while True:
        try:
            return await ask()
        except AWAY as fault:
            logs.log("away", fault=type(fault).__name__, why=str(fault).strip(), tries=tries)
        await asyncio.sleep(BACK_OFF[min(tries, len(BACK_OFF) - 1)])
        tries += 1


class _Ending(faust.Worker):  # type: ignore[misc]
    """Ends in any case: a graceful stop may wait for a broker that is away."""

    def _crash(self, reason: BaseException) -> None:
        """What any part of Faust crashes of; Faust would stop reading, and idle."""
        die(reason)

    def _schedule_shutdown(self, number: signal.Signals) -> None:
        why = StopHangs(f"{number.name} came {ENDS_WITHIN:.0f} s ago: is the broker away?")
        end = threading.Timer(ENDS_WITHIN, die, [why])
        end.daemon = True
        end.start()
        super()._schedule_shutdown(number)


async def _forever(name: str, seconds: float, step: Step) -> None:
    """Do the step again and again: at once while there is something to do, else after a while."""
    metrics.LOOP_FAULTS.labels(name)
    tries = 0
    while True:
        try:
            done = await step()
            tries = 0
        except AWAY as fault:
            logs.log("loop", name=name, fault=type(fault).__name__, why=str(fault).strip())
            metrics.LOOP_FAULTS.labels(name).inc()
            if tries == TRIES and not isinstance(fault, PASSING):
                die(fault, loop=name)
            done = 0
            tries += 1
        except asyncio.CancelledError:
            raise
        except BaseException as fault:  # noqa: BLE001 -- whatever it is, nothing may go on
            die(fault, loop=name)
        pause = seconds if not tries else max(seconds, BACK_OFF[min(tries, len(BACK_OFF) - 1)])
        await asyncio.sleep(0 if done else pause)


def run(worker: Worker) -> None:
    """Run a worker and end the process with its exit code."""
    try:
        code = worker.run()
    except Exception as fault:  # noqa: BLE001 -- the last stop before the process ends
        die(fault, app=worker.kind)
    sys.exit(code)
