"""Which records of a play are events? Written from the contract alone, for the expectation."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

Json = dict[str, Any]
Check = Callable[[Any], bool]

TOO_FAR = timedelta(days=30)
ZONES = available_timezones()


@dataclass(frozen=True)
class Event:
    """A readable record: `time` is when it happened, `heard` when it was delivered."""

    source: str
    id: str
    wire: str
    time: datetime
    heard: datetime
    data: Json

    @property
    def cause(self) -> str:
        return f"{opaque(self.source)}#{opaque(self.id)}"


def opaque(name: str) -> str:
    """An id as it may be shown: one that could be an address is hashed."""
    return "h-" + hashlib.sha256(name.encode()).hexdigest()[:32] if "@" in name else name


def read(line: Json) -> Event | None:
    """The event of one line of a play, or None where nobody can read it."""
    heard = instant(line["deliver_at"])
    assert heard
    event = line.get("event")
    if event is None:
        try:
            event = json.loads(line["raw"], parse_float=Decimal)
        except json.JSONDecodeError:
            return None
    if not _is_envelope(event):
        return None
    time = instant(event["time"])
    wire = event["type"]
    if time is None or time - heard > TOO_FAR or not _says(SAID.get(wire), event["data"]):
        return None
    if wire in WHOLE and not WHOLE[wire](event["data"]):
        return None
    said = {name: value for name, value in event["data"].items() if value is not None}
    return Event(event["source"], event["id"], wire, time, heard, said)


def instant(text: object) -> datetime | None:
    """An instant in UTC, cut to milliseconds; None where the text names none."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.tzinfo is None or not 1990 <= at.year < 9000:
        return None
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond - at.microsecond % 1000)


def _is_envelope(event: Any) -> bool:
    return (
        isinstance(event, dict)
        and event.get("specversion") == "1.0"
        and _is_id(event.get("id"))
        and _is_id(event.get("source"))
        and isinstance(event.get("type"), str)
        and isinstance(event.get("data"), dict)
    )


def _is_id(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 200
        and not any(sign < " " or sign in "\x7f|" for sign in value)
    )


def _is_customer(value: Any) -> bool:
    return _is_id(value) and value != "catalogue"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value.strip()) <= 500 and "\0" not in value


def _is_email(value: Any) -> bool:
    return _is_text(value) and value.count("@") == 1 and all(value.split("@"))


def _is_number(least: int, most: int) -> Check:
    def check(value: Any) -> bool:
        if isinstance(value, str):
            try:
                value = Decimal(value)
            except ArithmeticError:
                return False
        return isinstance(value, int | float | Decimal) and least <= value <= most

    return check


def _is_whole(least: int, most: int) -> Check:
    return lambda value: isinstance(value, int) and least <= value <= most


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_zone(value: Any) -> bool:
    return value in ZONES


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _is_list(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _says(said: dict[str, Check] | None, data: Json) -> bool:
    """Whether the fields are right; those whose name ends in `!` must be there."""
    if said is None or not isinstance(data, dict):
        return False
    for field, check in said.items():
        value = data.get(field.rstrip("!"))
        if value is None and field.endswith("!"):
            return False
        if value is not None and not check(value):
            return False
    return True


def _part(**said: Check) -> Check:
    return lambda value: isinstance(value, dict) and _says(said, value)


_external: Check = lambda value: (  # noqa: E731
    isinstance(value, dict) and _is_id(value.get("system")) and _is_id(value.get("id"))
)


def _is_person(value: Any) -> bool:
    names = _part(id=_is_id, email=_is_email, external=_external, name=_is_text)
    return names(value) and any(value.get(name) is not None for name in ("id", "email", "external"))


_entry = _part(**{"id!": _is_id}, name=_is_text, email=_is_email, externals=_is_list(_external))
_of_person: dict[str, Check] = {"person!": _is_person, "customer": _is_customer}
_of_course = _of_person | {"course!": _is_id, "registration": _is_id}
_of_certificate = _of_person | {"certificate!": _is_id, "number": _is_id}
_attempt: dict[str, Check] = {"score": _is_number(0, 100), "attempt": _is_whole(1, 10_000)}
_validity: dict[str, Check] = {"last_day": _is_day, "url": _is_link}
_inline = _part(**{"certificate!": _is_id}, number=_is_id, **_validity)
_member: dict[str, Check] = {"customer!": _is_customer, "person!": _entry}
_place: dict[str, Check] = {"role": _is_id, "level": _is_id}

SAID: dict[str, dict[str, Check]] = {
    "customer.described.v1": {
        "customer!": _is_customer,
        "name": _is_text,
        "csm": _part(**{"email!": _is_email}, name=_is_text),
        "zone": _is_zone,
        "segment": _is_text,
        "arr": _is_number(0, 10**13),
        "health": _is_number(0, 100),
    },
    "customer.ended.v1": {"customer!": _is_customer},
    "person.joined.v1": _member | _place,
    "person.left.v1": _member,
    "role.changed.v1": _member | _place,
    "course.described.v1": {
        "course!": _is_id,
        "name": _is_text,
        "type": _is_id,
        "modules": _is_list(_part(**{"id!": _is_id}, name=_is_text)),
        "certificate": _is_id,
        "certificate_name": _is_text,
        "validity_months": _is_whole(1, 1200),
        "patience_days": _is_whole(1, 3650),
        "next_courses": _is_list(_is_id),
    },
    "course.retired.v1": {"course!": _is_id},
    "requirement.described.v1": {
        "requirement!": _is_id,
        "role": _is_id,
        "level": _is_id,
        "course": _is_id,
        "certificate": _is_id,
    },
    "requirement.retired.v1": {"requirement!": _is_id},
    "training.enrolled.v1": _of_course,
    "training.started.v1": _of_course,
    "module.completed.v1": _of_course | {"module!": _is_id},
    "training.completed.v1": _of_course | _attempt | {"certificate": _inline, "url": _is_link},
    "training.failed.v1": _of_course | _attempt,
    "training.withdrawn.v1": _of_course,
    "training.waived.v1": _of_course,
    "training.completion.withdrawn.v1": _of_course
    | {"withdraws": _is_id, "attempt": _attempt["attempt"]},
    "training.score.regraded.v1": _of_course
    | {"score!": _attempt["score"], "attempt": _attempt["attempt"]},
    "certificate.granted.v1": _of_certificate | _validity,
    "certificate.renewed.v1": _of_certificate | _validity,
    "certificate.revoked.v1": _of_certificate,
}

WHOLE: dict[str, Check] = {
    "role.changed.v1": lambda said: _stated(said, "role", "level") > 0,
    "requirement.described.v1": lambda said: _stated(said, "course", "certificate") < 2,
    "training.completion.withdrawn.v1": lambda said: _stated(said, "withdraws", "attempt") < 2,
}


def _stated(said: Json, *fields: str) -> int:
    return sum(said.get(field) is not None for field in fields)
