"""What may a producer say? The events of the intake topics, checked at the door.

Sources: PRD-104 FR-1.1 to FR-1.4; design: times, who, topics. A field a producer adds on its own is
ignored; a field of ours that is wrong is refused with its JSON pointer.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from .topics import CATALOGUE
from .zones import ZONES

ID_PATTERN = r"^[^\x00-\x1f\x7f|]+$"
"""Ids are joined by a bar in keys and subjects, and Postgres stores no NUL."""

DAY_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _address(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise ValueError("an e-mail address looks like name@host")
    return text.lower()


def _customer(text: str) -> str:
    if text == CATALOGUE:
        raise ValueError(f"`{CATALOGUE}` is the catalogue's key and cannot name a customer")
    return text


def _system(text: str) -> str:
    if text in ("id", "email"):
        raise ValueError("`id` and `email` are the directory's own names; name the other system")
    return text


def _zone(text: str) -> str:
    if text not in ZONES:
        raise ValueError("not an IANA time zone, such as Europe/Berlin")
    return text


def _plain(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", value):
        raise ValueError("must be a number, or one as plain text such as 92.5")
    return value


def _amount(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,14}(\.[0-9]{1,4})?", value):
        raise ValueError("must be a number, or one as plain text such as 12.5")
    return value


def _whole(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("must be a whole number, not text and no boolean")
    return value


def _day(value: object) -> object:
    # A number, also as text, would be read as seconds since 1970, and an instant cut to its day.
    if isinstance(value, date) or (isinstance(value, str) and DAY_PATTERN.fullmatch(value)):
        return value
    raise ValueError("must be a day as text, such as 2026-03-02")


def _instant(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and DAY_PATTERN.match(value)):
        return value
    raise ValueError("must be an RFC 3339 time as text, such as 2026-03-02T09:15:00Z")


Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=ID_PATTERN)]
CustomerId = Annotated[Id, AfterValidator(_customer)]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]+$", strip_whitespace=True),
]
Email = Annotated[Text, AfterValidator(_address)]
Zone = Annotated[str, AfterValidator(_zone)]
WHOLE = BeforeValidator(_whole)
Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
Score = Annotated[
    Decimal, Field(ge=0, le=100, max_digits=7, decimal_places=4), BeforeValidator(_plain)
]
Amount = Annotated[Decimal, Field(max_digits=18, decimal_places=4), BeforeValidator(_amount)]
Attempt = Annotated[int, Field(ge=1, le=10_000), WHOLE]
Link = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://[^\x00-\x20]+$")]


class Part(BaseModel):
    """A part of an event; frozen, tolerant of fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class External(Part):
    """A name that another system uses: an LMS's account, say."""

    system: Annotated[Id, AfterValidator(_system)]
    id: Id


class PersonRef(Part):
    """Who: by the directory's id, by e-mail or by another system's id; at least one of them."""

    id: Id | None = None
    email: Email | None = None
    external: External | None = None
    name: Text | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.id is None and self.email is None and self.external is None:
            raise ValueError("name the person by `id`, `email` or `external`")
        return self


class Incoming(Part):
    """The `data` of one event; `WIRE` is the CloudEvents `type` it comes under."""

    WIRE: ClassVar[str]


class CustomerDescribed(Incoming):
    """A customer as the directory has it; a field left out is not changed."""

    WIRE = "customer.described.v1"
    customer: CustomerId
    name: Text | None = None
    csm: "Csm | None" = None
    zone: Zone | None = None
    segment: Text | None = None
    arr: Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=2)] | None = None
    health: Annotated[Decimal, Field(ge=0, le=100, max_digits=5, decimal_places=2)] | None = None


class Csm(Part):
    """The customer-success manager of an account; Slack finds the person by e-mail."""

    email: Email
    name: Text | None = None


class CustomerEnded(Incoming):
    WIRE = "customer.ended.v1"
    customer: CustomerId


class DirectoryPerson(Part):
    """A person as the directory knows her; `id` is the directory's own."""

    id: Id
    name: Text | None = None
    email: Email | None = None
    externals: Annotated[tuple[External, ...], Field(max_length=20)] = ()


class PersonJoined(Incoming):
    """A person belongs to the customer from `time` on; joining again after leaving is a return."""

    WIRE = "person.joined.v1"
    customer: CustomerId
    person: DirectoryPerson
    role: Id | None = None
    level: Id | None = None


class PersonLeft(Incoming):
    WIRE = "person.left.v1"
    customer: CustomerId
    person: DirectoryPerson


class RoleChanged(Incoming):
    """A person's role or level from `time` on; a field left out is not changed."""

    WIRE = "role.changed.v1"
    customer: CustomerId
    person: DirectoryPerson
    role: Id | None = None
    level: Id | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.role is None and self.level is None:
            raise ValueError("name the new `role`, the new `level` or both")
        return self


class Module(Part):
    id: Id
    name: Text | None = None


class CourseDescribed(Incoming):
    """A course as the catalogue has it; a field left out is not changed.

    `type` is onboarding, advanced or certification (PRD-104 4.1) or a word of the LMS's own.
    """

    WIRE = "course.described.v1"
    course: Id
    name: Text | None = None
    type: Id | None = None
    modules: Annotated[tuple[Module, ...], Field(max_length=500)] | None = None
    certificate: Id | None = None
    certificate_name: Text | None = None
    validity_months: Annotated[int, Field(ge=1, le=1200), WHOLE] | None = None
    patience_days: Annotated[int, Field(ge=1, le=3650), WHOLE] | None = None
    next_courses: Annotated[tuple[Id, ...], Field(max_length=50)] | None = None

    @field_validator("modules")
    @classmethod
    def _distinct(cls, modules: tuple[Module, ...] | None) -> tuple[Module, ...] | None:
        if modules is not None and len({module.id for module in modules}) != len(modules):
            raise ValueError("two modules bear the same id")
        return modules


class CourseRetired(Incoming):
    WIRE = "course.retired.v1"
    course: Id


class RequirementDescribed(Incoming):
    """What people of a role, and of a level if one is named, are to have; PRD-104 FR-1.3.

    A field left out is not changed; role or level `any` means all of them.
    """

    WIRE = "requirement.described.v1"
    requirement: Id
    role: Id | None = None
    level: Id | None = None
    course: Id | None = None
    certificate: Id | None = None

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if self.course is not None and self.certificate is not None:
            raise ValueError("name the `course` or the `certificate`, not both")
        return self


class RequirementRetired(Incoming):
    WIRE = "requirement.retired.v1"
    requirement: Id


class OfPerson(Incoming):
    """What someone did; `customer` may be left out where she belongs to one only."""

    person: PersonRef
    customer: CustomerId | None = None


class OfCourse(OfPerson):
    course: Id
    registration: Id | None = None


class TrainingEnrolled(OfCourse):
    WIRE = "training.enrolled.v1"


class TrainingStarted(OfCourse):
    WIRE = "training.started.v1"


class ModuleCompleted(OfCourse):
    WIRE = "module.completed.v1"
    module: Id


class InlineCertificate(Part):
    """The certificate that a completion brings along; it makes the record mean two facts."""

    certificate: Id
    number: Id | None = None
    last_day: Day | None = None
    url: Link | None = None


class TrainingCompleted(OfCourse):
    WIRE = "training.completed.v1"
    score: Score | None = None
    attempt: Attempt | None = None
    certificate: InlineCertificate | None = None
    url: Link | None = None


class TrainingFailed(OfCourse):
    WIRE = "training.failed.v1"
    score: Score | None = None
    attempt: Attempt | None = None


class TrainingWithdrawn(OfCourse):
    WIRE = "training.withdrawn.v1"


class TrainingWaived(OfCourse):
    """The requirement is lifted; why stays with the producer, since a reason may name people."""

    WIRE = "training.waived.v1"


class CompletionWithdrawn(OfCourse):
    """What was told as completed was not: the event `withdraws`, by its `id` in the same `source`.

    Where none is named, every completion of the run up to `time`, or those of one `attempt`.
    """

    WIRE = "training.completion.withdrawn.v1"
    withdraws: Id | None = None
    attempt: Attempt | None = None

    @model_validator(mode="after")
    def _means_one_thing(self) -> Self:
        if self.withdraws is not None and self.attempt is not None:
            raise ValueError("name the event in `withdraws` or the `attempt`, not both")
        return self


class ScoreRegraded(OfCourse):
    """The score of an `attempt`, or of the latest up to `time`, is another."""

    WIRE = "training.score.regraded.v1"
    score: Score
    attempt: Attempt | None = None


class OfCertificate(OfPerson):
    certificate: Id
    number: Id | None = None


class CertificateGranted(OfCertificate):
    """`last_day`: the last valid day, inclusive, in the customer's time zone."""

    WIRE = "certificate.granted.v1"
    last_day: Day | None = None
    url: Link | None = None


class CertificateRenewed(OfCertificate):
    WIRE = "certificate.renewed.v1"
    last_day: Day | None = None
    url: Link | None = None


class CertificateRevoked(OfCertificate):
    WIRE = "certificate.revoked.v1"


class UsageRecorded(Incoming):
    """An account used `quantity` of something; a negative one takes back what was told before.

    It names its customer, so that the bulk of the stream is spared a search for whose it is.
    `person` and `feature`: who used it and through what, where that is known.
    """

    WIRE = "usage.recorded.v1"
    customer: CustomerId
    metric: Id
    quantity: Amount = Decimal(1)
    person: PersonRef | None = None
    feature: Id | None = None


CustomerDescribed.model_rebuild()

EVENTS: tuple[type[Incoming], ...] = (
    CustomerDescribed,
    CustomerEnded,
    PersonJoined,
    PersonLeft,
    RoleChanged,
    CourseDescribed,
    CourseRetired,
    RequirementDescribed,
    RequirementRetired,
    TrainingEnrolled,
    TrainingStarted,
    ModuleCompleted,
    TrainingCompleted,
    TrainingFailed,
    TrainingWithdrawn,
    TrainingWaived,
    CompletionWithdrawn,
    ScoreRegraded,
    CertificateGranted,
    CertificateRenewed,
    CertificateRevoked,
    UsageRecorded,
)
