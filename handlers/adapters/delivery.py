"""What is an adapter given, and what does it give?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.envelope import Event


@dataclass(frozen=True, slots=True)
class Delivery:
    """Bytes as they came in, with the headers they came under, names in any case."""

    content_type: str
    body: bytes
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event, the CloudEvents JSON by which intake will read it again, and where it stood."""

    event: Event
    raw: bytes
    pointer: str = ""


class UnknownFormat(ValueError):
    """The delivery is of no format that the adapter reads; the message says what it reads."""


Adapter = Callable[[Delivery], list[Arrived]]
"""Raises `UnknownFormat`, or `Unreadable` with all that is wrong."""
