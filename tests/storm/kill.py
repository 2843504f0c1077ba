"""Does a worker that is killed while something is open lose or double anything?"""

from random import Random

from tests.storm.scenario import Scenario
from tests.storm.storm import Storm
from tests.storm.strikes import Strikes, killing, schedule

AT_MOST = 60
"""Kills while one story is told; it would end before many more."""


class Kill(Scenario):
    """kill -9 of any of two workers of each kind."""

    GATE, GOAL = 60, 1000

    def go(self, storm: Storm, rng: Random) -> None:
        """Kill while the story is played."""
        drawn = schedule(rng, storm.slots, min(self.left, AT_MOST))
        strikes = Strikes(
            storm,
            drawn,
            killing(rng),
            instead=lambda _: schedule(rng, storm.slots, 1)[0],
        )
        storm.play(strikes.keep)
        self.wanted -= strikes.struck
