"""Does a worker that freezes for longer than its session lose or double anything?

It freezes while something is open, too. Some wake later, when others have gone on without them;
some never do. Meanwhile rivals own all partitions of intake and engine a second time.
"""

import os
import signal
import time
from dataclasses import dataclass, field
from random import Random

from tests.storm.proxy import Blow
from tests.storm.scenario import Scenario
from tests.storm.storm import Slot, Storm
from tests.storm.strikes import Strikes, schedule
from tests.streams.system import Running

SESSION = 6.0
LONGEST = 4.0
"""Seconds frozen beyond the session, at most."""

AT_MOST = 8
RIVALS = ("rival-intake", "rival-engine")


@dataclass
class Frozen:
    """A frozen worker, and when it is to wake; None: never."""

    slot: Slot
    worker: Running
    until: float | None
    dies_at: float


@dataclass
class Freezer:
    """Freezes workers, and wakes them or lets them die."""

    rng: Random
    frozen: list[Frozen] = field(default_factory=list)

    def freeze(self, slot: Slot, moment: str) -> Blow | None:
        """SIGSTOP, for longer than its session; one in three is never woken."""
        worker = slot.worker
        assert worker is not None
        os.kill(worker.process.pid, signal.SIGSTOP)
        now, wakes = time.monotonic(), self.rng.random() < 2 / 3
        later = now + SESSION + self.rng.uniform(1, LONGEST)
        self.frozen.append(Frozen(slot, worker, later if wakes else None, later))
        return None

    def keep(self) -> None:
        """Wake whose time has come; who never wakes is found dead a while later."""
        now = time.monotonic()
        for one in list(self.frozen):
            if now > one.dies_at:
                self.frozen.remove(one)
                if one.until is None:
                    one.worker.kill()
                else:
                    one.worker.wake()

    def end(self) -> None:
        """Wake, or let die, whoever is frozen still."""
        for one in self.frozen:
            one.dies_at = 0.0
        self.keep()


class Pause(Scenario):
    """SIGSTOP past the session timeout, with rivals on every partition."""

    GATE, GOAL = 8, 200
    session = f"{SESSION:.0f}"

    def go(self, storm: Storm, rng: Random) -> None:
        """Freeze while the story is played."""
        freezer = Freezer(rng)
        drawn = schedule(rng, storm.slots, min(self.left, AT_MOST))
        strikes = Strikes(storm, drawn, freezer.freeze, "pauses")
        rivals = [storm.rival(kind) for kind in RIVALS]

        def keep() -> None:
            freezer.keep()
            strikes.keep()
            for rival in rivals:
                storm.watch(rival)

        storm.play(keep)
        freezer.end()
        self.wanted -= strikes.struck
        storm.rest()
        for rival in rivals:
            storm.faults["fences"] += len(rival.events("fenced"))
            rival.close()
