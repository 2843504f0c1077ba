"""Of whom do these tests tell? One person, one course, one certificate; times count in days."""

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from schemas.facts import (
    CertificateGranted,
    CertificateRenewed,
    CertificateRevoked,
    CompletionWithdrawn,
    CourseDescribed,
    CustomerDescribed,
    CustomerEnded,
    Fact,
    ModuleCompleted,
    PersonJoined,
    PersonLeft,
    RequirementDescribed,
    RequirementRetired,
    RoleChanged,
    ScoreRegraded,
    Tick,
    TrainingCompleted,
    TrainingEnrolled,
    TrainingFailed,
    TrainingStarted,
    TrainingWaived,
    TrainingWithdrawn,
)

DAY_0 = datetime(2026, 1, 5, 9, tzinfo=UTC)
SOON = timedelta(hours=1)

CUSTOMER = "acme"
PERSON = "ann"
COURSE = "admin"
CERTIFICATE = "admin-cert"
REQUIREMENT = "all-trained"
ENROLMENT = f"{PERSON}|{COURSE}"
HOLDING = f"{PERSON}|{CERTIFICATE}"

Time = float | datetime

F_co = TypeVar("F_co", bound=Fact, covariant=True)


class Teller(Protocol[F_co]):
    """Tells one kind of fact: at day `at`, heard `after` it happened, under its own id."""

    def __call__(
        self, at: Time, *, after: timedelta = SOON, name: str | None = None, **fields: Any
    ) -> F_co: ...


def on(at: Time) -> datetime:
    return at if isinstance(at, datetime) else DAY_0 + timedelta(days=at)


def cause(kind: str, at: Time) -> str:
    """The `source#id` that a fact has unless it is named otherwise."""
    return f"lms#{kind}@{on(at).isoformat()}"


def _teller(kind: type[F_co], **whose: str) -> Teller[F_co]:
    def tell(at: Time, *, after: timedelta = SOON, name: str | None = None, **fields: Any) -> F_co:
        source_id = f"lms#{name}" if name else cause(kind.__name__, at)
        times: dict[str, Any] = {"at": on(at), "recorded_at": on(at) + after}
        return kind(**{**whose, **times, "cause": source_id, **fields})

    return tell


_OF_PERSON = {"customer": CUSTOMER, "person": PERSON}
_OF_COURSE = {**_OF_PERSON, "course": COURSE}
_OF_CERTIFICATE = {**_OF_PERSON, "certificate": CERTIFICATE}

described = _teller(CourseDescribed, course=COURSE)
account = _teller(CustomerDescribed, customer=CUSTOMER)
ended = _teller(CustomerEnded, customer=CUSTOMER)
joined = _teller(PersonJoined, **_OF_PERSON)
left = _teller(PersonLeft, **_OF_PERSON)
moved = _teller(RoleChanged, **_OF_PERSON)
required = _teller(RequirementDescribed, requirement=REQUIREMENT)
retired = _teller(RequirementRetired, requirement=REQUIREMENT)
enrolled = _teller(TrainingEnrolled, **_OF_COURSE)
started = _teller(TrainingStarted, **_OF_COURSE)
module = _teller(ModuleCompleted, **_OF_COURSE, module="m1")
completed = _teller(TrainingCompleted, **_OF_COURSE)
failed = _teller(TrainingFailed, **_OF_COURSE)
withdrawn = _teller(TrainingWithdrawn, **_OF_COURSE)
waived = _teller(TrainingWaived, **_OF_COURSE)
undone = _teller(CompletionWithdrawn, **_OF_COURSE)
regraded = _teller(ScoreRegraded, **_OF_COURSE)
granted = _teller(CertificateGranted, **_OF_CERTIFICATE)
renewed = _teller(CertificateRenewed, **_OF_CERTIFICATE)
revoked = _teller(CertificateRevoked, **_OF_CERTIFICATE)


def tick(at: Time) -> Tick:
    return Tick(now=on(at))


CATALOGUE = (
    described(-100, certificate=CERTIFICATE, validity_months=12),
    account(-100, zone="Europe/Berlin"),
    joined(-90),
)
"""What is known before a story begins."""
