"""Which facts of a course belong together? Runs of the course, and attempts within a run."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Literal

from schemas.facts import (
    ModuleCompleted,
    OfCourse,
    TrainingCompleted,
    TrainingEnrolled,
    TrainingFailed,
    TrainingStarted,
    TrainingWaived,
    TrainingWithdrawn,
)

from .days import day_of

Kind = Literal["enrolled", "started", "module", "completed", "failed", "withdrawn", "waived"]
Ending = Literal["completed", "waived", "withdrawn"]

# The order of facts at one instant.
KINDS: dict[type[OfCourse], Kind] = {
    TrainingEnrolled: "enrolled",
    TrainingStarted: "started",
    ModuleCompleted: "module",
    TrainingCompleted: "completed",
    TrainingFailed: "failed",
    TrainingWithdrawn: "withdrawn",
    TrainingWaived: "waived",
}
RANK: dict[str, int] = {kind: rank for rank, kind in enumerate(KINDS.values())}

# A completion outranks a waiver, and that a withdrawal, whenever they came.
ENDINGS: tuple[Ending, ...] = ("completed", "waived", "withdrawn")

Order = tuple[datetime, int, str]


@dataclass(frozen=True, slots=True)
class Told:
    """One fact of a person's way through a course, as it was told."""

    at: datetime
    kind: Kind
    cause: str
    heard: datetime
    registration: str | None = None
    module: str | None = None
    score: Decimal | None = None
    attempt: int | None = None

    @property
    def order(self) -> Order:
        return self.at, RANK[self.kind], self.cause


def told(event: OfCourse) -> Told:
    graded = event if isinstance(event, TrainingCompleted | TrainingFailed) else None
    return Told(
        event.at,
        KINDS[type(event)],
        event.cause,
        event.recorded_at,
        event.registration,
        event.module if isinstance(event, ModuleCompleted) else None,
        graded.score if graded else None,
        graded.attempt if graded else None,
    )


def kept(facts: tuple[Told, ...], fact: Told) -> tuple[Told, ...]:
    """The facts in order with one more; repeats of a module between its first and last go."""
    if fact.kind == "module":
        repeats = [
            old
            for old in facts
            if old.module == fact.module and old.registration == fact.registration
        ]
        times = [fact.at, *(old.at for old in repeats)]
        ends = (min(times), max(times))
        between = {old.cause for old in (*repeats, fact) if old.at not in ends}
    else:
        between = set()
    left = [old for old in (*facts, fact) if old.cause not in between]
    return tuple(sorted(left, key=lambda old: old.order))


@dataclass(frozen=True, slots=True)
class Attempt:
    """The tellings of one attempt, in order."""

    outcome: Literal["passed", "failed"]
    facts: tuple[Told, ...]

    @property
    def at(self) -> datetime:
        return self.facts[0].at

    @property
    def number(self) -> int | None:
        return next((fact.attempt for fact in self.facts if fact.attempt is not None), None)

    @property
    def score(self) -> Decimal | None:
        return next((fact.score for fact in self.facts if fact.score is not None), None)


@dataclass(frozen=True, slots=True)
class Activity:
    """An instant at which a learner did something, and the facts that tell of it."""

    at: datetime
    kind: Kind
    facts: tuple[Told, ...]


@dataclass
class Run:
    """One time through a course; `begun` orders runs, `facts` are in order."""

    begun: Order
    zone: str
    facts: list[Told] = field(default_factory=list)

    def of(self, kind: Kind) -> list[Told]:
        return [fact for fact in self.facts if fact.kind == kind]

    @cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        """Passed and failed ones, each told once or more, by time."""
        passed = [Attempt("passed", facts) for facts in _same(self.of("completed"), self.zone)]
        failed = [Attempt("failed", facts) for facts in _same(self.of("failed"), self.zone)]
        return tuple(sorted(passed + failed, key=lambda attempt: attempt.facts[0].order))

    @cached_property
    def outcome(self) -> tuple[Ending, datetime] | None:
        for ending in ENDINGS:
            if facts := self.of(ending):
                return ending, facts[0].at
        return None

    @cached_property
    def started_at(self) -> datetime | None:
        signs = ("started", "module", "failed", "completed")
        return next((fact.at for fact in self.facts if fact.kind in signs), None)

    @cached_property
    def activities(self) -> tuple[Activity, ...]:
        """Starts, modules and failures up to the outcome, by time; not their later twins."""
        failures = [attempt for attempt in self.attempts if attempt.outcome == "failed"]
        done = [
            *(Activity(fact.at, "started", (fact,)) for fact in self.of("started")),
            *(Activity(fact.at, "module", (fact,)) for fact in self.of("module")),
            *(Activity(failure.at, "failed", failure.facts) for failure in failures),
        ]
        if self.outcome:
            done = [activity for activity in done if activity.at <= self.outcome[1]]
        return tuple(sorted(done, key=lambda activity: activity.facts[0].order))

    @property
    def last_activity(self) -> datetime | None:
        return self.activities[-1].at if self.activities else None

    @property
    def last_module(self) -> str | None:
        modules = [activity for activity in self.activities if activity.kind == "module"]
        return modules[-1].facts[0].module if modules else None

    @property
    def modules(self) -> list[str]:
        return sorted({fact.module for fact in self.facts if fact.module is not None})

    @property
    def score(self) -> Decimal | None:
        """That of the first completion that states one, else of the latest failure that does."""
        passed = [fact.score for fact in self.of("completed") if fact.score is not None]
        failed = [fact.score for fact in self.of("failed") if fact.score is not None]
        return passed[0] if passed else failed[-1] if failed else None

    def ended(self, lapses: Iterable[datetime], by: datetime) -> bool:
        """Whether an enrolment at `by` starts afresh, given the facts of the run before it."""
        return any(fact.kind in ("completed", "withdrawn") for fact in self.facts) or any(
            self.begun[0] < lapse <= by for lapse in lapses
        )


def runs_of(facts: tuple[Told, ...], zone: str, lapses: tuple[datetime, ...]) -> tuple[Run, ...]:
    """The runs by when they were begun; `lapses` are those of the course's certificate."""
    named: dict[str, Run] = {}
    for fact in facts:
        if fact.registration is not None and fact.registration not in named:
            named[fact.registration] = Run(fact.order, zone)
    runs = list(named.values())
    for fact in facts:
        if fact.registration is not None:
            named[fact.registration].facts.append(fact)
            continue
        begun = [run for run in runs if run.begun[0] <= fact.at]
        run = max(begun, key=lambda run: run.begun, default=None)
        if run is None or (fact.kind == "enrolled" and run.ended(lapses, fact.at)):
            run = Run(fact.order, zone)
            runs.append(run)
        run.facts.append(fact)
    return tuple(sorted(runs, key=lambda run: run.begun))


def _same(facts: list[Told], zone: str) -> list[tuple[Told, ...]]:
    """Tellings of the same attempt, where both number it, else of the same day."""
    clusters: list[list[Told]] = []
    for fact in facts:
        cluster = next((known for known in clusters if _agree(known, fact, zone)), None)
        if cluster is None:
            clusters.append([fact])
        else:
            cluster.append(fact)
    return [tuple(cluster) for cluster in clusters]


def _agree(cluster: list[Told], fact: Told, zone: str) -> bool:
    number = next((known.attempt for known in cluster if known.attempt is not None), None)
    if number is not None and fact.attempt is not None:
        return number == fact.attempt
    return _day(cluster[0], zone) == _day(fact, zone)


def _day(fact: Told, zone: str) -> date:
    return day_of(fact.at, zone)
