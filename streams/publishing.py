"""How does `laurel publish` read its lines? All of a file is checked before any of it is sent."""

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import orjson

from handlers.adapters import cloudevents
from handlers.adapters.delivery import Delivery
from schemas.door import STRUCTURED
from schemas.envelope import Unreadable

from .publisher import Publisher, PublishFailed
from .reach import reach_kafka
from .settings import Settings
from .shell import Failed, Refused, say
from .topics import topic_ids


def run(settings: Settings, options: Namespace) -> None:
    """Publish a file's lines, or standard input's as they come."""
    if options.file == "-":
        sent = _send(settings, lines(sys.stdin.buffer, "standard input"))
    else:
        with open_file(options.file) as opened:
            checked = list(lines(opened, options.file))
        sent = _send(settings, checked)
    say(f"{sent} events are on the intake topics")


def open_file(name: str) -> BinaryIO:
    """Raises `Refused` where there is no such file to be read."""
    try:
        return Path(name).open("rb")
    except OSError as fault:
        raise Refused(f"{name}: {fault.strerror}") from None


def lines(opened: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines that are events; raises `Refused` naming line and field of the first that is not.

    Empty lines are passed over.
    """
    for number, line in enumerate(opened, start=1):
        text = line.strip()
        if not text:
            continue
        try:
            arrived = cloudevents.read(Delivery(STRUCTURED, text))
        except Unreadable as fault:
            raise Refused(f"{name}, line {number}{_event_id(text)}: {fault}") from None
        yield from (one.raw for one in arrived)


def _event_id(text: bytes) -> str:
    """The id that a wrong line names, if it can be made out."""
    try:
        event = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ""
    return f", event {event['id']!r}" if isinstance(event, dict) and "id" in event else ""


def _send(settings: Settings, events: Iterable[bytes]) -> int:
    reach_kafka(settings)
    topic_ids(settings)
    sent = 0
    try:
        with Publisher(settings) as publisher:
            for event in events:
                publisher.send(event)
                sent += 1
    except PublishFailed as fault:
        raise Failed(str(fault)) from None
    except Refused as fault:
        raise Refused(f"{fault}; the {sent} events before it are on the intake topics") from None
    return sent
