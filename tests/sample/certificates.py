"""What follows from all that is known of one person's certificate?"""

import calendar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from .directory import Fact

SAME = timedelta(days=7)
LATE = timedelta(hours=48)


@dataclass(frozen=True)
class Award:
    """A grant, completion or renewal, told once or more."""

    facts: tuple[Fact, ...]
    zone: ZoneInfo

    @property
    def time(self) -> datetime:
        return self.facts[0].time

    @property
    def number(self) -> str | None:
        return next((fact.number for fact in self.facts if fact.number), None)

    @property
    def stated_day(self) -> date | None:
        return next((fact.last_day for fact in self.facts if fact.last_day), None)

    @property
    def last_day(self) -> date | None:
        months = next((fact.months for fact in self.facts if fact.months), None)
        if self.stated_day or months is None:
            return self.stated_day
        day = self.time.astimezone(self.zone).date()
        year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
        length = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(day.day, length)) - timedelta(days=1)

    @property
    def lapse(self) -> datetime | None:
        """The first instant of the day after the last valid one."""
        if self.last_day is None or self.last_day == date.max:
            return None
        after = self.last_day + timedelta(days=1)
        return datetime.combine(after, time(0), self.zone).astimezone(UTC)

    @property
    def history(self) -> bool:
        return min(fact.heard - fact.time for fact in self.facts) > LATE

    @property
    def causes(self) -> frozenset[str]:
        return frozenset(fact.cause for fact in self.facts)

    def agrees(self, fact: Fact) -> bool:
        pair = {"completed", "granted"}
        if any(
            {fact.kind, mine.kind} == pair and abs(fact.time - mine.time) <= SAME
            for mine in self.facts
        ):
            return True
        if "renewed" in (fact.kind, self.facts[0].kind):
            if fact.kind != self.facts[0].kind:
                return False
        elif fact.number and self.number:
            return fact.number == self.number
        if fact.last_day and self.stated_day:
            return fact.last_day == self.stated_day
        return fact.time.astimezone(self.zone).date() == self.time.astimezone(self.zone).date()


@dataclass
class Chain:
    """From earning a certificate to its end, renewals included."""

    awards: list[Award]
    revoked: Fact | None = None

    @property
    def lapse(self) -> datetime | None:
        """The latest lapse of the awards; None if one of them holds for ever."""
        lapses = [award.lapse for award in self.awards]
        ending = [lapse for lapse in lapses if lapse is not None]
        return max(ending) if len(ending) == len(lapses) else None

    def holds(self, time: datetime) -> bool:
        return self.revoked is None and (self.lapse is None or time < self.lapse)

    @property
    def facts(self) -> list[Fact]:
        return [fact for award in self.awards for fact in award.facts]


@dataclass
class Certificate:
    """A person's certificate: what was told, when the latest chain lapses, and if a tick saw it.

    `taken` are the causes of completions that are taken away, `told_of` is the latest chain as of
    the fact before.
    """

    told: list[Fact] = field(default_factory=list)
    taken: frozenset[str] = frozenset()
    lapse: datetime | None = None
    reached: bool = False
    told_of: list[Fact] = field(default_factory=list)

    @property
    def facts(self) -> list[Fact]:
        """What is left of what was told."""
        return [fact for fact in self.told if fact.cause not in self.taken]

    def awards(self, zone: ZoneInfo) -> list[Award]:
        revocations = [fact.time for fact in self.facts if fact.kind == "revoked"]
        awards: list[Award] = []
        for fact in sorted(self.facts, key=lambda fact: (fact.time, fact.cause)):
            if fact.kind == "revoked":
                continue
            for place, award in enumerate(awards):
                between = any(award.time <= revoked < fact.time for revoked in revocations)
                if not between and award.agrees(fact):
                    awards[place] = Award((*award.facts, fact), zone)
                    break
            else:
                awards.append(Award((fact,), zone))
        return awards

    def chains(self, zone: ZoneInfo) -> list[Chain]:
        """All chains, the latest last."""
        happened: list[tuple[datetime, bool, str, Award | Fact]] = [
            (award.time, False, award.facts[0].cause, award) for award in self.awards(zone)
        ]
        happened += [
            (fact.time, True, fact.cause, fact) for fact in self.facts if fact.kind == "revoked"
        ]
        chains: list[Chain] = []
        for at, _, _, what in sorted(happened, key=lambda one: one[:3]):
            latest = chains[-1] if chains and chains[-1].holds(at) else None
            if isinstance(what, Award):
                if latest:
                    latest.awards.append(what)
                else:
                    chains.append(Chain([what]))
            elif latest:
                numbers = {award.number for award in latest.awards if award.number}
                if not what.number or not numbers or what.number in numbers:
                    latest.revoked = what
        return chains

    def status(self, latest: Chain) -> str:
        return "revoked" if latest.revoked else "expired" if self.reached else "valid"

    def weigh(self, latest: Chain | None) -> None:
        """Note the lapse anew; one that a tick has seen stays seen if it is not later now."""
        seen = self.lapse if self.reached else None
        self.lapse = latest.lapse if latest and not latest.revoked else None
        self.reached = bool(seen and self.lapse and self.lapse <= seen)
