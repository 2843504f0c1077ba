"""What is remembered of a fact of a course, in which order, and what of repeats?"""

from bisect import insort
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from schemas.facts import (
    CompletionWithdrawn,
    ModuleCompleted,
    OfCourse,
    ScoreRegraded,
    TrainingCompleted,
    TrainingEnrolled,
    TrainingFailed,
    TrainingStarted,
    TrainingWaived,
    TrainingWithdrawn,
)

Kind = Literal[
    "enrolled",
    "started",
    "module",
    "completed",
    "failed",
    "withdrawn",
    "waived",
    "completion_withdrawn",
    "regraded",
]

# The order of facts at one instant.
KINDS: dict[type[OfCourse], Kind] = {
    TrainingEnrolled: "enrolled",
    TrainingStarted: "started",
    ModuleCompleted: "module",
    TrainingCompleted: "completed",
    TrainingFailed: "failed",
    TrainingWithdrawn: "withdrawn",
    TrainingWaived: "waived",
    CompletionWithdrawn: "completion_withdrawn",
    ScoreRegraded: "regraded",
}
CORRECTIONS: tuple[Kind, ...] = ("completion_withdrawn", "regraded")
RANK: dict[str, int] = {kind: rank for rank, kind in enumerate(KINDS.values())}

Order = tuple[datetime, int, str]

Graded = TrainingCompleted | TrainingFailed | ScoreRegraded


@dataclass(frozen=True, slots=True)
class Told:
    """One fact of a person's way through a course, as it was told.

    `withdraws`: the cause of the completion that it takes back.
    """

    at: datetime
    kind: Kind
    cause: str
    heard: datetime
    registration: str | None = None
    module: str | None = None
    score: Decimal | None = None
    attempt: int | None = None
    withdraws: str | None = None

    @property
    def order(self) -> Order:
        return self.at, RANK[self.kind], self.cause


def told(event: OfCourse) -> Told:
    graded = event if isinstance(event, Graded) else None
    withdrawal = event if isinstance(event, CompletionWithdrawn) else None
    counted = graded or withdrawal
    return Told(
        event.at,
        KINDS[type(event)],
        event.cause,
        event.recorded_at,
        event.registration,
        event.module if isinstance(event, ModuleCompleted) else None,
        graded.score if graded else None,
        counted.attempt if counted else None,
        withdrawal.withdraws if withdrawal else None,
    )


def kept(facts: tuple[Told, ...], fact: Told) -> tuple[Told, ...]:
    """The facts in order with one more; of a start or module repeated in a day the ends stay."""
    if fact.kind in ("started", "module"):
        repeats = [
            old
            for old in facts
            if old.kind == fact.kind
            and old.module == fact.module
            and old.registration == fact.registration
            and old.at.date() == fact.at.date()
        ]
        times = [fact.at, *(old.at for old in repeats)]
        ends = (min(times), max(times))
        between = {old.cause for old in (*repeats, fact) if old.at not in ends}
    else:
        between = set()
    left = [old for old in facts if old.cause not in between]
    if fact.cause not in between:
        insort(left, fact, key=lambda old: old.order)
    return tuple(left)
