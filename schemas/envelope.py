"""How does an event travel? CloudEvents 1.0, structured mode, in and on the timeline.

Producers' events are checked whole; what Laurel itself wrote to the timeline is read back exactly.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter, ValidationError

from .facts import FACTS, Fact, OfCustomer, Tick, UsageRecorded
from .ids import cause
from .incoming import EVENTS, Id, Incoming, Instant
from .topics import CATALOGUE, EVENT_AT_MOST


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and, as a JSON pointer, where: empty for the whole."""

    pointer: str
    what: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.what}".removeprefix(": ")


class Unreadable(ValueError):
    """A record that is no event of ours: `reason` is a short word, the message says where."""

    def __init__(self, reason: str, detail: str | Sequence[Fault]) -> None:
        self.reason = reason
        self.faults = (Fault("", detail),) if isinstance(detail, str) else tuple(detail)
        super().__init__("; ".join(map(str, self.faults)))


def _of_json(media_type: str) -> str:
    if media_type.partition(";")[0].strip().lower() != "application/json":
        raise ValueError("must be application/json, or left out: `data` is JSON")
    return media_type


class Envelope(BaseModel):
    """The attributes of CloudEvents 1.0 that Laurel uses; extensions are allowed and ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"]
    id: Id
    source: Id
    type: str
    time: Instant
    data: dict[str, Any]
    datacontenttype: Annotated[str, AfterValidator(_of_json)] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A producer's event, checked: `time` is UTC in whole milliseconds."""

    id: str
    source: str
    time: datetime
    data: Incoming

    @property
    def name(self) -> str:
        """What causes call it: `source#id`."""
        return cause(self.source, self.id)


_ENVELOPE = TypeAdapter(Envelope)
_DATA: dict[str, TypeAdapter[Incoming]] = {event.WIRE: TypeAdapter(event) for event in EVENTS}


def wire_names() -> Iterable[str]:
    """The `type` of every event a producer may send."""
    return _DATA.keys()


def parse(raw: bytes | str | None) -> Event:
    """Check a producer's event.

    Raises `Unreadable` with reason `empty`, `size`, `json`, `envelope`, `type` or `data`.
    """
    if not raw:
        raise Unreadable("empty", "the record has no value; send a CloudEvents 1.0 JSON object")
    if len(raw) > EVENT_AT_MOST:
        raise Unreadable("size", f"the event has more than {EVENT_AT_MOST} bytes")
    try:
        envelope = _ENVELOPE.validate_json(raw)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise Unreadable("json", faults(error)) from None
        raise Unreadable("envelope", [*faults(error), *_faults_of_data(raw)]) from None
    adapter = _DATA.get(envelope.type)
    if adapter is None:
        known = ", ".join(sorted(_DATA))
        what = f"{envelope.type[:100]!r} is not known; known are {known}"
        raise Unreadable("type", [Fault("/type", what)])
    try:
        data = adapter.validate_python(envelope.data)
    except ValidationError as error:
        raise Unreadable("data", faults(error, "/data")) from None
    if not datetime(1990, 1, 1, tzinfo=UTC) <= envelope.time <= datetime(9000, 1, 1, tzinfo=UTC):
        raise Unreadable("envelope", [Fault("/time", "lies outside the years 1990 to 9000")])
    return Event(envelope.id, envelope.source, milliseconds(envelope.time), data)


def _faults_of_data(raw: bytes | str) -> list[Fault]:
    """What is wrong with the data of an event whose attributes are wrong."""
    match json.loads(raw):
        case {"type": str(wire), "data": dict(data)} if wire in _DATA:
            try:
                _DATA[wire].validate_python(data)
            except ValidationError as error:
                return faults(error, "/data")
    return []


_DOUBTFUL = re.compile(rb"[NI0-9](?:aN|nfinity|[eE]\+?[0-9]{3}|[0-9]{18})")
"""Whatever JSON has no number for looks like this, and hardly anything else does."""


def parse_sent(raw: bytes) -> Event:
    """`parse`, for whoever can still answer: what JSON cannot say is refused in every field.

    Intake, which drops the fields that it does not know, does not look into them.
    """
    event: Event | None = None
    reason, wrong = "json", tuple[Fault, ...]()
    try:
        event = parse(raw)
    except Unreadable as error:
        if error.reason in ("empty", "size", "json"):
            raise
        reason, wrong = error.reason, error.faults
    if _DOUBTFUL.search(raw):
        named = {fault.pointer for fault in wrong}
        said = json.loads(raw)
        wrong += tuple(fault for fault in _unsayable(said) if fault.pointer not in named)
    if event is None or wrong:
        raise Unreadable(reason, wrong)
    return event


def to_json(event: object) -> bytes:
    """A producer's event as JSON; raises `Unreadable` naming what JSON cannot say.

    orjson alone would write null for NaN, and does not tell the place of what it refuses.
    """
    if not isinstance(event, Mapping):
        kind = type(event).__name__
        raise Unreadable("json", f"an event is a mapping, a JSON object; this is of type {kind}")
    if wrong := list(_unsayable(event)):
        raise Unreadable("json", wrong)
    try:
        return orjson.dumps(dict(event), default=_decimal)
    except orjson.JSONEncodeError as error:
        raise Unreadable("json", str(error)) from None


DEEPEST = 100
"""How deep the parts of an event may lie in each other."""


def _unsayable(value: object, at: str = "", depth: int = 0) -> Iterator[Fault]:
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                yield Fault(at, f"character {error.start} is half of one (a lone surrogate)")
        case float() if not isfinite(value):
            yield Fault(at, "JSON has neither NaN nor Infinity; leave the field out or mend it")
        case int() if not -(2**63) <= value < 2**64:
            yield Fault(at, "the number has more than 64 bits; send it as text or mend it")
        case Mapping() | list() | tuple() if depth == DEEPEST:
            yield Fault("", f"the event is nested more than {DEEPEST} deep")
        case Mapping():
            for name, part in value.items():
                yield from _unsayable(part, f"{at}/{name}", depth + 1)
        case list() | tuple():
            for number, part in enumerate(value):
                yield from _unsayable(part, f"{at}/{number}", depth + 1)


def _decimal(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def faults(error: ValidationError, at: str = "") -> list[Fault]:
    """Each fault below the pointer `at`, without the value, which may be personal."""
    return [
        Fault(at + "".join(f"/{part}" for part in fault["loc"]), fault["msg"])
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def milliseconds(at: datetime) -> datetime:
    """The instant in UTC, cut to the precision of the timeline."""
    at = _utc(at)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as the timeline, exports and logs write it."""
    return _utc(at).isoformat(timespec="milliseconds")[:-6] + "Z"


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def from_epoch_ms(timestamp: int) -> datetime:
    """A Kafka timestamp as an instant."""
    return datetime.fromtimestamp(timestamp // 1000, UTC).replace(
        microsecond=timestamp % 1000 * 1000
    )


_KINDS = {fact.WIRE: fact for fact in FACTS}
_SAID_OUTSIDE = {field.name for field in fields(Fact)}
_SAID_INSIDE = {
    fact: tuple(field.name for field in fields(fact) if field.name not in _SAID_OUTSIDE)
    for fact in FACTS
}
_FACT: dict[str, TypeAdapter[Fact]] = {fact.WIRE: TypeAdapter(fact) for fact in FACTS}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a fact")


def encode_fact(fact: Fact, source: str, id: str, releases: int = 0) -> bytes:
    """The fact as it stands on the timeline; `fact.cause` is kept apart where it is not its id.

    `releases`: how often something had been set free by then, where that sets this fact free.
    """
    data = {
        name: value
        for name in _SAID_INSIDE[type(fact)]
        if (value := getattr(fact, name)) is not None
    }
    record: dict[str, Any] = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": fact.WIRE,
        "time": stamp(fact.at),
        "recordedtime": stamp(fact.recorded_at),
        "datacontenttype": "application/json",
        "data": data,
    }
    if fact.cause != cause(source, id):
        record["origin"] = fact.cause
    if releases:
        record["releases"] = releases
    return orjson.dumps(record, default=_plain)


TICKER = "laurel:clock"


def encode_tick(now: datetime, partition: int, releases: int = 0) -> bytes:
    """A tick as it stands on the timeline; `releases`: how many of them it takes into account."""
    record = {
        "specversion": "1.0",
        "id": f"{partition}:{stamp(now)}",
        "source": TICKER,
        "type": Tick.WIRE,
        "time": stamp(now),
        "datacontenttype": "application/json",
        "releases": releases,
        "data": {"now": stamp(now)},
    }
    return orjson.dumps(record)


@dataclass(frozen=True, slots=True)
class Told:
    """A record of the timeline, read back: `name` is (source, id), by which repeats are known."""

    name: tuple[str, str]
    key: str
    fact: Fact | Tick
    releases: int


def decode(value: bytes) -> Told:
    """Read a timeline record back; raises `Unreadable` where it is none of ours."""
    try:
        record = orjson.loads(value)
        wire, name = record["type"], (record["source"], record["id"])
        releases = int(record.get("releases", 0))
        if wire == Tick.WIRE:
            tick = Tick(now=datetime.fromisoformat(record["time"]))
            return Told(name, CATALOGUE, tick, releases)
        if wire == UsageRecorded.WIRE:
            used = _usage(record, name)
            return Told(name, used.customer, used, releases)
        adapter = _FACT.get(wire)
        if adapter is None:
            raise Unreadable("type", f"{wire!r} is no fact of this version")
        fact = adapter.validate_python(
            {
                **record["data"],
                "at": datetime.fromisoformat(record["time"]),
                "recorded_at": datetime.fromisoformat(record["recordedtime"]),
                "cause": record.get("origin") or cause(*name),
            }
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        if isinstance(error, Unreadable):
            raise
        if isinstance(error, ValidationError):
            raise Unreadable("data", faults(error, "/data")) from None
        raise Unreadable("json", f"{type(error).__name__}: {error}") from None
    key = fact.customer if isinstance(fact, OfCustomer) else CATALOGUE
    return Told(name, key, fact, releases)


def _usage(record: Mapping[str, Any], name: tuple[str, str]) -> UsageRecorded:
    """Read by hand rather than by an adapter, because it is the bulk of the stream."""
    data = record["data"]
    customer, metric, quantity = data["customer"], data["metric"], data["quantity"]
    person, feature = data.get("person"), data.get("feature")
    for text in (customer, metric, quantity, person or "", feature or ""):
        if type(text) is not str:
            raise TypeError(f"{text!r} is no text")
    return UsageRecorded(
        at=datetime.fromisoformat(record["time"]),
        recorded_at=datetime.fromisoformat(record["recordedtime"]),
        cause=record.get("origin") or cause(*name),
        customer=customer,
        metric=metric,
        quantity=Decimal(quantity),
        person=person,
        feature=feature,
    )
