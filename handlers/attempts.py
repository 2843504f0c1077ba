"""Which tellings of a completion or a failure are one attempt?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from .days import day_of
from .told import Order, Told

Outcome = Literal["passed", "failed"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The tellings of one attempt, in order; once regraded they all state that score."""

    outcome: Outcome
    facts: tuple[Told, ...]
    regraded: Decimal | None = None

    @property
    def at(self) -> datetime:
        return self.facts[0].at

    @property
    def number(self) -> int | None:
        return next((fact.attempt for fact in self.facts if fact.attempt is not None), None)

    @property
    def score(self) -> Decimal | None:
        return self.scores[0][1] if self.scores else None

    @property
    def scores(self) -> tuple[tuple[Order, Decimal], ...]:
        """The scores that its tellings state, in order."""
        if self.regraded is not None:
            return tuple((fact.order, self.regraded) for fact in self.facts)
        return tuple((fact.order, fact.score) for fact in self.facts if fact.score is not None)


def attempts_of(facts: Sequence[Told], zone: str) -> tuple[Attempt, ...]:
    """The attempts in these facts, passed and then failed."""
    passed = _same([fact for fact in facts if fact.kind == "completed"], zone)
    failed = _same([fact for fact in facts if fact.kind == "failed"], zone)
    return (
        *(Attempt("passed", tellings) for tellings in passed),
        *(Attempt("failed", tellings) for tellings in failed),
    )


def regraded(attempts: Iterable[Attempt], regrades: Iterable[Told]) -> tuple[Attempt, ...]:
    """The attempts as they are after these regrades, in order: the last of one attempt holds."""
    found = list(attempts)
    for regrade in regrades:
        for attempt in _meant(found, regrade):
            found[found.index(attempt)] = replace(attempt, regraded=regrade.score)
    return tuple(found)


def _meant(attempts: Sequence[Attempt], regrade: Told) -> list[Attempt]:
    """Those of the number stated, else the latest up to then."""
    if regrade.attempt is not None:
        return [attempt for attempt in attempts if attempt.number == regrade.attempt]
    earlier = [attempt for attempt in attempts if attempt.at <= regrade.at]
    return sorted(earlier, key=lambda attempt: attempt.facts[0].order)[-1:]


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
