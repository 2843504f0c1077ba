"""Who did it, and whose account is it? What the directory knows, and what follows for an event.

Nothing is guessed: an event that names nobody known, or more than one, is a miss and waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from schemas.envelope import Event, stamp
from schemas.ids import ident, opaque
from schemas.incoming import (
    CourseDescribed,
    CourseRetired,
    CustomerDescribed,
    CustomerEnded,
    DirectoryPerson,
    External,
    Incoming,
    OfCertificate,
    OfCourse,
    OfPerson,
    PersonJoined,
    PersonLeft,
    PersonRef,
    RequirementDescribed,
    RequirementRetired,
    RoleChanged,
    TrainingCompleted,
    UsageRecorded,
)

from .canonical import Said, canonical, cause

AHEAD = timedelta(hours=24)
"""How far in the future an event may lie and still be taken at once."""

LONGEST_WAIT = timedelta(days=30)
"""How far in the future an event may lie and still be waited for."""

Reason = Literal["unknown", "ambiguous", "conflict", "left", "future"]

Name = tuple[str, str]
"""How a person is called: (`id`, …), (`email`, …) or (outside system, …)."""

OF_DIRECTORY = (
    CustomerDescribed,
    CustomerEnded,
    PersonJoined,
    PersonLeft,
    RoleChanged,
    CourseDescribed,
    CourseRetired,
    RequirementDescribed,
    RequirementRetired,
)

OF_MEMBER = (PersonJoined, PersonLeft, RoleChanged)


class Move(NamedTuple):
    """A joining or leaving, in the order in which they count: of one instant the leaving last."""

    at: datetime
    kind: Literal["joined", "left"]
    source_id: str


class Membership(NamedTuple):
    """A person belongs to the customer from `since` until before `until`."""

    since: datetime
    until: datetime | None
    customer: str


class Route(NamedTuple):
    """Whose account an event was first given to, and whom it spoke of."""

    customer: str
    person: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an event means; `route` where it speaks of a person; `learned`: the directory grew."""

    facts: tuple[Said, ...]
    route: Route | None
    learned: bool


@dataclass(frozen=True, slots=True)
class Miss:
    """Why an event has to wait; `names`: whom it names; `due_at`: when a future one may go on."""

    reason: Reason
    detail: str
    names: tuple[str, ...] = ()
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dead:
    """Why an event cannot be taken, however long it waits."""

    reason: str
    detail: str


def person_id(source: str, person: DirectoryPerson) -> str:
    """The opaque id of a person, from the directory's name and the directory's id of her."""
    return str(ident("person", source, person.id))


def names(person: PersonRef | DirectoryPerson) -> tuple[Name, ...]:
    """Everything a person is called in an event."""
    found: list[Name] = []
    if person.id is not None:
        found.append(("id", person.id))
    if person.email is not None:
        found.append(("email", person.email))
    externals: Iterable[External | None] = (
        person.externals if isinstance(person, DirectoryPerson) else (person.external,)
    )
    found += [(other.system, other.id) for other in externals if other is not None]
    return tuple(found)


def token(name: Name) -> str:
    """A name to find a waiting event by, without an address in it."""
    return f"{name[0]}:{opaque(name[1])}"


def tokens(data: Incoming) -> tuple[str, ...]:
    """Whom an event names, as tokens; nobody where it speaks of no person."""
    if not isinstance(data, (OfPerson, UsageRecorded, *OF_MEMBER)) or data.person is None:
        return ()
    return tuple(map(token, names(data.person)))


def courses_named(data: Incoming) -> dict[str, str]:
    """By where it stands, the opaque id of the course that the catalogue must have for an event."""
    if isinstance(data, (OfCourse, RequirementDescribed)) and data.course is not None:
        return {"/data/course": opaque(data.course)}
    return {}


def certificates_named(data: Incoming) -> dict[str, str]:
    """By where it stands, that of the certificate that a course of the catalogue must give."""
    match data:
        case OfCertificate(certificate=str(certificate)):
            return {"/data/certificate": opaque(certificate)}
        case RequirementDescribed(certificate=str(certificate)):
            return {"/data/certificate": opaque(certificate)}
        case TrainingCompleted(certificate=inline) if inline is not None:
            return {"/data/certificate/certificate": opaque(inline.certificate)}
    return {}


def memberships(moves: Iterable[Move], customer: str) -> list[Membership]:
    """A person's times at one customer: joining opens one, leaving closes it."""
    found: list[Membership] = []
    since: datetime | None = None
    for move in sorted(moves):
        if move.kind == "joined" and since is None:
            since = move.at
        elif move.kind == "left" and since is not None:
            found.append(Membership(since, move.at, customer))
            since = None
    if since is not None:
        found.append(Membership(since, None, customer))
    return found


@dataclass(slots=True)
class Directory:
    """What is known of the people, customers and courses that some events name.

    Ids of customers, courses and certificates are opaque ones; `moves`: person → customer → moves.
    """

    links: dict[Name, set[str]] = field(default_factory=dict)
    moves: dict[str, dict[str, set[Move]]] = field(default_factory=dict)
    customers: set[str] = field(default_factory=set)
    courses: set[str] = field(default_factory=set)
    certificates: set[str] = field(default_factory=set)
    _times: dict[str, list[Membership]] = field(default_factory=dict)

    def accept(
        self,
        event: Event,
        recorded_at: datetime,
        *,
        now: datetime | None = None,
        route: Route | None = None,
    ) -> Accepted | Miss | Dead:
        """Resolve an event and, if it tells of the directory, learn it."""
        outcome = self.resolve(event, recorded_at, now=now, route=route)
        if isinstance(outcome, Accepted) and outcome.learned:
            self.learn(event)
        return outcome

    def resolve(
        self,
        event: Event,
        recorded_at: datetime,
        *,
        now: datetime | None = None,
        route: Route | None = None,
    ) -> Accepted | Miss | Dead:
        """What an event heard at `recorded_at` means by what is known; it changes nothing.

        `now`: when it is looked at again, if it waited. `route`: where it went before stands.
        """
        late = self._future(event, now or recorded_at)
        if late is not None:
            return late
        data = event.data
        if isinstance(data, UsageRecorded):
            return self._used(event, data, recorded_at)
        if isinstance(data, OfPerson):
            who = route or self._route(data, data.person, event.time)
            if isinstance(who, Miss):
                return who
            unheard = self._unheard_of(data)
            return unheard or Accepted(canonical(event, recorded_at, *who), who, learned=False)
        if isinstance(data, OF_MEMBER):
            customer = opaque(data.customer)
            if customer not in self.customers:
                return _undescribed(customer, data)
            person = person_id(event.source, data.person)
            facts = canonical(event, recorded_at, customer, person)
            return Accepted(facts, Route(customer, person), learned=True)
        unheard = self._unheard_of(data)
        return unheard or Accepted(canonical(event, recorded_at), None, learned=True)

    def learn(self, event: Event) -> None:
        """Know from now on what a directory event says."""
        match event.data:
            case CustomerDescribed(customer=customer):
                self.customers.add(opaque(customer))
            case CourseDescribed(course=course, certificate=certificate):
                self.courses.add(opaque(course))
                if certificate is not None:
                    self.certificates.add(opaque(certificate))
            case CourseRetired(course=course):
                self.courses.add(opaque(course))
            case PersonJoined() | PersonLeft() | RoleChanged() as data:
                person = person_id(event.source, data.person)
                for name in names(data.person):
                    self.link(name, person)
                if not isinstance(data, RoleChanged):
                    kind: Literal["joined", "left"] = (
                        "joined" if isinstance(data, PersonJoined) else "left"
                    )
                    move = Move(event.time, kind, cause(event))
                    self.move(person, opaque(data.customer), move)

    def link(self, name: Name, person: str) -> None:
        """Know a person by a name; one name may lead to several people."""
        self.links.setdefault(name, set()).add(person)

    def move(self, person: str, customer: str, move: Move) -> None:
        """Know that a person joined or left a customer."""
        self.moves.setdefault(person, {}).setdefault(customer, set()).add(move)
        self._times.pop(person, None)

    def who(self, ref: PersonRef) -> str | Miss:
        """The one person that all names given lead to; a name unknown beside a known one is new."""
        given = names(ref)
        found = [(name, self.links[name]) for name in given if self.links.get(name)]
        people = {person for _, known in found for person in known}
        if len(people) == 1:
            return people.pop()
        miss = tuple(map(token, given))
        if not people:
            called = ", ".join(name[0] for name in given)
            return Miss("unknown", f"/data/person: nobody is known by this {called}", miss)
        for name, known in found:
            if len(known) > 1:
                detail = f"/data/person: {len(known)} people are known by this {name[0]}"
                return Miss("ambiguous", detail, miss)
        called = ", ".join(name[0] for name, _ in found)
        return Miss("conflict", f"/data/person: {called} name different people", miss)

    def whose(self, person: str, customer: str | None, at: datetime) -> str | Miss:
        """The customer a person acted for at that time: the one named, else the only one."""
        times = self._times_of(person)
        if not times:
            return Miss("unknown", "/data/person: belongs to no customer as yet")
        if customer is not None:
            there = [time for time in times if time.customer == customer]
            if not there:
                detail = f"/data/customer: the person belongs to others only, not to {customer!r}"
                return Miss("conflict", detail)
            if at < there[0].since or _valid(there, at):
                return customer
            return _left(there, at)
        # The first times of several customers may begin at the same instant.
        first = [time for time in times if at < times[0].since and time.since == times[0].since]
        candidates = sorted({time.customer for time in first or _valid(times, at)})
        if len(candidates) == 1:
            return candidates[0]
        if not candidates:
            return _left(times, at)
        listed = ", ".join(candidates)
        return Miss("ambiguous", f"/data/customer: name one of {listed}; the person is at each")

    def _used(
        self, event: Event, data: UsageRecorded, recorded_at: datetime
    ) -> Accepted | Miss | Dead:
        customer = opaque(data.customer)
        if customer not in self.customers:
            return _undescribed(customer, data)
        if data.person is None:
            return Accepted(canonical(event, recorded_at, customer), None, learned=False)
        who = self._route(data, data.person, event.time)
        if isinstance(who, Miss):
            return who
        return Accepted(canonical(event, recorded_at, *who), who, learned=False)

    def _route(
        self, data: OfPerson | UsageRecorded, named_person: PersonRef, at: datetime
    ) -> Route | Miss:
        person = self.who(named_person)
        if isinstance(person, Miss):
            return person
        named = None if data.customer is None else opaque(data.customer)
        customer = self.whose(person, named, at)
        if isinstance(customer, Miss):
            return Miss(customer.reason, customer.detail, tokens(data))
        return Route(customer, person)

    def _unheard_of(self, data: Incoming) -> Miss | None:
        """Courses or certificates that the catalogue does not have."""
        lacks = [
            f"{where}: course {course!r} is not in the catalogue"
            for where, course in courses_named(data).items()
            if course not in self.courses
        ]
        lacks += [
            f"{where}: no course in the catalogue gives {certificate!r}"
            for where, certificate in certificates_named(data).items()
            if certificate not in self.certificates
        ]
        return Miss("unknown", "; ".join(lacks), tokens(data)) if lacks else None

    def _times_of(self, person: str) -> list[Membership]:
        times = self._times.get(person)
        if times is None:
            times = [
                time
                for customer, moves in self.moves.get(person, {}).items()
                for time in memberships(moves, customer)
            ]
            times.sort(key=lambda time: (time.since, time.customer))
            self._times[person] = times
        return times

    def _future(self, event: Event, seen: datetime) -> Miss | Dead | None:
        ahead = event.time - seen
        if ahead <= AHEAD:
            return None
        if ahead > LONGEST_WAIT:
            detail = (
                f"/time: lies {ahead.days} days ahead; at most {LONGEST_WAIT.days} are waited for"
            )
            return Dead("future", detail)
        detail = f"/time: lies in the future; the event waits until {stamp(event.time)}"
        return Miss("future", detail, tokens(event.data), due_at=event.time)


def _undescribed(customer: str, data: Incoming) -> Miss:
    detail = f"/data/customer: {customer!r} has not been described by the directory"
    return Miss("unknown", detail, tokens(data))


def _valid(times: Iterable[Membership], at: datetime) -> list[Membership]:
    return [time for time in times if time.since <= at and (time.until is None or at < time.until)]


def _left(times: list[Membership], at: datetime) -> Miss:
    ended = max(time.until for time in times if time.until is not None and time.until <= at)
    return Miss("left", f"/time: the person had left; her time there ended {stamp(ended)}")
