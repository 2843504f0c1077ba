"""Which facts of a course belong to one run of it, and how did that go?"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from .attempts import Attempt, Outcome, attempts_of, regraded
from .lazy import lazy
from .told import Kind, Order, Told

Ending = Literal["completed", "waived", "withdrawn"]

# A completion outranks a waiver, and that a withdrawal, whenever they came.
ENDINGS: tuple[Ending, ...] = ("completed", "waived", "withdrawn")


@dataclass(frozen=True, slots=True)
class Activity:
    """An instant at which a learner did something, and the facts that tell of it."""

    at: datetime
    kind: Kind
    facts: tuple[Told, ...]


@dataclass
class Run:
    """One time through a course; `begun` orders runs, `facts` and `regrades` are in order."""

    begun: Order
    zone: str
    registration: str | None = None
    facts: list[Told] = field(default_factory=list)
    regrades: list[Told] = field(default_factory=list)

    def of(self, kind: Kind) -> list[Told]:
        return [fact for fact in self.facts if fact.kind == kind]

    @lazy
    def attempts(self) -> tuple[Attempt, ...]:
        return regraded(attempts_of(self.facts, self.zone), self.regrades)

    @lazy
    def outcome(self) -> tuple[Ending, datetime] | None:
        for ending in ENDINGS:
            if facts := self.of(ending):
                return ending, facts[0].at
        return None

    @lazy
    def started_at(self) -> datetime | None:
        signs = ("started", "module", "failed", "completed")
        return next((fact.at for fact in self.facts if fact.kind in signs), None)

    @lazy
    def activities(self) -> tuple[Activity, ...]:
        """Starts, modules and failures up to the outcome, by time; not their later twins."""
        failures = [attempt for attempt in self.attempts if attempt.outcome == "failed"]
        done = [
            Activity(fact.at, fact.kind, (fact,))
            for fact in self.facts
            if fact.kind in ("started", "module")
        ]
        if failures:
            done += (Activity(failure.at, "failed", failure.facts) for failure in failures)
            done.sort(key=lambda activity: activity.facts[0].order)
        if self.outcome:
            done = [activity for activity in done if activity.at <= self.outcome[1]]
        return tuple(done)

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
        passed, failed = self._scores("passed"), self._scores("failed")
        return passed[0] if passed else failed[-1] if failed else None

    def _scores(self, outcome: Outcome) -> list[Decimal]:
        """Those stated, in the order of the facts that state them."""
        scores = [
            stated
            for attempt in self.attempts
            if attempt.outcome == outcome
            for stated in attempt.scores
        ]
        return [score for _, score in sorted(scores)]

    def ended(self, lapses: Iterable[datetime], by: datetime) -> bool:
        """Whether an enrolment at `by` starts afresh, given the facts of the run before it."""
        return any(fact.kind in ("completed", "withdrawn") for fact in self.facts) or any(
            self.begun[0] < lapse <= by for lapse in lapses
        )


def placed(fact: Told, runs: Iterable[Run]) -> Run | None:
    """The run of its registration; without one, that begun latest at or before it."""
    if fact.registration is not None:
        return next((run for run in runs if run.registration == fact.registration), None)
    latest: Run | None = None
    for run in runs:
        if run.begun[0] <= fact.at and (latest is None or run.begun > latest.begun):
            latest = run
    return latest


def runs_of(facts: tuple[Told, ...], zone: str, lapses: tuple[datetime, ...]) -> tuple[Run, ...]:
    """The runs by when they were begun; `lapses` are those of the course's certificate."""
    named: dict[str, Run] = {}
    for fact in facts:
        if fact.registration is not None and fact.registration not in named:
            named[fact.registration] = Run(fact.order, zone, fact.registration)
    runs = list(named.values())
    for fact in facts:
        if fact.registration is not None:
            named[fact.registration].facts.append(fact)
            continue
        run = placed(fact, runs)
        if run is None or (fact.kind == "enrolled" and run.ended(lapses, fact.at)):
            run = Run(fact.order, zone)
            runs.append(run)
        run.facts.append(fact)
    return tuple(sorted(runs, key=lambda run: run.begun))
