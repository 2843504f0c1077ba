"""Does a person hold a certificate, and is there something to tell of it?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.alerts import Value

from .awards import Proof
from .chains import Chain, chains_of
from .derived import Correction, Validity
from .lazy import lazy

News = tuple[datetime, tuple[str, ...], tuple[tuple[str, Value], ...]]


@dataclass(frozen=True)
class Certificate:
    """What was told of it, in order; the courses that earn it; whether a tick saw it lapse.

    `corrections`: of completions that tell of it, also such as are still to be told.
    """

    customer: str = ""
    person: str = ""
    certificate: str = ""
    facts: tuple[Proof, ...] = ()
    zone: str = "UTC"
    courses: tuple[str, ...] = ()
    lapsed: bool = False
    corrections: tuple[Correction, ...] = ()

    @lazy
    def chains(self) -> tuple[Chain, ...]:
        return chains_of(tuple(self._standing), self.zone)

    @property
    def _standing(self) -> Iterator[Proof]:
        """What counts of the facts, as it was corrected."""
        corrected = {correction.completion: correction for correction in self.corrections}
        for proof in self.facts:
            correction = corrected.get(proof.cause)
            if correction is None:
                yield proof
            elif correction.score is not None and proof.kind == "completed":
                yield replace(proof, score=correction.score)
            elif not correction.taken_back:
                yield proof

    @lazy
    def latest(self) -> Chain | None:
        return self.chains[-1] if self.chains else None

    @property
    def held(self) -> bool:
        """Whether it is valid, as far as ticks have seen."""
        return self.latest is not None and not self.latest.revoked_at and not self.lapsed

    @property
    def lapse(self) -> datetime | None:
        """When the latest chain lapses, unless it was revoked."""
        return self.latest.lapse if self.latest and not self.latest.revoked_at else None

    @property
    def validity(self) -> Validity:
        lapses = {chain.lapse for chain in self.chains if not chain.revoked_at} - {None}
        return Validity(tuple(sorted(lapse for lapse in lapses if lapse)), self.lapsed)

    @lazy
    def word(self) -> Chain | None:
        """The chain to tell of: in force as far as ticks have seen, and not begun in history."""
        if self.latest is None or self.latest.revoked_at or self.lapsed:
            return None
        return None if self.latest.start.history else self.latest

    @property
    def course(self) -> str | None:
        """Through which course it was earned, else by which it can be."""
        completed = self.latest.course if self.latest else None
        return completed or next(iter(self.courses), None)

    @property
    def news(self) -> News | None:
        """Since when there is something to tell, by which facts, and what."""
        if self.word is None:
            return None
        start = self.word.start
        return (
            start.at,
            start.causes,
            (
                ("course", self.course),
                ("certificate", self.certificate),
                ("score", None if start.score is None else f"{start.score:f}"),
                ("at", start.at.isoformat()),
                ("number", start.number),
                ("last_day", start.last_day.isoformat() if start.last_day else None),
            ),
        )

    def heir(self, chain: Chain) -> Chain | None:
        """The chain that now holds the first fact of `chain` that still counts."""
        now = {turn: chain for chain in self.chains for turn in chain.turns}
        return next((now[turn] for turn in sorted(chain.turns) if turn in now), None)
