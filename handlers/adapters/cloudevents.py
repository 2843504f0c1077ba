"""What does a delivery of CloudEvents 1.0 say, in structured, batched or binary mode?

An event in structured mode goes on byte by byte as the producer wrote it, also out of a batch.
"""

import json
import re
from collections.abc import Iterable, Iterator

import orjson

from schemas.door import BATCH, JSON, MOST_EVENTS, STRUCTURED
from schemas.envelope import Fault, Unreadable, parse_sent

from .delivery import Arrived, Delivery, UnknownFormat

PREFIX = "ce-"

_JSON = json.JSONDecoder()
_WHITE = re.compile(r"[ \t\n\r]*")
_ATTRIBUTE = re.compile(r"[a-z0-9]+")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


def read(delivery: Delivery) -> list[Arrived]:
    """The events of a delivery; raises `Unreadable` or `UnknownFormat`."""
    kind, _, parameters = delivery.content_type.partition(";")
    kind = kind.strip().lower()
    charset = re.search(r"charset\s*=\s*\"?([\w-]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnknownFormat(f"charset {charset[1]} is not read; JSON is UTF-8")
    if kind == STRUCTURED:
        return [_one(delivery.body)]
    if kind == BATCH:
        return _all(delivery.body)
    if any(name.lower().startswith(PREFIX) for name, _ in delivery.headers):
        if kind != JSON:
            raise UnknownFormat(f"in binary mode the Content-Type is {JSON}, not {kind!r}")
        return [_one(_assembled(delivery))]
    raise UnknownFormat(
        f"the Content-Type {kind!r} is not read; send {STRUCTURED}, {BATCH},"
        f" or {JSON} with the attributes in {PREFIX}… headers"
    )


def _one(raw: bytes, pointer: str = "") -> Arrived:
    return Arrived(parse_sent(raw), raw, pointer)


def _all(body: bytes) -> list[Arrived]:
    """Every event of a batch, or every fault, each below the number of its event."""
    arrived: list[Arrived] = []
    faults: list[Fault] = []
    for number, text in enumerate(list(_elements(_text(body)))):
        try:
            arrived.append(_one(text.encode(), f"/{number}"))
        except Unreadable as error:
            faults += [Fault(f"/{number}{fault.pointer}", fault.what) for fault in error.faults]
    if faults:
        raise Unreadable("batch", faults)
    return arrived


def _elements(text: str) -> Iterator[str]:
    """The texts between a JSON array's commas."""
    at = _white(text, 0)
    if text[at : at + 1] != "[":
        raise Unreadable("json", "a batch is a JSON array of events")
    at, count = _white(text, at + 1), 0
    while text[at : at + 1] != "]" or count:
        end = _end_of_value(text, at)
        yield text[at:end]
        at, count = _white(text, end), count + 1
        if count > MOST_EVENTS:
            raise Unreadable("size", f"the batch has more than {MOST_EVENTS} events")
        if text[at : at + 1] == "]":
            break
        if text[at : at + 1] != ",":
            raise Unreadable("json", f"Invalid JSON: expected `,` or `]` at character {at}")
        at = _white(text, at + 1)
    if _white(text, at + 1) != len(text):
        raise Unreadable("json", f"Invalid JSON: something follows the batch at character {at + 1}")


def _assembled(delivery: Delivery) -> bytes:
    """An event in binary mode as it would read in structured mode."""
    event = _attributes(delivery.headers)
    event["datacontenttype"] = JSON
    if delivery.body:
        event["data"] = orjson.Fragment(_value(delivery.body))
    return orjson.dumps(event)


def _attributes(headers: Iterable[tuple[str, str]]) -> dict[str, object]:
    faults: list[Fault] = []
    found: dict[str, object] = {}
    for header, value in headers:
        name = header.lower().removeprefix(PREFIX)
        if name == header.lower():
            continue
        if not _ATTRIBUTE.fullmatch(name) or name in ("data", "datacontenttype"):
            faults.append(Fault("", f"header {PREFIX}{name}: no attribute bears this name"))
        elif name in found:
            faults.append(Fault(f"/{name}", f"header {PREFIX}{name} is there twice"))
        try:
            found[name] = _decoded(value)
        except UnicodeDecodeError:
            faults.append(Fault(f"/{name}", f"header {PREFIX}{name}: must be UTF-8, as %XX"))
    if faults:
        raise Unreadable("envelope", faults)
    return found


def _value(body: bytes) -> bytes:
    """The body, if it is one JSON value: it is put into another."""
    try:
        text = _text(body)
        end = _white(text, _end_of_value(text, _white(text, 0)))
        if end != len(text):
            raise Unreadable("json", f"Invalid JSON: something follows at character {end}")
    except Unreadable as error:
        raise Unreadable("json", [Fault("/data", fault.what) for fault in error.faults]) from None
    return body


def _decoded(value: str) -> str:
    """A header's value as the HTTP binding, 3.1.3.2, has it: perhaps quoted, with %XX."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    raw = value.encode("utf-8", "surrogateescape")
    return _PERCENT.sub(lambda found: bytes([int(found[1], 16)]), raw).decode()


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("json", f"the body is not UTF-8 at byte {error.start}") from None


def _white(text: str, at: int) -> int:
    found = _WHITE.match(text, at)
    return found.end() if found else at


def _end_of_value(text: str, at: int) -> int:
    """Where the JSON value ends that begins here."""
    try:
        return _JSON.raw_decode(text, at)[1]
    except json.JSONDecodeError as error:
        raise Unreadable("json", f"Invalid JSON: {error.msg} at character {error.pos}") from None
    except (RecursionError, ValueError):
        raise Unreadable("json", "Invalid JSON: too deep, or a number too long") from None
