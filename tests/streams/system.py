"""How does a test run Laurel whole? Worker processes on real parts, under names of its own."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, MemberToRemove

from projections.migrate import migrate
from schemas.topics import INTAKE, TIMELINE, TOPICS, App
from streams import database, topics
from streams.append import partition_of
from streams.settings import Settings, load
from tests import nursery

_numbers = itertools.count(1)

Rows = list[tuple[Any, ...]]


T = TypeVar("T")


def wait_for(what: Callable[[], T], why: str, seconds: float = 60) -> T:
    """Poll until `what` answers something true; fails saying what never came."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {why}"
        time.sleep(pause)
        pause = min(pause * 1.3, 0.2)


class Running:
    """A worker process and what it logs."""

    def __init__(self, name: str, command: list[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.path = log
        self.process = nursery.start(command, env, log)

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        """The lines it has logged so far, of one kind or all."""
        lines = []
        for line in self.path.read_text(errors="replace").splitlines():
            try:
                said = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(said, dict) and (event is None or said.get("event") == event):
                lines.append(said)
        return lines

    def await_event(self, event: str, seconds: float = 60, **values: object) -> dict[str, Any]:
        """Wait until it has logged this."""

        def found() -> dict[str, Any] | None:
            for said in self.events(event):
                if all(said.get(name) == value for name, value in values.items()):
                    return said
            return None

        try:
            said = wait_for(found, f"{self.name} to log {event} {values}", seconds)
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{self.tail()}") from None
        assert said is not None
        return said

    def await_exit(self, seconds: float = 60) -> int:
        """Wait until it ends by itself; returns its exit code."""
        try:
            return int(self.process.wait(seconds))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end in {seconds} s\n{self.tail()}") from None

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """SIGSTOP; on a machine that has much to do, threads run on for a while."""
        self.process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self.process.pid}/task")

        def stopped() -> bool:
            stats = [(task / "stat").read_text() for task in tasks.iterdir()]
            return all(stat.rpartition(") ")[2].startswith("T") for stat in stats)

        wait_for(stopped, f"{self.name} to stand still")

    def wake(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def tail(self) -> str:
        """The end of its log, for a failing test."""
        return "\n".join(self.path.read_text(errors="replace").splitlines()[-40:])

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self.process.poll() is None:
            self.kill()


class System:
    """A database, topics and workers under a prefix of the test's own."""

    def __init__(
        self, bootstrap: str, url: str, folder: Path, partitions: int = 3, **env: str
    ) -> None:
        self.folder = folder
        prefix = f"t{os.getpid()}-{next(_numbers)}-"
        self.env = {
            **os.environ,
            # Compiled once, workers start in half the time.
            "PYTHONDONTWRITEBYTECODE": "",
            "KAFKA_BOOTSTRAP": bootstrap,
            "DATABASE_URL": url,
            "LAUREL_PREFIX": prefix,
            "LAUREL_PARTITIONS": str(partitions),
            "LAUREL_SESSION_SECONDS": "6",
            "LAUREL_DATA": str(folder / "data"),
            "SLACK_API_URL": "http://127.0.0.1:1/api/",
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_FALLBACK_CHANNEL": "C0",
            **env,
        }
        self.settings: Settings = load(self.env)
        self.workers: list[Running] = []
        self._started = itertools.count(1)
        migrate(url)
        topics.create(self.settings)
        with self.connect() as connection:
            topics.begin_positions(self.settings, connection)
        # What is published together is one batch, for whoever fetches it.
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=1000
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self.workers:
            worker.close()
            if fault is not None:
                sys.stderr.write(f"--- {worker.name}\n{worker.tail()}\n")
        self._producer.close()
        client = self._admin()
        client.delete_topics([self.settings.topic(topic.name) for topic in TOPICS])
        client.close()

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the test's own; autocommit."""
        return database.connect(self.settings)

    def rows(self, query: str, *parameters: object) -> Rows:
        """What a query answers now."""
        with self.connect() as connection:
            return connection.execute(query, parameters).fetchall()

    def start(self, kind: str, instance: str = "one", **env: str) -> Running:
        """Start a worker; `env` may arm a failpoint."""
        number = next(self._started)
        worker = Running(
            f"{kind}-{instance}",
            [sys.executable, "-m", "streams.cli", "worker", kind],
            {**self.env, "LAUREL_INSTANCE": instance, **env},
            self.folder / f"{number:02}-{kind}-{instance}.log",
        )
        self.workers.append(worker)
        return worker

    def dismiss(self, kind: App, *workers: Running) -> None:
        """Kill workers and tell their group, which would wait for them for a session."""
        for worker in workers:
            worker.close()
        names = [MemberToRemove(group_instance_id=worker.name) for worker in workers]
        client = self._admin()
        client.remove_group_members(self.settings.group(kind), names)
        client.close()

    @contextmanager
    def held(self, app: App, topic: str, partition: int) -> Iterator[None]:
        """Keep a position locked, so that its owner waits."""
        with self.connect() as connection, connection.transaction():
            # As somebody else: sessions of our own that hold a position in silence are ended.
            connection.execute("SET LOCAL application_name = 'a test'")
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.execute(
                "SELECT FROM positions WHERE app = %s AND topic = %s AND partition = %s FOR UPDATE",
                (app, self.settings.topic(topic), partition),
            )
            yield

    @contextmanager
    def blocked(self, table: str, **row: object) -> Iterator[Callable[[], None]]:
        """Whoever writes this row too has to wait; yields what waits until someone does."""
        columns, marks = ", ".join(row), ", ".join("%s" for _ in row)
        with self.connect() as connection, connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.execute(
                f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(row.values())
            )
            waiting = (
                "SELECT FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND query LIKE %s"
            )

            def await_someone() -> None:
                wait_for(
                    lambda: self.rows(waiting, f"%INSERT INTO {table}%") != [],
                    f"someone to wait for {table}",
                )

            yield await_someone

    def drive(self, now: datetime) -> None:
        """Let the clock stand at this instant."""
        with self.connect() as connection:
            connection.execute("UPDATE clock SET driven = true, now = %s", (now,))

    def let_go(self) -> None:
        """Let the clock be real."""
        with self.connect() as connection:
            connection.execute("UPDATE clock SET driven = false, now = NULL")

    def alter(self, topic: str, settings: Mapping[str, str]) -> None:
        """Change settings of a topic."""
        resource = ConfigResource(
            ConfigResourceType.TOPIC, self.settings.topic(topic), dict(settings)
        )
        client = self._admin()
        client.alter_configs([resource])
        client.close()

    def _admin(self) -> KafkaAdminClient:
        return KafkaAdminClient(bootstrap_servers=self.settings.kafka_bootstrap)

    def publish(
        self,
        topic: str,
        *events: Mapping[str, Any] | bytes,
        key: str = "k",
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp_ms: int | None = None,
    ) -> None:
        """Put events on an intake topic, all in one partition for one key, acknowledged."""
        for event in events:
            self._producer.send(
                self.settings.topic(topic),
                event if isinstance(event, bytes) else json.dumps(event).encode(),
                key=key.encode(),
                partition=partition,
                headers=list(headers),
                timestamp_ms=timestamp_ms,
            )
        self._producer.flush()

    def append(
        self,
        topic: str,
        partition: int,
        key: str,
        *values: bytes,
        headers: Any = None,
    ) -> None:
        """Put records on a topic's partition as they are."""
        for value in values:
            self._producer.send(
                self.settings.topic(topic),
                value,
                key=key.encode(),
                partition=partition,
                headers=headers or [],
            )
        self._producer.flush()

    def lay(self, topic: str, records: Iterable[tuple[int, str, bytes]]) -> None:
        """Put records on a topic as they are, each a partition, a key and a value, in order."""
        for partition, key, value in records:
            self._producer.send(
                self.settings.topic(topic), value, key=key.encode(), partition=partition
            )
        self._producer.flush()

    def partition(self, key: str) -> int:
        """The partition of this key."""
        return partition_of(key, self.settings.laurel_partitions)

    def ends(self, name: str) -> dict[int, int]:
        """Where each partition of a topic ends."""
        return {p: extent.end for p, extent in topics.extents(self.settings, name).items()}

    def positions(self, app: str, name: str) -> dict[int, int]:
        """How far an app has come in a topic."""
        return {
            row[0]: row[1]
            for row in self.rows(
                "SELECT partition, next_offset FROM positions WHERE app = %s AND topic = %s",
                app,
                self.settings.topic(name),
            )
        }

    def await_intake(self, seconds: float = 60) -> None:
        """Wait until everything on the intake topics is forwarded."""
        for name in INTAKE:
            wait_for(
                lambda name=name: self.positions("intake", name) == self.ends(name),  # type: ignore[misc]
                f"intake to be drained of {name}",
                seconds,
            )

    def await_engine(self, seconds: float = 60) -> None:
        """Wait until everything on the timeline is folded."""
        wait_for(
            lambda: self.positions("engine", TIMELINE) == self.ends(TIMELINE),
            "the timeline to be folded",
            seconds,
        )

    def records(self, name: str) -> list[Any]:
        """Everything that lies on a topic, partition by partition."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.settings.kafka_bootstrap, enable_auto_commit=False
        )
        try:
            topic = self.settings.topic(name)
            places = [TopicPartition(topic, p) for p in range(self.settings.laurel_partitions)]
            consumer.assign(places)
            consumer.seek_to_beginning()
            ends = consumer.end_offsets(places)
            found: dict[int, list[Any]] = {place.partition: [] for place in places}
            wait_for(
                lambda: self._drain(consumer, ends, found), f"the records of {name}", seconds=30
            )
            return [record for partition in sorted(found) for record in found[partition]]
        finally:
            consumer.close()

    def _drain(
        self,
        consumer: KafkaConsumer,
        ends: Mapping[TopicPartition, int],
        found: dict[int, list[Any]],
    ) -> bool:
        for place, records in consumer.poll(timeout_ms=200).items():
            found[place.partition].extend(records)
        return all(consumer.position(place) >= end for place, end in ends.items())


@dataclass
class Story:
    """Events of one account, numbered as they are told."""

    customer: str = "acme"
    source: str = "urn:lms:test"
    _ids: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    def event(self, wire: str, time: str, /, id: str | None = None, **data: Any) -> dict[str, Any]:
        """A CloudEvent of this story."""
        return {
            "specversion": "1.0",
            "id": id or f"e{next(iter(self._ids))}",
            "source": self.source,
            "type": wire,
            "time": time,
            "data": data,
        }
