"""What do people hold, where do they count, and when has a team all that is required of it?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from .door import Event

ANY = "any"

Target = tuple[str, str]
"""`course` or `certificate`, and its id."""

Team = tuple[str, str]
"""Role and level, each `any` for all."""


@dataclass(frozen=True)
class Requirement:
    """What is asked of a team, as of all that was said; `target` is None until one is told.

    `heard` is when it was first heard of.
    """

    id: str
    team: Team
    target: Target | None
    retired: bool
    heard: datetime

    @staticmethod
    def told(id: str, events: Sequence[Event]) -> "Requirement":
        role, level, target, retired = ANY, ANY, None, False
        for event in sorted(events, key=lambda event: (event.time, event.cause)):
            if event.wire == "requirement.retired.v1":
                retired = True
                continue
            role = event.data.get("role", role)
            level = event.data.get("level", level)
            for kind in ("course", "certificate"):
                if kind in event.data:
                    target = kind, event.data[kind]
        return Requirement(id, (role, level), target, retired, events[0].heard)


@dataclass(frozen=True)
class Holding:
    """One person of a customer: who she is there, and what she has."""

    active: bool = False
    role: str = ""
    level: str = ""
    courses: frozenset[str] = frozenset()
    met: frozenset[Target] = frozenset()
    waived: frozenset[Target] = frozenset()
    scores: tuple[Decimal, ...] = ()

    @property
    def teams(self) -> set[Team]:
        """The teams in which she counts."""
        if not self.active:
            return set()
        return {
            (role, level)
            for role in (self.role, ANY)
            for level in (self.level, ANY)
            if role and level
        }


@dataclass
class Share:
    """How a team stands to one target."""

    enrolled: int = 0
    met: int = 0
    waived: int = 0


@dataclass
class Count:
    """How many of a team there are, and what they have."""

    people: int = 0
    enrolled: int = 0
    scored: int = 0
    score_sum: Decimal = Decimal(0)
    shares: dict[Target, Share] = field(default_factory=dict)

    def share(self, target: Target | None) -> Share:
        return self.shares.get(target, Share()) if target else Share()

    def add(self, holding: Holding) -> None:
        self.people += 1
        self.enrolled += bool(holding.courses)
        self.scored += len(holding.scores)
        self.score_sum += sum(holding.scores)
        for course in holding.courses:
            self._share(("course", course)).enrolled += 1
        for target in holding.met:
            self._share(target).met += 1
        for target in holding.waived:
            self._share(target).waived += 1

    def _share(self, target: Target) -> Share:
        return self.shares.setdefault(target, Share())

    def is_complete(self, target: Target | None) -> bool:
        """Whether all whom the target concerns have it, and there is anybody."""
        share = self.share(target)
        return 1 <= self.people - share.waived == share.met


def count(holdings: Iterable[Holding]) -> dict[Team, Count]:
    """All teams of the people."""
    teams: dict[Team, Count] = {}
    for holding in holdings:
        for team in holding.teams:
            teams.setdefault(team, Count()).add(holding)
    return teams


def ratio(part: int | Decimal, whole: int) -> Decimal | None:
    """Half up to one decimal; None of nothing."""
    if not whole:
        return None
    return (Decimal(part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)
