"""How do decided alerts reach the topic `alerts`? In order, at least once, from the outbox."""

from collections.abc import Collection

from aiokafka import AIOKafkaProducer

from .database import Pool
from .failpoints import failpoint

AT_MOST = 500


async def relay(
    pool: Pool, producer: AIOKafkaProducer, topic: str, partitions: Collection[int]
) -> int:
    """Send what waits for these partitions, then delete it; returns how many were sent.

    A crash in between sends them again; the ledger knows an alert's version by its id.
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
        sent = [
            await producer.send(topic, message, key=customer.encode(), partition=partition)
            for _, partition, customer, message in waiting
        ]
        for acknowledgement in sent:
            await acknowledgement
        failpoint("relay.produced")
        await connection.execute(
            "DELETE FROM outbox WHERE seq = ANY(%s)", ([row[0] for row in waiting],)
        )
    failpoint("relay.deleted")
    return len(waiting)
