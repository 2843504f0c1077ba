"""How do decided alerts reach the topic `alerts`? In order, at least once, from the outbox."""

from collections.abc import Collection

from aiokafka import AIOKafkaProducer

from . import metrics
from .database import Pool
from .failpoints import failpoint

AT_MOST = 500


async def relay(
    pool: Pool, producer: AIOKafkaProducer, topic: str, partitions: Collection[int]
) -> int:
    """Send what waits for these partitions, then delete it; returns how many were sent.

    A crash in between sends them again; the ledger knows an alert's version by its id.
    No transaction stays open meanwhile: Kafka may be away for longer than one may be idle.
    """
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT seq, partition, customer, message FROM outbox"
            " WHERE partition = ANY(%s) ORDER BY seq LIMIT %s",
            (list(partitions), AT_MOST),
        )
        waiting = await cursor.fetchall()
    if not waiting:
        return 0
    failpoint("relay.before")
    sent = [
        await producer.send(topic, message, key=customer.encode(), partition=partition)
        for _, partition, customer, message in waiting
    ]
    for acknowledgement in sent:
        await acknowledgement
    metrics.RELAYED.inc(len(waiting))
    failpoint("relay.produced")
    async with pool.connection() as connection:
        await connection.execute(
            "DELETE FROM outbox WHERE seq = ANY(%s)", ([row[0] for row in waiting],)
        )
    failpoint("relay.deleted")
    return len(waiting)
