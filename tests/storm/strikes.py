"""Who is struck next, at which moment, and how? A schedule that a seed repeats.

A few strikes are outstanding at a time, at most one a worker; the next begins when one has struck.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.storm.proxy import Blow, Harm
from tests.storm.storm import Slot, Storm

AT_ONCE = 4
PATIENCE = 15.0
"""Seconds for a moment to come; a worker with nothing to do has none."""

MEAN = 5.0
"""How often a moment passes before it is struck, on average."""

MOMENTS = {
    "intake": ("transaction", "commit", "append", "appended"),
    "engine": ("transaction", "commit", "append", "appended"),
    "slack": ("transaction", "sending", "sent"),
}


@dataclass(frozen=True)
class Strike:
    """At the `nth` such moment of this slot's worker."""

    slot: int
    moment: str
    nth: int


def schedule(rng: Random, slots: list[Slot], count: int) -> list[Strike]:
    """So many strikes on any slot, at any moment of its kind of worker."""
    drawn = []
    for _ in range(count):
        number = rng.randrange(len(slots))
        moment = rng.choice(MOMENTS[slots[number].app])
        drawn.append(Strike(number, moment, 1 + min(60, int(rng.expovariate(1 / MEAN)))))
    return drawn


ENDS: tuple[Harm, ...] = ("before", "after")

Blows = Callable[[Slot, str], Blow | None]
"""Does it, in the proxies' thread, and says what becomes of the connection."""


def killing(rng: Random) -> Blows:
    """kill -9; what was being asked for arrives or not, as it may."""

    def kill(slot: Slot, _: str) -> Blow:
        assert slot.worker is not None
        os.kill(slot.worker.process.pid, signal.SIGKILL)
        return Blow(rng.choice(ENDS))

    return kill


@dataclass
class Strikes:
    """Keeps strikes outstanding, and counts those that struck."""

    storm: Storm
    waiting: list[Strike]
    blow: Blows
    name: str = "kills"
    instead: Callable[[Strike], Strike] = lambda strike: strike
    """What is struck for a moment that does not come."""

    struck: int = 0
    _under_way: dict[int, tuple[Strike, float]] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether all have struck."""
        return not self.waiting and not self._under_way

    def keep(self) -> None:
        """Begin what may begin; put back what has waited too long."""
        for number, (strike, began) in list(self._under_way.items()):
            if time.monotonic() - began > PATIENCE:
                self.storm.slots[number].ways.strike()
                if self._under_way.pop(number, None):
                    self.waiting.append(self.instead(strike))
        for strike in list(self.waiting):
            if len(self._under_way) == AT_ONCE:
                return
            slot = self.storm.slots[strike.slot]
            if strike.slot not in self._under_way and slot.works:
                self.waiting.remove(strike)
                self._begin(slot, strike)

    def _begin(self, slot: Slot, strike: Strike) -> None:
        passed = 0

        def at(moment: str) -> Blow | None:
            nonlocal passed
            passed += moment == strike.moment
            if moment != strike.moment or passed < strike.nth or not slot.running:
                return None
            slot.ways.strike()
            if self._under_way.pop(strike.slot, None) is None:
                return None
            self.struck += 1
            self.storm.faults[f"{self.name} in {moment}"] += 1
            return self.blow(slot, moment)

        self._under_way[strike.slot] = strike, time.monotonic()
        slot.ways.strike(at)
