"""Which tellings of a completion or a failure are one attempt?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from .days import day_of
from .told import Told

Outcome = Literal["passed", "failed"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The tellings of one attempt, in order."""

    outcome: Outcome
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


def attempts_of(facts: Sequence[Told], zone: str) -> tuple[Attempt, ...]:
    """The attempts in these facts, passed and then failed."""
    passed = _same([fact for fact in facts if fact.kind == "completed"], zone)
    failed = _same([fact for fact in facts if fact.kind == "failed"], zone)
    return (
        *(Attempt("passed", tellings) for tellings in passed),
        *(Attempt("failed", tellings) for tellings in failed),
    )


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
    return day_of(cluster[0].at, zone) == day_of(fact.at, zone)
