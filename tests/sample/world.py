"""Who acts in a sample, in which courses, and how is a play written down?"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

CRM = "urn:crm:acme"
LMS = "urn:lms:academy"
SECOND = "urn:lms:second"

TRAINING = "intake.training"
DIRECTORY = "intake.directory"

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
LAST_CALL = 30 * MINUTE

Json = dict[str, Any]


@dataclass(frozen=True)
class Course:
    """A course of the catalogue; `months` is how long its certificate holds."""

    id: str
    name: str
    type: str
    size: int
    certificate: str | None = None
    certificate_name: str | None = None
    months: int | None = None
    patience_days: int | None = None
    next: tuple[str, ...] = ()

    @property
    def patience(self) -> timedelta:
        return (self.patience_days or 14) * DAY

    def module(self, number: int) -> str:
        return f"{self.id}-m{number}"


COURSES = {
    course.id: course
    for course in (
        Course("getting-started", "Getting Started", "onboarding", 3, next=("reporting",)),
        Course("end-user-basics", "Everyday Work", "onboarding", 4, patience_days=10),
        Course("reporting", "Reports and Dashboards", "advanced", 4),
        Course("developer-api", "Building on the API", "advanced", 6),
        Course(
            "admin-certification",
            "Platform Administrator Certification",
            "certification",
            5,
            certificate="platform-administrator",
            certificate_name="Certified Platform Administrator",
            months=12,
            next=("data-protection", "reporting"),
        ),
        Course(
            "data-protection",
            "Data Protection Officer Certification",
            "certification",
            4,
            certificate="data-protection",
            certificate_name="Data Protection Certificate",
        ),
    )
}
LATE_COURSE = Course(
    "security-basics",
    "Security Basics",
    "certification",
    2,
    certificate="security-basics",
    certificate_name="Security Basics Certificate",
    months=6,
)


@dataclass
class Account:
    id: str
    name: str
    zone: ZoneInfo
    csm: Json
    segment: str
    arr: int
    health: int

    @property
    def host(self) -> str:
        return f"{self.id}.example"


@dataclass
class Person:
    """`named` says how her LMS names her; a `nightly` one is reported at night, all at once."""

    id: str
    name: str
    account: Account
    role: str
    level: str
    joined: datetime
    email: str | None = None
    external: Json | None = None
    named: str = "id"
    nightly: bool = False

    def ref(self) -> Json:
        """The person as a training event names her."""
        match self.named:
            case "email":
                return {"email": self.email, "name": self.name}
            case "shouted":
                return {"email": str(self.email).title()}
            case "external":
                return {"external": self.external}
            case "both":
                return {"id": self.id, "email": self.email}
            case _:
                return {"id": self.id, "name": self.name}

    def entry(self) -> Json:
        """The person as the directory describes her."""
        entry: Json = {"id": self.id, "name": self.name}
        if self.email:
            entry["email"] = self.email
        if self.external:
            entry["externals"] = [self.external]
        return entry


@dataclass
class Line:
    """One record of the play; `about` lists whom it concerns, so that orders can be checked."""

    deliver_at: datetime
    topic: str
    key: str | None
    body: Json
    about: tuple[str, ...] = ()

    @property
    def requires(self) -> bool:
        """Whether it says what is required of teams."""
        return str(self.body.get("event", {}).get("type", "")).startswith("requirement.")

    @property
    def step(self) -> datetime:
        """The end of the step that delivers it."""
        full = self.deliver_at.replace(minute=0, second=0, microsecond=0)
        return full if full == self.deliver_at else full + HOUR

    def text(self) -> str:
        record = {
            "deliver_at": stamp(self.deliver_at),
            "topic": self.topic,
            "key": self.key,
            **self.body,
        }
        return json.dumps(record, ensure_ascii=False)


@dataclass
class Play:
    """The records of a sample while it is written."""

    rng: Random
    seed: int
    start: datetime
    end: datetime
    lines: list[Line] = field(default_factory=list)
    covered: Counter[str] = field(default_factory=Counter)
    _told: Counter[str] = field(default_factory=Counter)

    def deliver(
        self,
        at: datetime,
        topic: str,
        key: str | None,
        *,
        event: Json | None = None,
        raw: str | None = None,
        about: Iterable[str] = (),
    ) -> None:
        """Write a record down, unless it would come after the end of the play."""
        if at <= self.end - LAST_CALL or topic == DIRECTORY:
            body = {"raw": raw} if event is None else {"event": event}
            self.lines.append(Line(whole(at), topic, key, body, tuple(about)))

    def event(
        self, wire: str, at: datetime, data: Json, *, source: str, id: str | None = None
    ) -> Json:
        """A CloudEvent; ids are counted by source."""
        self._told[source] += 1
        return {
            "specversion": "1.0",
            "id": id or f"{source.rsplit(':', 1)[-1]}-{self.seed}-{self._told[source]:05d}",
            "source": source,
            "type": wire,
            "time": self.written(at),
            "data": data,
        }

    def written(self, at: datetime) -> str:
        """The instant as producers write it: mostly UTC, now and then otherwise."""
        dice = self.rng.random()
        if dice < 0.05:
            return at.astimezone(ZoneInfo("Asia/Tokyo")).isoformat()
        if dice < 0.1:
            return (at + timedelta(microseconds=self.rng.randrange(1000))).isoformat()
        return stamp(at)

    def describe(self, account: Account, at: datetime, heard: datetime, **changes: Any) -> None:
        """The directory speaks of an account."""
        data = {"customer": account.id, **changes}
        event = self.event("customer.described.v1", at, data, source=CRM)
        self.deliver(heard, DIRECTORY, account.id, event=event)

    def close(self, account: Account, at: datetime, heard: datetime, people: list[Person]) -> None:
        """The directory says that an account has ended."""
        event = self.event("customer.ended.v1", at, {"customer": account.id}, source=CRM)
        about = [person.id for person in people]
        self.deliver(heard, DIRECTORY, account.id, event=event, about=about)

    def teach(self, course: Course, at: datetime, heard: datetime) -> None:
        """The catalogue lists a course."""
        data: Json = {
            "course": course.id,
            "name": course.name,
            "type": course.type,
            "modules": [
                {"id": course.module(number), "name": f"Part {number}"}
                for number in range(1, course.size + 1)
            ],
            "certificate": course.certificate,
            "certificate_name": course.certificate_name,
            "validity_months": course.months,
            "patience_days": course.patience_days,
            "next_courses": list(course.next),
        }
        said = {name: value for name, value in data.items() if value is not None}
        event = self.event("course.described.v1", at, said, source=CRM)
        self.deliver(heard, DIRECTORY, course.id, event=event)

    def require(self, requirement: str, at: datetime, heard: datetime, **said: str) -> None:
        """Something is required of a role and level, or required differently."""
        data = {"requirement": requirement, **said}
        event = self.event("requirement.described.v1", at, data, source=CRM)
        self.deliver(heard, DIRECTORY, requirement, event=event)

    def drop(self, requirement: str, at: datetime, heard: datetime) -> None:
        """It is required no more."""
        data = {"requirement": requirement}
        event = self.event("requirement.retired.v1", at, data, source=CRM)
        self.deliver(heard, DIRECTORY, requirement, event=event)

    def move(
        self,
        person: Person,
        wire: str,
        at: datetime,
        heard: datetime,
        *,
        account: Account | None = None,
        **more: Any,
    ) -> None:
        """The directory speaks of a person: joined, left or changed."""
        data = {"customer": (account or person.account).id, "person": person.entry(), **more}
        event = self.event(wire, at, data, source=CRM)
        self.deliver(heard, DIRECTORY, person.id, event=event, about=[person.id])

    def join(
        self, person: Person, at: datetime, heard: datetime, account: Account | None = None
    ) -> None:
        more = {"role": person.role, "level": person.level}
        self.move(person, "person.joined.v1", at, heard, account=account, **more)

    def work(self, person: Person, at: datetime) -> datetime:
        """The first moment from `at` on at which the person would be learning."""
        local = at.astimezone(person.account.zone)
        day = local.date()
        if local.hour >= 18:
            day += DAY
        while day.weekday() >= 5:
            day += DAY
        if day != local.date() or local.hour < 8:
            moment = time(self.rng.randrange(8, 12), self.rng.randrange(60), self.rng.randrange(60))
            at = datetime.combine(day, moment, local.tzinfo).astimezone(UTC)
            at += timedelta(milliseconds=self.rng.randrange(1000))
        return self.calm(whole(at))

    def later(self, person: Person, at: datetime, least: float, most: float) -> datetime:
        """A working moment that many days after `at`."""
        return self.work(person, at + self.rng.uniform(least, most) * DAY)

    def calm(self, at: datetime) -> datetime:
        """The instant, moved where a deadline would fall due within 12 h after the play's end.

        The order of instants is kept.
        """
        for days in (10, 14):
            edge = self.end - days * DAY
            if edge < at <= edge + DAY:
                return whole(edge + 12 * HOUR + (at - edge) / 2)
        return at

    def calm_day(self, zone: ZoneInfo, day: date) -> date:
        """A last valid day near `day` that does not lapse within 12 h after the play's end."""
        while self.end < midnight(zone, day + DAY) <= self.end + 12 * HOUR:
            day -= DAY
        return day

    def hearing(self, person: Person, at: datetime) -> datetime:
        """When something done at `at` is usually heard."""
        if person.nightly:
            local = at.astimezone(person.account.zone)
            night = datetime.combine(local.date() + DAY, time(2, 10), local.tzinfo)
            seconds = self.rng.uniform(0, 1800)
            return night.astimezone(UTC) + timedelta(seconds=seconds)
        return at + timedelta(seconds=5 + min(self.rng.expovariate(1 / 120), 1500))

    def covers(self, what: str, seen: datetime) -> None:
        """Count a case of the sample, if it can be seen before the play ends."""
        if seen <= self.end - HOUR:
            self.covered[what] += 1


class Learner:
    """A person in a course; each verb tells of one fact, and answers when it happened.

    `told` is the id of the event told last.
    """

    def __init__(
        self, play: Play, person: Person, course: Course, registration: str | None = None
    ) -> None:
        self.play = play
        self.person = person
        self.course = course
        self.registration = registration
        self.customer: str | None = None
        self.told = ""

    def later(self, at: datetime, least: float, most: float) -> datetime:
        return self.play.later(self.person, at, least, most)

    def tell(
        self,
        wire: str,
        at: datetime,
        *,
        heard: datetime | None = None,
        source: str = LMS,
        id: str | None = None,
        **data: Any,
    ) -> datetime:
        """One event; what the second LMS tells bears no registration."""
        at = self.play.calm(whole(at))
        body: Json = {"person": self.person.ref()}
        if self.customer:
            body["customer"] = self.customer
        if not wire.startswith("certificate."):
            body["course"] = self.course.id
            if self.registration and source == LMS:
                body["registration"] = self.registration
        body |= {name: value for name, value in data.items() if value is not None}
        event = self.play.event(wire, at, body, source=source, id=id)
        self.told = event["id"]
        told = self.play.hearing(self.person, at) if heard is None else heard
        self.play.deliver(told, TRAINING, self.person.id, event=event, about=[self.person.id])
        return at

    def enrol(self, at: datetime, **how: Any) -> datetime:
        return self.tell("training.enrolled.v1", at, **how)

    def start(self, at: datetime, **how: Any) -> datetime:
        return self.tell("training.started.v1", at, **how)

    def module(self, number: int, at: datetime, **how: Any) -> datetime:
        return self.tell("module.completed.v1", at, module=self.course.module(number), **how)

    def complete(self, at: datetime, **how: Any) -> datetime:
        return self.tell("training.completed.v1", at, **how)

    def fail(self, at: datetime, **how: Any) -> datetime:
        return self.tell("training.failed.v1", at, **how)

    def withdraw(self, at: datetime, **how: Any) -> datetime:
        return self.tell("training.withdrawn.v1", at, **how)

    def waive(self, at: datetime, **how: Any) -> datetime:
        return self.tell("training.waived.v1", at, **how)

    def retract(self, at: datetime, **how: Any) -> datetime:
        """She had not completed it: that event (`withdraws`), that attempt, or this run."""
        return self.tell("training.completion.withdrawn.v1", at, **how)

    def regrade(self, at: datetime, **how: Any) -> datetime:
        how.setdefault("score", self.score(passed=True))
        return self.tell("training.score.regraded.v1", at, **how)

    def grant(self, at: datetime, **how: Any) -> datetime:
        return self._certify("certificate.granted.v1", at, **how)

    def renew(self, at: datetime, **how: Any) -> datetime:
        return self._certify("certificate.renewed.v1", at, **how)

    def revoke(self, at: datetime, **how: Any) -> datetime:
        return self._certify("certificate.revoked.v1", at, **how)

    def _certify(self, wire: str, at: datetime, **how: Any) -> datetime:
        return self.tell(wire, at, certificate=self.course.certificate, **how)

    def again(self, heard: datetime) -> None:
        """The last line once more, as a producer that got no answer sends it."""
        last = self.play.lines[-1]
        self.play.deliver(
            heard, TRAINING, last.key, event=last.body["event"], about=[self.person.id]
        )

    def number(self) -> str:
        """A certificate's number."""
        return f"{self.course.id[:2].upper()}-{self.play.rng.randrange(10**6):06d}"

    def last_day(self, at: datetime, days: int) -> str:
        """The last valid day of a certificate that holds for so many days from `at`."""
        zone = self.person.account.zone
        return self.play.calm_day(zone, at.astimezone(zone).date() + days * DAY).isoformat()

    def score(self, *, passed: bool) -> float | int | str:
        """A score, written in one of the ways in which systems write them."""
        rng = self.play.rng
        points = rng.randrange(140, 201) if passed else rng.randrange(60, 138)
        match rng.randrange(3):
            case 0:
                return points // 2
            case 1:
                return points / 2
            case _:
                return f"{points / 2:.2f}"


def whole(at: datetime) -> datetime:
    """The instant, in UTC and whole milliseconds."""
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def midnight(zone: ZoneInfo, day: date) -> datetime:
    """The first instant of the day."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)
