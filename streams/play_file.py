"""What is to be delivered when? The file of `laurel play`, checked whole before it is played.

A line is `{deliver_at, topic, key, event}`, or `raw` instead of `event` for what is no event.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic import model_validator as check

from schemas.envelope import Unreadable, faults, milliseconds, parse, to_json
from schemas.facts import EPOCH
from schemas.incoming import Instant
from schemas.topics import EVENT_AT_MOST, KEY_AT_MOST

from .shell import Refused


@dataclass(frozen=True, slots=True)
class Line:
    """A record to deliver, in the step that ends at `step`."""

    deliver_at: datetime
    step: datetime
    topic: str
    key: bytes | None
    value: bytes


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    deliver_at: Instant
    topic: Literal["intake.directory", "intake.goals", "intake.training", "intake.usage"]
    key: str | None = None
    event: dict[str, Any] | None = None
    raw: str | None = None

    @field_validator("key", "raw")
    @classmethod
    def _not_too_large(cls, text: str | None, about: ValidationInfo) -> str | None:
        most = KEY_AT_MOST if about.field_name == "key" else EVENT_AT_MOST
        if text is not None and len(text.encode()) > most:
            raise ValueError(f"has more than {most} bytes")
        return text

    @check(mode="after")
    def _one_value(self) -> Self:
        if (self.event is None) == (self.raw is None):
            raise ValueError("give either `event` or `raw`")
        return self


_LINE = TypeAdapter(_Line)


def read(opened: Iterable[bytes], name: str, step: timedelta) -> list[Line]:
    """The lines in the order of their delivery; raises `Refused` naming the first wrong one."""
    lines = []
    for number, text in enumerate(opened, start=1):
        if not text.strip():
            continue
        try:
            lines.append(_read(text, step))
        except ValidationError as error:
            why = "; ".join(map(str, faults(error)))
            raise Refused(f"{name}, line {number}: {why}") from None
        except OverflowError:
            raise Refused(
                f"{name}, line {number}: /deliver_at: lies at the edge of the calendar"
            ) from None
        except Unreadable as fault:
            raise Refused(
                f"{name}, line {number}: /event: {fault} (what is no event is given as `raw`)"
            ) from None
    if not lines:
        raise Refused(f"{name}: there is nothing to play")
    return sorted(lines, key=lambda line: line.deliver_at)


def _read(text: bytes, step: timedelta) -> Line:
    line = _LINE.validate_json(text)
    at = milliseconds(line.deliver_at)
    if line.raw is None:
        value = to_json(line.event)
        parse(value)
    else:
        value = line.raw.encode()
    key = None if line.key is None else line.key.encode()
    return Line(at, step_of(at, step), line.topic, key, value)


def step_of(at: datetime, step: timedelta) -> datetime:
    """The end of the step that an instant lies in: a whole multiple of `step`, not before it."""
    return EPOCH - (EPOCH - at) // step * step
