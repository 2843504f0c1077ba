"""What do handlers tell each other? Derived events: they stay in one fold and are never stored."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from schemas.alerts import Status, Value
from schemas.facts import Trigger

from .headcount import NOBODY, Headcount, Target

HISTORY = timedelta(hours=48)
"""What was heard longer than this after it happened is history, and alerts nobody."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a person is gone, and her latest return: a joining right after a leaving.

    `causes` and `heard` (the earliest) are those of the return.
    """

    gone: bool = False
    returned: datetime | None = None
    causes: tuple[str, ...] = ()
    heard: datetime | None = None


NEVER_MOVED = Presence()


@dataclass(frozen=True, slots=True)
class Validity:
    """When the chains of a course's certificate lapse, and whether a tick saw the latest do so."""

    lapses: tuple[datetime, ...] = ()
    lapsed: bool = False


NEVER_LAPSED = Validity()


@dataclass(frozen=True, slots=True)
class Clock:
    """Silence being measured: since when, until when it may last, and what set it.

    `heard` is when the earliest told of the facts that set it was heard.
    """

    since: datetime
    deadline: datetime
    patience: int
    causes: tuple[str, ...]
    heard: datetime
    last_activity: datetime
    last_module: str | None = None

    @property
    def history(self) -> bool:
        return self.heard - self.deadline > HISTORY


class Taking(NamedTuple):
    """How a person stands to a course; `waives`: the certificate that its waiver spares her."""

    status: Literal["enrolled", "completed", "waived", "withdrawn"]
    score: Decimal | None = None
    waives: str | None = None

    @property
    def enrolled(self) -> bool:
        return self.status in ("enrolled", "completed")


class Correction(NamedTuple):
    """What became of a completion, by its cause: taken back, or regraded to `score`, or neither."""

    completion: str
    taken_back: bool = False
    score: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """The teams in which a person counts, by role and level, and what she adds to each."""

    teams: tuple[tuple[str, str], ...] = ()
    adds: Headcount = NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """`at`: when what is being folded happened (a tick: its `now`)."""

    customer: str
    at: datetime
    trigger: Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Later(Derived):
    """What a handler tells itself, for when all else that follows from the record is folded.

    Of several to one state the first stands.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferChanged(Derived):
    """Whether completing a course earns a certificate, and for how many months."""

    certificate: str
    course: str
    offered: bool
    months: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandChanged(Derived):
    """What a requirement asks of the people of this role and level; None: nothing any more."""

    role: str
    level: str
    requirement: str
    target: Target | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonReleased(Derived):
    """The person's account has ended."""

    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamDissolved(Derived):
    """The team's account has ended."""

    role: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceChanged(Derived):
    person: str
    course: str
    presence: Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateEarned(Derived):
    """A completion of a course that earns a certificate."""

    person: str
    certificate: str
    course: str
    score: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionsCorrected(Derived):
    """What tells of this certificate counts otherwise than it did."""

    person: str
    certificate: str
    corrections: tuple[Correction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLapsed(Derived):
    """A tick reached the lapse of the latest chain."""

    person: str
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidityChanged(Derived):
    person: str
    course: str
    validity: Validity


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMoved(Derived):
    """The clock of silence now stands so, or does not run."""

    person: str
    course: str
    clock: Clock | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StallChanged(Derived):
    """A learner has been silent past `stalled_at`, or is not stalled."""

    person: str
    course: str
    stalled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakingChanged(Derived):
    person: str
    course: str
    taking: Taking


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingChanged(Derived):
    """Whether a person holds a certificate."""

    person: str
    certificate: str
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareChanged(Later):
    """A person's share was `before` when the record came."""

    person: str
    before: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamMoved(Derived):
    """A team has so much more or less; `achieved`: what one of its people has now come to meet."""

    role: str
    level: str
    delta: Headcount
    achieved: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfAlert(Derived):
    rule: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertWanted(OfAlert):
    """The condition holds since `since`, because of `causes`, and reads as `values`.

    `quiet`: it changes an alert that is open, and opens none.
    """

    since: datetime
    causes: tuple[str, ...]
    values: tuple[tuple[str, Value], ...]
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertUnwanted(OfAlert):
    """The condition holds no longer; `status` says how an open alert ends."""

    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMissed(OfAlert):
    """The condition held from `since` on, and was over before anybody could be told."""

    since: datetime
    causes: tuple[str, ...]
    values: tuple[tuple[str, Value], ...]
