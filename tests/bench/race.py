"""How fast is a contestant? From its first record until the offsets and effects of all are durable.

It is looked at from outside alone: its offsets and rows, and what the system says it has used.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from kafka import KafkaAdminClient
from kafka.errors import RetriableError

from deploy.environment import ROOT, program
from schemas.topics import TIMELINE
from tests.bench import meter
from tests.bench.arena import Arena
from tests.bench.field import Contestant, Start, is_assigned
from tests.bench.meter import Reading
from tests.bench.oracle import Totals, differences

PATIENCE = 120
"""Seconds without any progress after which a run has failed."""


class Failed(Exception):
    """A contestant ended, or went no further, or wrote a wrong row."""


@dataclass(frozen=True)
class Course:
    """A topic with records: what they are, and where its partitions end."""

    prefix: str
    events: int
    ends: dict[int, int]

    @property
    def topic(self) -> str:
        return f"{self.prefix}{TIMELINE}"


@dataclass(frozen=True)
class Run:
    """What came of it, an event: rates a second, times in µs, memory and log in bytes."""

    events: int
    seconds: float
    events_per_second: float
    app_us: float
    postgres_us: float
    memory: int
    wal: float


class Running:
    """A contestant's process, and what it says."""

    def __init__(self, name: str, start: Start, log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                start.command, env=start.environment, cwd=ROOT, stdout=out, stderr=out
            )

    @property
    def log(self) -> str:
        """All it has said."""
        return self._log.read_text(errors="replace")

    def check(self) -> None:
        """Raises `Failed` where it has ended."""
        if (status := self.process.poll()) is not None:
            raise Failed(f"{self.name} ended with status {status}:\n{self.log[-3000:]}")

    def await_word(self, is_said: Callable[[str], bool], what: str, seconds: float = 90) -> None:
        """Wait until it has said something."""
        deadline = time.monotonic() + seconds
        while not is_said(self.log):
            self.check()
            if time.monotonic() > deadline:
                raise Failed(
                    f"{self.name}: {what} did not come in {seconds} s:\n{self.log[-3000:]}"
                )
            time.sleep(0.01)

    def await_partitions(self) -> None:
        """Wait until a worker of Laurel has some, and so reads."""
        self.await_word(is_assigned, "its partitions")

    def end(self) -> None:
        """As a supervisor would, and then as a crash would."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()


@contextmanager
def running(
    arena: Arena, contestant: Contestant, url: str, prefix: str, group: str
) -> Iterator[Running]:
    """Start one, and end it."""
    start = contestant.start(arena, url, prefix, group)
    process = Running(contestant.name, start, arena.folder / f"{group}.log")
    try:
        yield process
    finally:
        process.end()


@contextmanager
def worker(arena: Arena, kind: str, prefix: str, url: str, **env: str) -> Iterator[Running]:
    """Start a worker of Laurel, and end it."""
    command = [str(program("python")), "-m", "streams.cli", "worker", kind]
    start = Start(command, arena.environment(prefix, url, **{"LAUREL_INSTANCE": "bench", **env}))
    process = Running(kind, start, arena.folder / f"{prefix}{kind}-{next(arena.names)}.log")
    try:
        yield process
    finally:
        process.end()


def race(arena: Arena, contestant: Contestant, course: Course, wanted: Totals | None) -> Run:
    """Let one read the course; raises `Failed` unless its rows are as wanted."""
    group = f"{course.prefix}{contestant.letter}-{next(arena.names)}"
    with arena.connect() as server, arena.database() as url:
        with running(arena, contestant, url, course.prefix, group) as process:
            process.await_word(contestant.has_begun, "its first record")
            with looking(arena, contestant, url, group, course.topic) as offsets:
                run = measured(server, [process], offsets, course.ends)
        if wanted is not None and (wrong := differences(wanted, rows(url))):
            raise Failed(f"{contestant.name} has wrong rows: {'; '.join(wrong)}")
    return run


Offsets = Callable[[], dict[int, int]]


def measured(
    server: psycopg.Connection[Any],
    processes: Sequence[Running],
    offsets: Offsets,
    ends: dict[int, int],
) -> Run:
    """From now until the offsets have come to the ends, of all processes together."""
    postgres = meter.server_pid(server)

    def read() -> Reading:
        app = sum(meter.cpu(one.process.pid) for one in processes)
        return Reading(time.monotonic(), app, meter.family_cpu(postgres), meter.wal(server))

    done, before = sum(offsets().values()), read()
    await_end(processes, offsets, ends)
    after = read()
    seconds, events = after.at - before.at, sum(ends.values()) - done
    if not events:
        raise Failed("all was done before it could be timed: ask for more --events")
    return Run(
        events,
        seconds,
        events / seconds,
        (after.app - before.app) / events * 1e6,
        (after.postgres - before.postgres) / events * 1e6,
        sum(meter.peak_memory(one.process.pid) for one in processes),
        (after.wal - before.wal) / events,
    )


@contextmanager
def looking(
    arena: Arena, contestant: Contestant, url: str, group: str, topic: str
) -> Iterator[Offsets]:
    """Ask for the durable offsets in a topic."""
    if (query := contestant.positions) is not None:
        with of(url) as connection:
            yield lambda: dict(connection.execute(query).fetchall())
        return
    client = KafkaAdminClient(bootstrap_servers=arena.bootstrap)
    try:

        def committed() -> dict[int, int]:
            try:
                found = client.list_group_offsets(group)[group]
            except RetriableError:
                # The first group on a broker waits for the topic that keeps all groups' commits.
                return {}
            return {
                place.partition: at.offset for place, at in found.items() if place.topic == topic
            }

        yield committed
    finally:
        client.close()


def await_end(processes: Sequence[Running], offsets: Offsets, ends: dict[int, int]) -> None:
    """Wait until the offsets have come to the ends; raises `Failed` where they do not."""
    last: dict[int, int] = {}
    deadline = time.monotonic() + PATIENCE
    while (found := offsets()) != ends:
        for process in processes:
            process.check()
        if found != last:
            last, deadline = found, time.monotonic() + PATIENCE
        if time.monotonic() > deadline:
            said = "\n".join(f"{one.name}:\n{one.log[-3000:]}" for one in processes)
            raise Failed(f"the offsets stand at {found}, not {ends}\n{said}")
        time.sleep(0.05)


def of(url: str) -> psycopg.Connection[Any]:
    """A connection that finds Laurel's read models where there are any."""
    return psycopg.connect(url, autocommit=True, options="-csearch_path=live,public")


def rows(url: str) -> list[Any]:
    """The rows that all have in common."""
    with of(url) as connection:
        query = "SELECT customer, metric, total, events FROM usage_totals"
        return connection.execute(query).fetchall()
