"""How is a topic read beside Faust? As workers read it: what was taken back was never said."""

from aiokafka import AIOKafkaConsumer

from .settings import Settings


def make_consumer(settings: Settings) -> AIOKafkaConsumer:
    """A consumer in no group, not started yet; it sees no transaction that was not committed."""
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
