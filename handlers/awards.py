"""Which tellings of a grant, a completion or a renewal are one award, and until when is it good?"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from .days import day_of, end_of, last_day_after
from .derived import HISTORY
from .lazy import lazy

Kind = Literal["granted", "completed", "renewed", "revoked"]

# A completion and the grant that follows from it, whatever they state.
SAME_GRANT = timedelta(days=7)


Turn = tuple[datetime, bool, str, str]


@dataclass(frozen=True, slots=True)
class Proof:
    """One fact of a person's certificate; `months` of validity as the catalogue said then."""

    at: datetime
    kind: Kind
    cause: str
    heard: datetime
    course: str | None = None
    number: str | None = None
    last_day: date | None = None
    score: Decimal | None = None
    months: int | None = None

    @property
    def turn(self) -> Turn:
        """At one instant, what awards comes before what revokes."""
        return self.at, self.kind == "revoked", self.cause, self.kind


@dataclass
class Award:
    """The tellings of one grant, completion or renewal, in order."""

    zone: str
    facts: list[Proof]

    @property
    def at(self) -> datetime:
        return self.facts[0].at

    @property
    def turn(self) -> Turn:
        return self.facts[0].turn

    @property
    def number(self) -> str | None:
        return next((fact.number for fact in self.facts if fact.number is not None), None)

    @property
    def score(self) -> Decimal | None:
        return next((fact.score for fact in self.facts if fact.score is not None), None)

    @property
    def stated(self) -> date | None:
        return next((fact.last_day for fact in self.facts if fact.last_day is not None), None)

    @property
    def day(self) -> date:
        return day_of(self.at, self.zone)

    @lazy
    def last_day(self) -> date | None:
        """Read once the award is whole."""
        months = next((fact.months for fact in self.facts if fact.months is not None), None)
        if self.stated is not None or months is None:
            return self.stated
        return last_day_after(self.day, months)

    @lazy
    def lapse(self) -> datetime | None:
        return end_of(self.last_day, self.zone) if self.last_day is not None else None

    @property
    def causes(self) -> tuple[str, ...]:
        return tuple(sorted({fact.cause for fact in self.facts}))

    @property
    def history(self) -> bool:
        return min(fact.heard - fact.at for fact in self.facts) > HISTORY

    def agrees(self, fact: Proof) -> bool:
        if any(_same_grant(known, fact) for known in self.facts):
            return True
        renewal = fact.kind == "renewed"
        if renewal != (self.facts[0].kind == "renewed"):
            return False
        # A certificate keeps its number when it is renewed.
        if not renewal and self.number is not None and fact.number is not None:
            return self.number == fact.number
        if self.stated is not None and fact.last_day is not None:
            return self.stated == fact.last_day
        return self.day == day_of(fact.at, self.zone)


def _same_grant(one: Proof, other: Proof) -> bool:
    kinds = {one.kind, other.kind}
    return kinds == {"granted", "completed"} and abs(one.at - other.at) <= SAME_GRANT


def awards_of(facts: list[Proof], revocations: list[Proof], zone: str) -> list[Award]:
    """Each fact joins the first award that it agrees with, never across a revocation."""
    awards: list[Award] = []
    for fact in facts:
        wall = max((end.at for end in revocations if end.at < fact.at), default=None)
        near = [award for award in awards if wall is None or award.at > wall]
        award = next((award for award in near if award.agrees(fact)), None)
        if award is None:
            awards.append(Award(zone, [fact]))
        else:
            award.facts.append(fact)
    return awards
