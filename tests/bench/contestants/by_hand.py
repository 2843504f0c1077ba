"""How fast is a consumer written by hand for this one task?

Offsets, sums and the ids seen in seven days are stored in one transaction, so that an event counts
once, whatever happens; librdkafka's queue is deep enough to be filled while a commit waits.
"""

from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson
import psycopg
from confluent_kafka import Consumer, Message, TopicPartition

from tests.bench.contestants import asked

AT_ONCE = 20_000
WINDOW = timedelta(days=7)
SIZE = 16

MOVE = """
    UPDATE positions p SET next_offset = moved.next
    FROM unnest(%s::int[], %s::bigint[], %s::bigint[]) AS moved (partition, next, past)
    WHERE p.partition = moved.partition AND p.next_offset = moved.past
"""
REMEMBER = """
    INSERT INTO remembered (partition, day, packed)
    SELECT * FROM unnest(%s::int[], %s::date[], %s::bytea[])
"""
FORGET = "DELETE FROM remembered WHERE partition = ANY(%s) AND day < %s"

Connection = psycopg.Connection[tuple[Any, ...]]


class Seen:
    """The ids of one partition, by day."""

    def __init__(self, connection: Connection, partition: int) -> None:
        self._partition = partition
        self._days: dict[date, set[bytes]] = {}
        self._fresh: list[bytes] = []
        query = "SELECT day, packed FROM remembered WHERE partition = %s"
        for day, packed in connection.execute(query, (partition,)):
            known = self._days.setdefault(day, set())
            known.update(packed[i : i + SIZE] for i in range(0, len(packed), SIZE))

    def is_new(self, name: str, day: date) -> bool:
        """Whether the id was not there yet; it is from now on."""
        hash = blake2b(name.encode(), digest_size=SIZE).digest()
        if day not in self._days:
            self._days = {at: ids for at, ids in self._days.items() if at >= day - WINDOW}
            self._days[day] = set()
        if any(hash in ids for ids in self._days.values()):
            return False
        self._days[day].add(hash)
        self._fresh.append(hash)
        return True

    def take(self) -> bytes:
        """What is new since the last time, packed."""
        packed, self._fresh = b"".join(self._fresh), []
        return packed


def main() -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": asked.BOOTSTRAP,
            "group.id": asked.GROUP,
            "enable.auto.commit": False,
            "queued.min.messages": 200_000,
            "fetch.queue.backoff.ms": 5,
        }
    )
    with psycopg.connect(asked.DATABASE, autocommit=True) as connection:
        rows = connection.execute("SELECT partition, next_offset FROM positions").fetchall()
        positions: dict[int, int] = dict(rows)
        seen = {partition: Seen(connection, partition) for partition in positions}
        consumer.assign([TopicPartition(asked.TOPIC, *place) for place in positions.items()])
        asked.begin()
        while True:
            if messages := consumer.consume(AT_ONCE, timeout=0.02):
                commit(connection, messages, positions, seen)


def commit(
    connection: Connection,
    messages: list[Message],
    positions: dict[int, int],
    seen: dict[int, Seen],
) -> None:
    """Fold the messages, and store all that follows in one transaction."""
    sums: asked.Sums = {}
    ends: dict[int, tuple[int, date]] = {}
    for message in messages:
        if fault := message.error():
            raise RuntimeError(f"{asked.TOPIC}: {fault}")
        partition, (_, stamped) = message.partition(), message.timestamp()
        day = datetime.fromtimestamp(stamped / 1000, UTC).date()
        ends[partition] = message.offset() + 1, day
        event = orjson.loads(message.value())
        if seen[partition].is_new(f"{event['source']} {event['id']}", day) and (
            event["type"] == asked.USAGE
        ):
            said = event["data"]
            asked.add(sums, said["customer"], said["metric"], said["quantity"])
    partitions, days = list(ends), [day for _, day in ends.values()]
    with connection.transaction():
        moved = connection.execute(
            MOVE,
            (partitions, [end for end, _ in ends.values()], [positions[p] for p in partitions]),
        )
        if moved.rowcount != len(partitions):
            raise RuntimeError(f"{asked.TOPIC}: a position has moved, so it is another's")
        connection.execute(REMEMBER, (partitions, days, [seen[p].take() for p in partitions]))
        connection.execute(FORGET, (partitions, min(days) - WINDOW))
        if sums:
            connection.execute(asked.UPSERT_MANY, asked.columns(sums))
    positions.update((partition, end) for partition, (end, _) in ends.items())


if __name__ == "__main__":
    main()
