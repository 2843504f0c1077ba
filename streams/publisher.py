"""How does a producer hand Laurel an event? Checked first, sent once, acknowledged by all.

The topic follows from the event's type, the key from whom it concerns; intake keys it anew.

>>> with Publisher(settings) as publisher:
...     sent = publisher.send(
...         {
...             "specversion": "1.0",
...             "id": "enrolment-4711",
...             "source": "urn:lms:example",
...             "type": "training.enrolled.v1",
...             "time": "2026-03-02T09:15:00Z",
...             "data": {"person": {"email": "ada@example.com"}, "course": "reporting"},
...         }
...     )
...     sent.get(timeout=30).topic == settings.topic("intake.training")
True
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from kafka import KafkaProducer

from schemas.destination import destination
from schemas.envelope import Event, Unreadable, parse_sent, stamp, to_json
from schemas.topics import RECORD_AT_MOST

from .settings import Settings, load

Sent = Any
"""kafka-python's future: `get(timeout)` returns topic, partition and offset, or raises."""


class PublishFailed(Exception):
    """Kafka did not take these events; they may be sent again, since repeats are dropped."""


class Publisher:
    """Sends events to the intake topics; use it as a context manager, which flushes at its end.

    What was sent is waited for even where a fault ends it: nobody could say what became of it.

    `patience`: seconds in which an event must be acknowledged, else it counts as not taken.
    """

    def __init__(self, settings: Settings | None = None, patience: float = 60) -> None:
        self._settings = settings or load()
        self._producer = open_producer(self._settings, patience)
        self._failed: list[str] = []

    def send(self, event: Mapping[str, Any] | Event | bytes | str) -> Sent:
        """Check an event and send it; raises `schemas.envelope.Unreadable`, naming the field.

        An event is a CloudEvents 1.0 mapping, the same as JSON, or a `schemas.envelope.Event`.
        """
        raw = encode(event)
        read = parse_sent(raw)
        topic, key = destination(read.data)
        sent = self._producer.send(self._settings.topic(topic), raw, key=key.encode())
        sent.add_errback(lambda fault: self._failed.append(f"{read.name}: {fault}"))
        return sent

    def flush(self) -> None:
        """Wait until all that was sent is acknowledged; raises `PublishFailed` if any was not."""
        self._producer.flush()
        if self._failed:
            failed, self._failed = self._failed, []
            raise PublishFailed(f"{len(failed)} events were not taken: {'; '.join(failed[:5])}")

    def close(self) -> None:
        """Flush, then let go of the broker."""
        try:
            self.flush()
        finally:
            self._producer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_producer(settings: Settings, patience: float) -> KafkaProducer:
    """kafka-python's producer, idempotent and acknowledged by all replicas."""
    milliseconds = int(patience * 1000)
    return KafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap.split(","),
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        max_request_size=RECORD_AT_MOST,
        delivery_timeout_ms=milliseconds,
        request_timeout_ms=milliseconds // 2,
        max_block_ms=milliseconds,
    )


def encode(event: Mapping[str, Any] | Event | bytes | str) -> bytes:
    """The event as JSON, text and bytes as they are; raises `Unreadable` where it has none."""
    match event:
        case bytes():
            return event
        case str():
            try:
                return event.encode()
            except UnicodeEncodeError as error:
                what = f"character {error.start} is half of one (a lone surrogate)"
                raise Unreadable("json", what) from None
        case Event():
            return to_json(
                {
                    "specversion": "1.0",
                    "id": event.id,
                    "source": event.source,
                    "type": event.data.WIRE,
                    "time": stamp(event.time),
                    "datacontenttype": "application/json",
                    "data": event.data.model_dump(mode="json", exclude_none=True),
                }
            )
        case _:
            return to_json(event)
