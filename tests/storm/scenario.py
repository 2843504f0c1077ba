"""What is a scenario? So many faults of a kind, in as many stories as it takes."""

from random import Random

from tests.storm.storm import Storm


class Scenario:
    """One of them; `GATE` and `GOAL` are how many faults are wanted for each column."""

    GATE: int
    GOAL: int

    batch = "7"
    """How many records workers fetch at most; small, so that there are many transactions."""

    session = "20"
    """Seconds: whoever is killed is back before they are over, and keeps its partitions."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted

    @property
    def left(self) -> int:
        """How many have not struck yet."""
        return max(0, self.wanted)

    def go(self, storm: Storm, rng: Random) -> None:
        """Tell one story, strike meanwhile, and take what struck from what is wanted."""
        raise NotImplementedError
