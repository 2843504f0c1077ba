"""How do facts get to the timeline? By customer, in batches, each acknowledgement awaited."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from handlers.canonical import Said
from schemas.envelope import encode_fact
from schemas.topics import CATALOGUE, RECORD_AT_MOST

from .failpoints import armed, failpoint
from .settings import Settings
from .stop import AppendFailed

BATCH_BYTES = 256 * 1024


@lru_cache(maxsize=65_536)
def partition_of(key: str, partitions: int) -> int:
    """The partition in which Kafka's default partitioner puts this key."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


@asynccontextmanager
async def open_producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """An idempotent producer that waits for all replicas."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=2,
        max_batch_size=BATCH_BYTES,
        max_request_size=RECORD_AT_MOST,
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def append(
    producer: AIOKafkaProducer,
    topic: str,
    partitions: int,
    facts: Iterable[Said],
    releases: int = 0,
) -> None:
    """Append facts in their order and wait until the broker has all of them.

    A fact of the catalogue goes to every partition. Raises `AppendFailed`.
    """
    shares: dict[int, list[tuple[bytes, bytes]]] = {}
    shared = False
    for said in facts:
        record = said.key.encode(), encode_fact(said.fact, said.source, said.id, releases)
        everywhere = said.key == CATALOGUE
        shared = shared or everywhere
        places = range(partitions) if everywhere else (partition_of(said.key, partitions),)
        for partition in places:
            shares.setdefault(partition, []).append(record)
    sent: list[Any] = []
    try:
        for partition, records in shares.items():
            for batch in _batches(producer, records):
                if sent:
                    if armed():
                        # Whoever lets it end here means to find what came before on the broker.
                        await sent[-1]
                    failpoint("intake.between_appends")
                    if shared:
                        failpoint("intake.catalogue_append")
                sent.append(await producer.send_batch(batch, topic, partition=partition))
        for acknowledgement in sent:
            await acknowledgement
    except KafkaError as error:
        raise AppendFailed(f"{topic}: {type(error).__name__}: {error}") from error


def _batches(producer: AIOKafkaProducer, records: list[tuple[bytes, bytes]]) -> Iterable[Any]:
    """The records in as few batches as they fit into, in their order."""
    batch = producer.create_batch()
    for key, value in records:
        if batch.append(key=key, value=value, timestamp=None) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    batch.close()
    yield batch
