"""Who is meant, and in whose account? The expectation's own reading of the directory."""

import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from .door import Event, Json, opaque
from .teams import Requirement

LAUREL = UUID("7d0c2b5e-51f4-5c39-9d0a-0f6f4a1c6b11")

CATALOGUE = ("course.described.v1", "course.retired.v1")
CUSTOMERS = ("customer.described.v1", "customer.ended.v1")
REQUIREMENTS = ("requirement.described.v1", "requirement.retired.v1")
MEMBERS = ("person.joined.v1", "person.left.v1", "role.changed.v1")

KINDS = {
    "person.joined.v1": "joined",
    "person.left.v1": "left",
    "role.changed.v1": "moved",
    "module.completed.v1": "module",
    "training.completion.withdrawn.v1": "retracted",
    "training.score.regraded.v1": "regraded",
}
"""How facts are called here, where not by the second word of their wire name."""


@dataclass(frozen=True)
class Fact:
    """One thing known of a person: `subject` is a course, a certificate, or empty for a move.

    That an account ended is known of no person. `retracts` is the cause of a completion.
    """

    kind: str
    customer: str
    person: str
    subject: str
    time: datetime
    heard: datetime
    cause: str
    registration: str | None = None
    module: str | None = None
    score: Decimal | None = None
    attempt: int | None = None
    number: str | None = None
    last_day: date | None = None
    course: str | None = None
    months: int | None = None
    role: str | None = None
    level: str | None = None
    retracts: str | None = None


class Waits(Exception):
    """The record cannot be placed yet; its one argument says why."""


class Directory:
    """All that directory facts have said so far."""

    def __init__(self) -> None:
        self._customers: dict[str, list[Event]] = {}
        self._courses: dict[str, list[Event]] = {}
        self._requirements: dict[str, list[Event]] = {}
        self._names: dict[tuple[str, ...], set[str]] = {}
        self._moves: dict[tuple[str, str], list[Event]] = {}

    def course(self, course: str) -> Json:
        """What is known of a course: field by field, the last writer's word."""
        return _last_words(self._courses.get(course, []))

    def zone(self, customer: str) -> ZoneInfo:
        return ZoneInfo(_last_words(self._customers.get(customer, [])).get("zone", "UTC"))

    def granting(self, certificate: str) -> list[str]:
        """The courses that earn the certificate."""
        return sorted(
            course
            for course in self._courses
            if self.course(course).get("certificate") == certificate
        )

    @property
    def customers(self) -> list[str]:
        """Those that have not ended."""
        return [
            customer
            for customer, events in self._customers.items()
            if all(event.wire == "customer.described.v1" for event in events)
        ]

    @property
    def asked(self) -> list[Requirement]:
        """What is required: neither retired nor still without a target."""
        told = (Requirement.told(id, events) for id, events in self._requirements.items())
        return [one for one in told if one.target and not one.retired]

    def place(self, event: Event) -> list[Fact]:
        """The facts that an event means, once placed; raises `Waits` where it cannot be."""
        if event.wire in CATALOGUE:
            self._courses.setdefault(event.data["course"], []).append(event)
            return []
        if event.wire in REQUIREMENTS:
            self._check_target(event.data.get("course"), event.data.get("certificate"))
            self._requirements.setdefault(event.data["requirement"], []).append(event)
            return []
        if event.wire in CUSTOMERS:
            customer = event.data["customer"]
            self._customers.setdefault(customer, []).append(event)
            if event.wire == "customer.described.v1":
                return []
            return [Fact("ended", customer, "", "", event.time, event.heard, event.cause)]
        if event.wire in MEMBERS:
            return self._member(event)
        return self._done(event)

    def _member(self, event: Event) -> list[Fact]:
        customer, entry = event.data["customer"], event.data["person"]
        told = self._customers.get(customer, [])
        if all(event.wire == "customer.ended.v1" for event in told):
            raise Waits("unknown")
        person = _person(event.source, entry["id"])
        names = [("id", entry["id"])]
        if entry.get("email"):
            names.append(("email", entry["email"].strip().lower()))
        names += [(named["system"], named["id"]) for named in entry.get("externals") or ()]
        for kind, name in names:
            self._names.setdefault((kind, name), set()).add(person)
        kind = KINDS[event.wire]
        if kind != "moved":
            self._moves.setdefault((person, customer), []).append(event)
        fact = Fact(kind, customer, person, "", event.time, event.heard, event.cause)
        if kind == "left":
            return [fact]
        return [replace(fact, role=event.data.get("role"), level=event.data.get("level"))]

    def _check_target(self, course: str | None, certificate: str | None) -> None:
        if course is not None and course not in self._courses:
            raise Waits("unknown")
        if certificate is not None and not self.granting(certificate):
            raise Waits("unknown")

    def _done(self, event: Event) -> list[Fact]:
        named = self._named(event.data["person"])
        course, certificate = event.data.get("course"), event.data.get("certificate")
        inline = certificate if isinstance(certificate, dict) else None
        if inline:
            certificate = inline["certificate"]
        if not named:
            raise Waits("unknown")
        self._check_target(course, certificate)
        if any(len(persons) > 1 for persons in named):
            raise Waits("ambiguous")
        if len(set.union(*named)) > 1:
            raise Waits("conflict")
        person = named[0].copy().pop()
        customer = self._customer(person, event.data.get("customer"), event.time)
        kind = KINDS.get(event.wire, event.wire.split(".")[1])
        fact = self._fact(kind, (customer, person, course or str(certificate)), event, event.data)
        if inline is None:
            return [fact]
        return [fact, self._fact("granted", (customer, person, str(certificate)), event, inline)]

    def _fact(self, kind: str, key: tuple[str, str, str], event: Event, said: Json) -> Fact:
        subject = key[2]

        def id_of(field: str) -> str | None:
            return opaque(said[field]) if isinstance(said.get(field), str) else None

        months = None
        if kind in ("granted", "renewed"):
            stated = (
                self.course(course).get("validity_months") for course in self.granting(subject)
            )
            months = next((number for number in stated if number), None)
        elif kind == "completed":
            months = self.course(subject).get("validity_months")
        day = said.get("last_day")
        score, retracts = said.get("score"), id_of("withdraws")
        return Fact(
            kind,
            *key,
            event.time,
            event.heard,
            event.cause,
            registration=id_of("registration"),
            module=id_of("module"),
            score=None if score is None else Decimal(str(score)),
            attempt=said.get("attempt"),
            number=id_of("number"),
            last_day=date.fromisoformat(day) if day else None,
            course=subject if kind == "completed" else None,
            months=months,
            retracts=retracts and f"{opaque(event.source)}#{retracts}",
        )

    def _named(self, ref: Json) -> list[set[str]]:
        """For each name given and known, whom it leads to."""
        names: list[tuple[str, str]] = []
        if ref.get("id"):
            names.append(("id", ref["id"]))
        if ref.get("email"):
            names.append(("email", ref["email"].strip().lower()))
        if ref.get("external"):
            names.append((ref["external"]["system"], ref["external"]["id"]))
        return [self._names[name] for name in names if name in self._names]

    def _customer(self, person: str, claimed: str | None, time: datetime) -> str:
        spans = {
            customer: _spans(moves)
            for (who, customer), moves in self._moves.items()
            if who == person and _spans(moves)
        }
        if claimed is not None:
            if claimed not in spans:
                raise Waits("conflict" if spans else "left")
            if _within(spans[claimed], time):
                return claimed
            if time >= spans[claimed][0][0]:
                raise Waits("left")
            # Before all her memberships she belongs to the first, and then to where she is.
            if spans[claimed][0][0] == min(its[0][0] for its in spans.values()):
                return claimed
            raise Waits("conflict")
        valid = [customer for customer, its in spans.items() if _within(its, time)]
        if len(valid) > 1:
            raise Waits("ambiguous")
        if valid:
            return valid[0]
        first = min(((its[0][0], customer) for customer, its in spans.items()), default=None)
        if first and time < first[0]:
            return first[1]
        raise Waits("left")


def _person(source: str, id: str) -> str:
    text = json.dumps(["person", source, id], ensure_ascii=False, separators=(",", ":"))
    return str(uuid5(LAUREL, text))


def _last_words(events: list[Event]) -> dict[str, Any]:
    words: dict[str, Any] = {}
    for event in sorted(events, key=lambda event: (event.time, event.cause)):
        words |= event.data
    return words


def _spans(moves: list[Event]) -> list[tuple[datetime, datetime | None]]:
    """From when until when a person belonged to a customer; the last may be open."""
    spans: list[tuple[datetime, datetime | None]] = []
    for move in sorted(moves, key=lambda move: (move.time, move.cause)):
        here = bool(spans) and spans[-1][1] is None
        if move.wire == "person.joined.v1" and not here:
            spans.append((move.time, None))
        elif move.wire == "person.left.v1" and here:
            spans[-1] = (spans[-1][0], move.time)
    return spans


def _within(spans: list[tuple[datetime, datetime | None]], time: datetime) -> bool:
    return any(since <= time and (until is None or time < until) for since, until in spans)
