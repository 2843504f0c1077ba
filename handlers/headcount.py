"""How many people are there, and what have they? A person's share of a team, and a team as the sum.

Sums commute, so the order in which shares come cannot matter.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Literal, NamedTuple


class Target(NamedTuple):
    """What can be required of somebody."""

    kind: Literal["course", "certificate"]
    id: str


class Count(NamedTuple):
    """How many are enrolled in it (of courses only), have met it, are waived and have not."""

    target: Target
    enrolled: int = 0
    met: int = 0
    waived: int = 0

    def plus(self, other: "Count") -> "Count":
        return Count(
            self.target,
            self.enrolled + other.enrolled,
            self.met + other.met,
            self.waived + other.waived,
        )


@dataclass(frozen=True, slots=True)
class Headcount:
    """`enrolled` in anything; `scored` scores, which sum up to `score_sum`; `counts` by target."""

    people: int = 0
    enrolled: int = 0
    scored: int = 0
    score_sum: Decimal = Decimal(0)
    counts: tuple[Count, ...] = ()

    def plus(self, other: "Headcount") -> "Headcount":
        return Headcount(
            self.people + other.people,
            self.enrolled + other.enrolled,
            self.scored + other.scored,
            self.score_sum + other.score_sum,
            _merged(self.counts, other.counts),
        )

    def minus(self, other: "Headcount") -> "Headcount":
        return self.plus(
            Headcount(
                -other.people,
                -other.enrolled,
                -other.scored,
                -other.score_sum,
                tuple(
                    Count(count.target, -count.enrolled, -count.met, -count.waived)
                    for count in other.counts
                ),
            )
        )

    @property
    def met(self) -> frozenset[Target]:
        return frozenset(count.target for count in self.counts if count.met)

    def of(self, target: Target) -> Count:
        place = bisect_left(self.counts, target, key=_TARGET)
        found = self.counts[place : place + 1]
        return found[0] if found and found[0].target == target else Count(target)

    def complete(self, target: Target) -> bool:
        """Whether everyone whom it concerns has met it, and it concerns somebody."""
        count = self.of(target)
        return 1 <= self.people - count.waived == count.met


NOBODY = Headcount()

_TARGET = itemgetter(0)


def _merged(counts: tuple[Count, ...], more: Iterable[Count]) -> tuple[Count, ...]:
    """In the order of targets; of what there is none, nothing is left."""
    merged = list(counts)
    for count in more:
        place = bisect_left(merged, count.target, key=_TARGET)
        if place < len(merged) and merged[place].target == count.target:
            merged[place] = merged[place].plus(count)
        else:
            merged.insert(place, count)
        if not any(merged[place][1:]):
            del merged[place]
    return tuple(merged)
