"""Where is it measured? One broker, and one Postgres that waits for its disk."""

import asyncio
import itertools
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg
from aiokafka import AIOKafkaProducer

from deploy.parts import Kafka, Postgres
from projections.migrate import migrate
from schemas.topics import TIMELINE, App
from streams import positions, topics
from streams.append import open_producer
from streams.settings import Settings, load
from tests.bench.workload import PARTITIONS, Line
from tests.conftest import Given, empty_database

SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
"""Without these, what is said to be written may be lost with the machine."""

POSTGRES = {
    "track_commit_timestamp": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "autovacuum_naptime": "10s",
}
"""The same for everyone; commit times tell when a row was there to be read.

The only checkpoint is at the end of a run, when its database is dropped, so that none pays for
another's.
"""


@dataclass
class Arena:
    """The parts, and a folder for logs; `names` tell apart what a run makes there."""

    bootstrap: str
    url: str
    folder: Path
    names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database."""
        with empty_database(Given(url=self.url)) as url:
            yield url

    def connect(self) -> psycopg.Connection[Any]:
        """A connection to the server, on which everything is its own transaction."""
        return psycopg.connect(self.url, autocommit=True)

    def faults(self) -> list[str]:
        """What makes durability cheaper here than it may be."""
        with self.connect() as connection:
            found = {
                name: connection.execute(f"SHOW {name}").fetchone() for name in (*SAFE, *POSTGRES)
            }
        return [
            f"{name} is {row[0]}, not {SAFE.get(name, 'on')}"
            for name, row in found.items()
            if row and row[0] != SAFE.get(name, row[0])
        ]

    def settings(self, prefix: str, url: str | None = None, **more: str) -> Settings:
        """Laurel's, with topics of this prefix."""
        return load(self.environment(prefix, url, **more))

    def environment(self, prefix: str, url: str | None = None, **more: str) -> dict[str, str]:
        """What a worker of Laurel finds its parts by."""
        return {
            **os.environ,
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "DATABASE_URL": url or self.url,
            "LAUREL_PREFIX": prefix,
            "LAUREL_PARTITIONS": str(PARTITIONS),
            "LAUREL_DATA": str(self.folder / "data"),
            **more,
        }

    def topics(self, name: str) -> str:
        """Laurel's topics under a new prefix, which is returned."""
        prefix = f"bench{os.getpid()}-{next(self.names)}-{name}-"
        topics.create(self.settings(prefix))
        return prefix

    def fill(self, prefix: str, topic: str, records: Iterable[Line]) -> dict[int, int]:
        """Append records to a topic, in their order; returns where each partition ends."""
        settings = self.settings(prefix)
        asyncio.run(_fill(settings, settings.topic(topic), records))
        return {p: extent.end for p, extent in topics.extents(settings, topic).items()}


def begin(settings: Settings, app: App = "engine", topic: str = TIMELINE) -> None:
    """A database of Laurel's that has read nothing of the topic yet."""
    migrate(settings.database_url.get_secret_value())
    name, nowhere = settings.topic(topic), dict.fromkeys(range(PARTITIONS), 0)
    with psycopg.connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        ids = topics.topic_ids(settings)
        positions.register(connection, app, name, ids[name], nowhere)


@contextmanager
def arena(*, given: bool = False) -> Iterator[Arena]:
    """Parts of its own, or those that `KAFKA_BOOTSTRAP` and `DATABASE_URL` name."""
    home = Path(tempfile.mkdtemp(prefix="laurel-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    if given:
        try:
            yield Arena(os.environ["KAFKA_BOOTSTRAP"], os.environ["DATABASE_URL"], home)
        finally:
            shutil.rmtree(home)
        return
    say("starting a broker and a Postgres")
    kafka, postgres = Kafka(home / "kafka"), Postgres(home / "postgres", settings=POSTGRES)
    try:
        kafka.start()
        postgres.start()
        yield Arena(kafka.bootstrap, postgres.url, home)
    finally:
        postgres.stop()
        kafka.stop()
        # Where Postgres' account cannot enter the folder, its data are elsewhere.
        shutil.rmtree(postgres.data, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def say(text: str) -> None:
    """Progress."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


CHUNK = 50_000


async def _fill(settings: Settings, topic: str, records: Iterable[Line]) -> None:
    # A topic just made is not led by anybody yet, of which the client warns and tries again.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    async with open_producer(settings) as producer:
        rest = iter(records)
        while chunk := list(itertools.islice(rest, CHUNK)):
            await send(producer, topic, chunk)


async def send(producer: AIOKafkaProducer, topic: str, records: list[Line]) -> None:
    """Append records, each partition's in their order, and wait until the broker has them."""
    sent = []
    for partition, lines in groupby(
        sorted(records, key=lambda line: line.partition), key=lambda line: line.partition
    ):
        batch = producer.create_batch()
        for line in lines:
            if batch.append(key=line.key.encode(), value=line.value, timestamp=None) is None:
                batch.close()
                sent.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(key=line.key.encode(), value=line.value, timestamp=None)
        batch.close()
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    for acknowledgement in sent:
        await acknowledgement
