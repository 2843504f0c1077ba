"""Which awards are one unbroken time of holding a certificate?"""

from dataclasses import dataclass
from datetime import date, datetime

from .awards import Award, Proof, Turn, awards_of


@dataclass
class Chain:
    """An award and what renewed it in time, until it lapses or is revoked."""

    awards: list[Award]
    revoked_at: datetime | None = None

    @property
    def start(self) -> Award:
        return self.awards[0]

    @property
    def turns(self) -> list[Turn]:
        """Those of its facts, which tell them apart."""
        return [fact.turn for award in self.awards for fact in award.facts]

    @property
    def lapse(self) -> datetime | None:
        lapses = [award.lapse for award in self.awards]
        stated = [lapse for lapse in lapses if lapse is not None]
        return max(stated) if len(stated) == len(lapses) else None

    @property
    def number(self) -> str | None:
        stated = [award.number for award in self.awards if award.number is not None]
        return stated[-1] if stated else None

    @property
    def last_day(self) -> date | None:
        """The day before it lapses, whichever of its awards lasts longest."""
        days = [award.last_day for award in self.awards if award.last_day is not None]
        return max(days) if self.lapse is not None else None

    @property
    def course(self) -> str | None:
        """That of its first completion, if any."""
        facts = (fact for award in self.awards for fact in award.facts)
        return next((fact.course for fact in facts if fact.course is not None), None)

    def in_force(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.lapse is None or at < self.lapse)

    def bears(self, number: str | None) -> bool:
        """Whether a revocation of `number` means this chain."""
        numbers = {award.number for award in self.awards} - {None}
        return number is None or not numbers or number in numbers


def chains_of(facts: tuple[Proof, ...], zone: str) -> tuple[Chain, ...]:
    """The chains by time; an award at the instant of a revocation lies before it."""
    revocations = [fact for fact in facts if fact.kind == "revoked"]
    awards = awards_of([fact for fact in facts if fact.kind != "revoked"], revocations, zone)
    chains: list[Chain] = []
    steps: list[Award | Proof] = [*awards, *revocations]
    for step in sorted(steps, key=lambda step: step.turn):
        latest = chains[-1] if chains and chains[-1].in_force(step.at) else None
        if isinstance(step, Proof):
            if latest and latest.bears(step.number):
                latest.revoked_at = step.at
        elif latest:
            latest.awards.append(step)
        else:
            chains.append(Chain([step]))
    return tuple(chains)
