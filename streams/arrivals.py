"""What came in lately, by whatever door, and what became of it?

The ends of the intake topics say what came; Postgres says what became of it: a record below
intake's position that was not set aside has been forwarded.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas.envelope import from_epoch_ms
from schemas.topics import INTAKE

from .consumer import make_consumer
from .database import Connection
from .set_aside import Kind, row_named
from .settings import Settings

ANSWER_WITHIN = 5.0

FURTHEST = 1000
"""Records of each partition that are looked through, where the last ones are of other sources."""


class TopicsUnread(Exception):
    """Kafka did not answer in time."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record of an intake topic, in its producer's words, empty where they cannot be read.

    `copy_of`: the row out of which it was published again.
    """

    topic: str
    partition: int
    offset: int
    heard: datetime
    source: str
    id: str
    type: str
    copy_of: tuple[Kind, int] | None


Became = Literal[
    "on its way", "forwarded", "waiting", "dead letter", "sent on again", "discarded", "expired"
]

_BECAME: dict[tuple[Kind, str], Became] = {
    ("q", "waiting"): "waiting",
    ("d", "waiting"): "dead letter",
    ("q", "releasing"): "sent on again",
    ("d", "replaying"): "sent on again",
}
"""By a row's kind and status; the other statuses are words of ours already."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an arrival and, if it was set aside, its row, the reason and the detail."""

    became: Became
    row: str = ""
    reason: str = ""
    detail: str = ""


async def lately(settings: Settings, most: int, covers: Callable[[str], bool]) -> list[Arrival]:
    """The last records of all intake topics together whose source is covered, the newest first.

    Raises `TopicsUnread`.
    """
    consumer = make_consumer(settings)
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            await consumer.start()
            arrivals = await _last(consumer, settings, most, covers)
    except (KafkaError, TimeoutError) as fault:
        raise TopicsUnread(f"Kafka does not answer: {type(fault).__name__}") from None
    finally:
        await consumer.stop()
    arrivals.sort(key=lambda one: (one.heard, one.offset), reverse=True)
    return arrivals[:most]


async def _last(
    consumer: AIOKafkaConsumer, settings: Settings, most: int, covers: Callable[[str], bool]
) -> list[Arrival]:
    """The last records that are covered of each partition, in no order."""
    found: dict[TopicPartition, list[Arrival]] = {
        TopicPartition(settings.topic(topic), partition): []
        for topic in INTAKE
        for partition in range(settings.laurel_partitions)
    }
    starts = await consumer.beginning_offsets(found)
    ends = await consumer.end_offsets(found)
    prefix = len(settings.laurel_prefix)
    seen = ends
    for far in (most, FURTHEST):
        spans = {
            place: range(max(starts[place], ends[place] - far), seen[place])
            for place, covered in found.items()
            if len(covered) < most
        }
        async for place, records in _within(consumer, spans):
            # Taken apart at once: the bytes of all of them together might be many.
            arrivals = (_arrival(record, place.topic[prefix:]) for record in records)
            found[place] += [one for one in arrivals if covers(one.source)]
        seen = {place: span.start for place, span in spans.items()}
    return [one for covered in found.values() for one in covered]


async def _within(
    consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, range]
) -> AsyncIterator[tuple[TopicPartition, list[ConsumerRecord]]]:
    """The records at these offsets, in pieces."""
    waiting = [place for place, span in spans.items() if span]
    consumer.assign(waiting)
    for place in waiting:
        consumer.seek(place, spans[place].start)
    while waiting:
        for place, records in (await consumer.getmany(*waiting, timeout_ms=200)).items():
            yield place, [record for record in records if record.offset in spans[place]]
        waiting = [place for place in waiting if await consumer.position(place) < spans[place].stop]


def _arrival(record: ConsumerRecord, topic: str) -> Arrival:
    try:
        event = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        event = None
    source, id, kind = (_said(event, name) for name in ("source", "id", "type"))
    copy_of = row_named(record)
    heard = from_epoch_ms(record.timestamp)
    return Arrival(topic, record.partition, record.offset, heard, source, id, kind, copy_of)


def _said(event: object, name: str) -> str:
    value = event.get(name) if isinstance(event, dict) else None
    return value if isinstance(value, str) else ""


async def fates(
    connection: Connection, settings: Settings, arrivals: Sequence[Arrival]
) -> list[Fate]:
    """What became of each; who was published again shares the fate of its row."""
    cursor = await connection.execute(
        """
        -- how far has intake come, and what has it set aside?
        SELECT p.next_offset,
               q.id, q.status, q.reason, q.detail, d.id, d.status, d.reason, d.detail
        FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[])
             WITH ORDINALITY AS a (topic, partition, "offset", q, d, number)
        LEFT JOIN positions p
               ON p.app = 'intake' AND p.topic = a.topic AND p.partition = a.partition
        LEFT JOIN quarantine q ON q.id = a.q OR a.q IS NULL AND q.topic = a.topic
                              AND q.partition = a.partition AND q."offset" = a."offset"
        LEFT JOIN dead_letters d ON d.id = a.d OR a.d IS NULL AND d.topic = a.topic
                                AND d.partition = a.partition AND d."offset" = a."offset"
        ORDER BY a.number
        """,
        [
            [settings.topic(arrival.topic) for arrival in arrivals],
            [arrival.partition for arrival in arrivals],
            [arrival.offset for arrival in arrivals],
            _rows(arrivals, "q"),
            _rows(arrivals, "d"),
        ],
    )
    rows = await cursor.fetchall()
    return [_fate(arrival.offset, *row) for arrival, row in zip(arrivals, rows, strict=True)]


def _rows(arrivals: Iterable[Arrival], kind: Kind) -> list[int | None]:
    return [
        arrival.copy_of[1] if arrival.copy_of and arrival.copy_of[0] == kind else None
        for arrival in arrivals
    ]


def _fate(offset: int, next_offset: int | None, *row: Any) -> Fate:
    if next_offset is None or offset >= next_offset:
        return Fate("on its way")
    sides: tuple[tuple[Kind, tuple[Any, ...]], ...] = ("q", row[:4]), ("d", row[4:])
    for kind, (id, status, reason, detail) in sides:
        if id is not None:
            return Fate(_BECAME.get((kind, status), status), f"{kind}{id}", reason, detail)
    return Fate("forwarded")
