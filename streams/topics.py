"""Do the topics stand as Laurel needs them? `laurel topics` makes them, workers check them."""

import psycopg
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from schemas.topics import READS, TIMELINE, TOPICS

from . import positions
from .extent import Extent
from .settings import Settings
from .stop import TopicMismatch


def admin(settings: Settings) -> KafkaAdminClient:
    """kafka-python's admin client; close it after use."""
    return KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap.split(","))


def topic_ids(settings: Settings) -> dict[str, str]:
    """The id of each topic by its name in Kafka; raises `TopicMismatch` for missing ones."""
    client = admin(settings)
    try:
        described = client.describe_topics([settings.topic(topic.name) for topic in TOPICS])
    finally:
        client.close()
    missing = [topic["name"] for topic in described if topic["error_code"]]
    if missing:
        raise TopicMismatch(f"topics {', '.join(missing)} are missing: run `laurel topics`")
    wrong = [
        f"{topic['name']} has {len(topic['partitions'])} partitions"
        for topic in described
        if len(topic["partitions"]) != settings.laurel_partitions
    ]
    if wrong:
        raise TopicMismatch(
            f"{'; '.join(wrong)}; LAUREL_PARTITIONS says {settings.laurel_partitions}"
        )
    return {topic["name"]: str(topic["topic_id"]) for topic in described}


def check_settings(settings: Settings) -> None:
    """Raises `TopicMismatch` naming what is missing, or each setting that is not as it must be."""
    topic_ids(settings)
    client = admin(settings)
    try:
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, settings.topic(topic.name)) for topic in TOPICS
        ]
        configs = client.describe_configs(resources)
    finally:
        client.close()
    actual = {
        name: {key: entry["value"] for key, entry in entries.items()}
        for name, entries in configs["topic"].items()
    }
    wrong = [
        f"{settings.topic(topic.name)}: {name} is {actual[settings.topic(topic.name)].get(name)},"
        f" must be {value}"
        for topic in TOPICS
        for name, value in topic.settings.items()
        if actual[settings.topic(topic.name)].get(name) != value
    ]
    if wrong:
        raise TopicMismatch("; ".join(wrong))


def create(settings: Settings) -> list[str]:
    """Make the topics that are missing; returns their names in Kafka.

    Raises `TopicMismatch` where Kafka refuses, for example for want of brokers to replicate on.
    """
    client = admin(settings)
    try:
        existing = set(client.list_topics())
        wanted = [topic for topic in TOPICS if settings.topic(topic.name) not in existing]
        if wanted:
            made = client.create_topics(
                {
                    settings.topic(topic.name): {
                        "num_partitions": settings.laurel_partitions,
                        "replication_factor": settings.laurel_replication,
                        "configs": topic.settings,
                    }
                    for topic in wanted
                },
                raise_errors=False,
            )
            refused = [one for one in made["topics"] if one["error_code"]]
            if refused:
                name, why = refused[0]["name"], refused[0]["error_message"]
                few = f"{len(refused)} topics, such as {name}"
                raise TopicMismatch(f"Kafka does not make {few}: {why}")
            # A broker answers before it knows them itself.
            client.wait_for_topics([settings.topic(topic.name) for topic in wanted])
        return [settings.topic(topic.name) for topic in wanted]
    finally:
        client.close()


def extents(settings: Settings, topic: str) -> dict[int, Extent]:
    """Where each partition of a topic begins and ends."""
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_bootstrap.split(","))
    try:
        name = settings.topic(topic)
        places = [TopicPartition(name, p) for p in range(settings.laurel_partitions)]
        starts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        return {place.partition: Extent(starts[place], ends[place]) for place in places}
    finally:
        consumer.close()


def begin_positions(settings: Settings, connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """Give each app its first positions, but never where they may have been lost.

    Intake and engine begin while the timeline is empty, slack while `alerts` is; returns how many
    positions began.
    """
    ids = topic_ids(settings)
    began = 0
    for app, names in READS.items():
        witness = names[0] if app == "slack" else TIMELINE
        if any(extent.end for extent in extents(settings, witness).values()):
            continue
        for name in names:
            offsets = {p: extent.start for p, extent in extents(settings, name).items()}
            topic = settings.topic(name)
            begun = positions.register(connection, app, topic, ids[topic], offsets)
            if begun and app == "engine":
                # The timeline is empty: what is parked was so in a former one.
                connection.execute("DELETE FROM parked")
            began += begun
    return began
