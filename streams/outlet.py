"""How does the door put events on the intake topics, and when are they safe?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from handlers.adapters.delivery import Arrived
from schemas.destination import destination

from .settings import Settings

ANSWER_WITHIN = 3.0


class NotKept(Exception):
    """Kafka has not acknowledged every event; some may be there, and all may be sent again."""


class Outlet:
    """Writes intake topics, and nothing else."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._settings = settings
        self._producer = producer

    async def keep(self, events: Sequence[Arrived]) -> None:
        """Returns once every replica in sync has every event; raises `NotKept`."""
        patience = self._settings.laurel_door_patience
        sent: list[asyncio.Future[object]] = []
        try:
            async with asyncio.timeout(patience):
                for one in events:
                    topic, key = destination(one.event.data)
                    name = self._settings.topic(topic)
                    sent.append(await self._producer.send(name, one.raw, key=key.encode()))
                if sent:
                    await asyncio.wait(sent)
            for acknowledgement in sent:
                acknowledgement.result()
        except TimeoutError:
            raise NotKept(f"Kafka has not acknowledged within {patience:g} s") from None
        except KafkaError as fault:
            raise NotKept(f"{type(fault).__name__}: {fault}") from None
        finally:
            for acknowledgement in sent:
                acknowledgement.add_done_callback(_seen)

    async def fault(self) -> str:
        """What is wrong with Kafka; empty: it answers."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError) as fault:
            return f"Kafka does not answer: {type(fault).__name__}"
        return ""


@asynccontextmanager
async def open_outlet(settings: Settings) -> AsyncIterator[Outlet]:
    """An outlet whose events are acknowledged by all replicas in sync.

    Its producer is not idempotent: one that is can be spoilt for good by an outage, and what it
    would spare, a repeat, is told by source and id and has its effect once.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap,
        acks="all",
        request_timeout_ms=int(settings.laurel_door_patience * 1000),
    )
    await producer.start()
    try:
        yield Outlet(settings, producer)
    finally:
        await producer.stop()


def _seen(acknowledgement: asyncio.Future[object]) -> None:
    """Nobody waits for it any more; asyncio would complain of a fault that nobody read."""
    if not acknowledgement.cancelled():
        acknowledgement.exception()
