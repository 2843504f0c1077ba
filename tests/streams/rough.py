"""How is a topic treated roughly? Offsets committed for it, records deleted, it made anew."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kafka import KafkaAdminClient, KafkaProducer, OffsetAndMetadata, TopicPartition

from schemas.topics import TOPICS, App
from streams import topics
from tests.streams.system import System, wait_for


@contextmanager
def admin(system: System) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=system.settings.kafka_bootstrap)
    yield client
    client.close()


def committed(system: System, app: App) -> dict[int, int]:
    """How far Kafka takes an app's group to have come."""
    group = system.settings.group(app)
    with admin(system) as client:
        found = client.list_group_offsets(group)[group]
    return {place.partition: offset.offset for place, offset in found.items()}


def commit(system: System, app: App, topic: str, offsets: Mapping[int, int]) -> None:
    """Tell Kafka that an app's group has come so far; it must have no members."""
    places = {
        TopicPartition(system.settings.topic(topic), partition): OffsetAndMetadata(offset, "", -1)
        for partition, offset in offsets.items()
    }
    with admin(system) as client:
        answers = client.alter_group_offsets(system.settings.group(app), places)
    assert {place: answer.errno for place, answer in answers.items()} == dict.fromkeys(places, 0)


def expire(system: System, topic: str, partition: int, before: int) -> None:
    """Delete what lies before an offset, as retention would."""
    with admin(system) as client:
        client.delete_records({TopicPartition(system.settings.topic(topic), partition): before})


def make_anew(system: System, topic: str) -> None:
    """Delete a topic and make one of the same name."""
    name = system.settings.topic(topic)
    with admin(system) as client:
        client.delete_topics([name])
        wait_for(lambda: name not in client.list_topics(), f"{name} to be gone")
    wait_for(lambda: name in _made(system), f"{name} to be there again")


def _made(system: System) -> list[str]:
    with admin(system) as client:
        topics.create(system.settings)
        return [
            each["name"]
            for each in client.describe_topics(
                [system.settings.topic(topic.name) for topic in TOPICS]
            )
            if not each["error_code"]
        ]


def lay_in_transaction(
    system: System, topic: str, partition: int, key: str, value: bytes, *, taken_back: bool = False
) -> None:
    """Put a record on a topic in a transaction, whose end takes an offset and is no record."""
    end = system.ends(topic)[partition]
    producer = KafkaProducer(
        bootstrap_servers=system.settings.kafka_bootstrap,
        transactional_id=system.settings.topic(topic),
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(system.settings.topic(topic), value, key=key.encode(), partition=partition)
    if taken_back:
        # What was never sent could not be taken back.
        producer.flush()
        producer.abort_transaction()
    else:
        producer.commit_transaction()
    producer.close()
    # The mark is written by the broker, after it has answered.
    wait_for(lambda: system.ends(topic)[partition] == end + 2, "the transaction's mark")
