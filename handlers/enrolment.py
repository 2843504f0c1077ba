"""How far is a person on her way through a course?

Everything is derived from the sorted facts, so the order of arrival cannot matter.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from schemas.facts import (
    EPOCH,
    ModuleCompleted,
    OfCourse,
    TrainingCompleted,
    TrainingFailed,
    TrainingStarted,
)

from .account import NAME as ACCOUNT
from .account import Account
from .catalogue import NAME as CATALOGUE
from .catalogue import PATIENCE_DAYS, Course, course_key
from .corrections import runs_without, taken_back
from .derived import (
    HISTORY,
    NEVER_LAPSED,
    NEVER_MOVED,
    CertificateEarned,
    Clock,
    ClockMoved,
    CompletionsCorrected,
    Correction,
    Derived,
    Presence,
    PresenceChanged,
    StallChanged,
    Taking,
    TakingChanged,
    Validity,
    ValidityChanged,
)
from .handler import joined, never, once
from .lazy import lazy
from .runs import Run
from .standing import NAME as STANDING
from .standing import Standing, standing_key
from .told import Told, kept, told

NAME = "enrolment"
VERSION = 3
ACCEPTS = (OfCourse, PresenceChanged, ValidityChanged, StallChanged)

Status = Literal[
    "expired",
    "completed",
    "waived",
    "withdrawn",
    "abandoned",
    "failed",
    "in_progress",
    "not_started",
]


@dataclass(frozen=True, slots=True)
class Read:
    account: Account
    course: Course
    standing: Standing


class Earned(NamedTuple):
    """A completion, by its cause, tells of a certificate."""

    completion: str
    certificate: str


@dataclass(frozen=True)
class Enrolment:
    """What was told of it, what it copied from others, and when first and last was heard of it."""

    facts: tuple[Told, ...] = ()
    zone: str = "UTC"
    patience: int = PATIENCE_DAYS
    presence: Presence = NEVER_MOVED
    validity: Validity = NEVER_LAPSED
    stalled_at: datetime | None = None
    certificate: str | None = None
    earned: tuple[Earned, ...] = ()
    first_heard: datetime | None = None
    last_heard: datetime | None = None

    @lazy
    def taken_back(self) -> dict[str, datetime]:
        return taken_back(self.facts)

    @lazy
    def runs(self) -> tuple[Run, ...]:
        return runs_without(self.taken_back, self.facts, self.zone, self.validity.lapses)

    @property
    def run(self) -> Run:
        """The one begun latest; one of nothing where nothing is left."""
        return self.runs[-1] if self.runs else Run((EPOCH, 0, ""), self.zone)

    @property
    def known(self) -> bool:
        """Whether anything was told but how to regrade what is still to be told."""
        return any(fact.kind != "regraded" for fact in self.facts)

    @lazy
    def clock(self) -> Clock | None:
        """The clock of silence, while it runs.

        Where a completion known by the deadline had stopped it, its withdrawal set it going.
        """
        clock = self._clock(self.run)
        if clock is None or not self.taken_back:
            return clock
        in_time = clock.deadline + HISTORY
        stood = {
            fact.cause
            for fact in self.facts
            if fact.heard <= clock.deadline and self.taken_back.get(fact.cause, in_time) > in_time
        }
        if not stood:
            return clock
        taken = self.taken_back.keys() - stood
        runs = runs_without(taken, self.facts, self.zone, self.validity.lapses)
        known = self._clock(runs[-1])
        if known and known.deadline == clock.deadline:
            return clock
        return replace(clock, heard=max(self.taken_back[cause] for cause in stood))

    def _clock(self, run: Run) -> Clock | None:
        """The clock of silence of a run, while it runs."""
        if self.presence.gone or run.outcome or not run.activities:
            return None
        last = run.activities[-1].at
        since, returned = last, self.presence.returned
        if returned is not None and self.presence.heard is not None and returned > last:
            since, causes, heard = returned, self.presence.causes, self.presence.heard
        else:
            facts = [fact for done in run.activities if done.at == last for fact in done.facts]
            causes = tuple(sorted(fact.cause for fact in facts))
            heard = min(fact.heard for fact in facts)
        return Clock(
            since=since,
            deadline=since + timedelta(days=self.patience),
            patience=self.patience,
            causes=causes,
            heard=heard,
            last_activity=last,
            last_module=run.last_module,
        )

    @property
    def status(self) -> Status:
        run = self.run
        if run.outcome and run.outcome[0] == "completed" and self.validity.lapsed:
            return "expired"
        if run.outcome:
            return run.outcome[0]
        if self.stalled_at:
            return "abandoned"
        if run.activities:
            return "failed" if run.activities[-1].kind == "failed" else "in_progress"
        return "not_started"

    @lazy
    def taking(self) -> Taking | None:
        """What it means to her teams; the score is that of her latest passing attempt with one."""
        if not self.known:
            return None
        scored = [
            attempt
            for run in self.runs
            for attempt in run.attempts
            if attempt.outcome == "passed" and attempt.score is not None
        ]
        latest = max(scored, key=lambda attempt: attempt.facts[0].order, default=None)
        score = latest.score if latest else None
        match self.status:
            case "waived":
                return Taking("waived", score, self.certificate)
            case "completed" | "withdrawn" as status:
                return Taking(status, score)
            case _:
                return Taking("enrolled", score)

    @lazy
    def corrections(self) -> dict[str, Correction]:
        """What is no longer as it was told, of completions by their cause."""
        regraded = {
            fact.cause: Correction(fact.cause, score=attempt.regraded)
            for run in self.runs
            for attempt in run.attempts
            if attempt.regraded is not None
            for fact in attempt.facts
        }
        return regraded | {cause: Correction(cause, taken_back=True) for cause in self.taken_back}


State = Enrolment
deadline = never

OfEnrolment = OfCourse | PresenceChanged | ValidityChanged | StallChanged


def key(event: OfEnrolment) -> str:
    return joined(event.customer, event.person, event.course)


def reads(event: OfEnrolment) -> dict[str, tuple[str, str]]:
    if not isinstance(event, OfCourse):
        return {}
    return {
        "account": (ACCOUNT, event.customer),
        "course": (CATALOGUE, course_key(event.course)),
        "standing": (STANDING, standing_key(event.customer, event.person)),
    }


@once
def evolve(state: Enrolment, event: OfEnrolment, read: Read | None) -> Enrolment:
    match event:
        case PresenceChanged():
            return replace(state, presence=event.presence)
        case ValidityChanged():
            return replace(state, validity=event.validity)
        case StallChanged():
            return replace(state, stalled_at=event.stalled_at)
    assert read is not None
    if any(fact.cause == event.cause for fact in state.facts):
        return state
    heard, certificate = event.recorded_at, read.course.certificate
    offered = certificate.value if certificate else None
    active = isinstance(event, TrainingStarted | ModuleCompleted | TrainingFailed)
    return replace(
        state,
        facts=kept(state.facts, told(event)),
        zone=read.account.zone,
        patience=read.course.patience if active else state.patience,
        presence=read.standing.presence,
        certificate=offered,
        earned=tuple(sorted({*state.earned, *_earned(event, offered)})),
        first_heard=min(heard, state.first_heard or heard),
        last_heard=max(heard, state.last_heard or heard),
    )


def _earned(event: OfCourse, offered: str | None) -> list[Earned]:
    if not isinstance(event, TrainingCompleted):
        return []
    certificates = {offered, event.certificate}
    return [Earned(event.cause, certificate) for certificate in certificates if certificate]


def decide(event: OfEnrolment, state: Enrolment, read: Read | None) -> list[Derived]:
    changes: list[Derived] = []
    after = evolve(state, event, read)
    clock = after.clock
    if clock != state.clock:
        changes.append(
            ClockMoved(
                customer=event.customer,
                at=event.at,
                trigger=event.trigger,
                person=event.person,
                course=event.course,
                clock=clock,
            )
        )
    if after.taking and after.taking != state.taking:
        changes.append(
            TakingChanged(
                customer=event.customer,
                at=event.at,
                trigger=event.trigger,
                person=event.person,
                course=event.course,
                taking=after.taking,
            )
        )
    changes += _corrected(event, state, after)
    if isinstance(event, TrainingCompleted) and read and read.course.certificate:
        changes.append(
            CertificateEarned(
                customer=event.customer,
                at=event.at,
                trigger=event.trigger,
                person=event.person,
                certificate=read.course.certificate.value,
                course=event.course,
                score=event.score,
            )
        )
    return changes


def _corrected(
    event: OfEnrolment, before: Enrolment, after: Enrolment
) -> list[CompletionsCorrected]:
    """For each certificate all at once, and before a completion that was taken back tells of it."""
    told: dict[str, list[Correction]] = {}
    for completion, certificate in after.earned:
        correction = after.corrections.get(completion, Correction(completion))
        if correction != before.corrections.get(completion, Correction(completion)):
            told.setdefault(certificate, []).append(correction)
    return [
        CompletionsCorrected(
            customer=event.customer,
            at=event.at,
            trigger=event.trigger,
            person=event.person,
            certificate=certificate,
            corrections=tuple(corrections),
        )
        for certificate, corrections in told.items()
    ]
