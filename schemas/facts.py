"""What can the timeline say? The canonical facts, as handlers see them.

Persons are opaque ids here, and no field may hold a name, an address or a link.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import ClassVar

ANY = "any"
"""The role or level of a requirement, or of a team, that is about all of them."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trigger:
    """The record being folded: its `source#id` (none for a tick), when it was heard, its kind."""

    cause: str | None
    heard: datetime
    wire: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened, once: `at` when, `recorded_at` when Laurel heard of it."""

    WIRE: ClassVar[str]

    at: datetime
    recorded_at: datetime
    cause: str

    @property
    def trigger(self) -> Trigger:
        return Trigger(self.cause, self.recorded_at, self.WIRE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfCustomer(Fact):
    """A fact of one customer's story."""

    customer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDescribed(OfCustomer):
    """What the directory says of a customer; a field left out is not changed.

    `csm` is an opaque person id, `arr` in the currency of the deployment, `health` 0-100.
    """

    WIRE = "customer.described.v1"
    csm: str | None = None
    zone: str | None = None
    segment: str | None = None
    arr: Decimal | None = None
    health: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEnded(OfCustomer):
    WIRE = "customer.ended.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfPerson(OfCustomer):
    """A fact of one person in one customer; `person` is a uuid."""

    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonJoined(OfPerson):
    WIRE = "person.joined.v1"
    role: str | None = None
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLeft(OfPerson):
    WIRE = "person.left.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChanged(OfPerson):
    """A person's role or level from `at` on; a field left out is not changed."""

    WIRE = "role.changed.v1"
    role: str | None = None
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfCourse(OfPerson):
    """A fact of one person's way through one course."""

    course: str
    registration: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEnrolled(OfCourse):
    WIRE = "training.enrolled.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStarted(OfCourse):
    WIRE = "training.started.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleCompleted(OfCourse):
    WIRE = "module.completed.v1"
    module: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCompleted(OfCourse):
    """`score` 0-100, `attempt` counted from 1; `certificate`: the one told of along with it."""

    WIRE = "training.completed.v1"
    score: Decimal | None = None
    attempt: int | None = None
    certificate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFailed(OfCourse):
    """An attempt that did not pass; `score` 0-100, `attempt` counted from 1."""

    WIRE = "training.failed.v1"
    score: Decimal | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingWithdrawn(OfCourse):
    WIRE = "training.withdrawn.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingWaived(OfCourse):
    WIRE = "training.waived.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionWithdrawn(OfCourse):
    """Completions are taken back: the one whose cause is `withdraws`, else those of its run.

    Of its run those up to `at`, and of one `attempt` where that is stated.
    """

    WIRE = "training.completion.withdrawn.v1"
    withdraws: str | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRegraded(OfCourse):
    """The score of an `attempt`, or of the latest up to `at`, is another."""

    WIRE = "training.score.regraded.v1"
    score: Decimal
    attempt: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfCertificate(OfPerson):
    """A fact of one person's certificate; `number` is the issuer's, when it gives one."""

    certificate: str
    number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateGranted(OfCertificate):
    """`last_day`: the last valid day, inclusive, in the customer's zone, where the issuer says."""

    WIRE = "certificate.granted.v1"
    last_day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRenewed(OfCertificate):
    """`last_day` as for a grant."""

    WIRE = "certificate.renewed.v1"
    last_day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRevoked(OfCertificate):
    WIRE = "certificate.revoked.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfCatalogue(Fact):
    """A fact that every customer shares; it is appended to every partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseDescribed(OfCatalogue):
    """What the catalogue says of a course; a field left out is not changed.

    `modules` in their order; `validity_months` of its certificate; `patience_days` of silence
    before it counts as abandoned; `next_courses` to suggest after it.
    """

    WIRE = "course.described.v1"
    course: str
    type: str | None = None
    modules: tuple[str, ...] | None = None
    certificate: str | None = None
    validity_months: int | None = None
    patience_days: int | None = None
    next_courses: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseRetired(OfCatalogue):
    WIRE = "course.retired.v1"
    course: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementDescribed(OfCatalogue):
    """What people of a role and level are to have; a field left out is not changed.

    At most one of `course` and `certificate` is stated.
    """

    WIRE = "requirement.described.v1"
    requirement: str
    role: str | None = None
    level: str | None = None
    course: str | None = None
    certificate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementRetired(OfCatalogue):
    WIRE = "requirement.retired.v1"
    requirement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecorded(OfCustomer):
    """An account used `quantity` of a `metric`; who did, and through which feature, if known."""

    WIRE = "usage.recorded.v1"
    metric: str
    quantity: Decimal
    person: str | None = None
    feature: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The clock's word: everything intake heard before `now` lies earlier on this partition."""

    WIRE: ClassVar[str] = "clock.ticked.v1"

    now: datetime

    @property
    def trigger(self) -> Trigger:
        return Trigger(None, self.now, self.WIRE)


FACTS: tuple[type[Fact], ...] = (
    CustomerDescribed,
    CustomerEnded,
    PersonJoined,
    PersonLeft,
    RoleChanged,
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
    CourseDescribed,
    CourseRetired,
    RequirementDescribed,
    RequirementRetired,
    UsageRecorded,
)
