"""Does a process that ends before or after any step of a protocol lose or double anything?

The steps are the failpoints in the code; whoever adds one, adds it here.
"""

import ast
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from schemas.topics import App
from streams import clock
from tests.storm import equalities
from tests.storm.scenario import Scenario
from tests.storm.storm import EXITED, Broken, Slot, Storm

STREAMS = Path(__file__).parents[2] / "streams"
PATIENCE = 120.0
"""Seconds for the real clock to be heard."""

BATCHES = ("7", "1", "500")

OF: dict[str, App] = {
    "intake": "intake",
    "sweep": "intake",
    "engine": "engine",
    "relay": "engine",
    "slack": "slack",
}
"""Whose process passes the failpoints of a family while the clock is driven."""

EARLY = ("intake.between_appends", "intake.catalogue_append")
LATE = ("sweep", "relay")
"""What comes at the beginning of a story for the most part, and what never comes there."""


def names() -> list[str]:
    """Every failpoint of the code, in the order in which a story comes to them."""
    found = {
        str(node.args[0].value)
        for path in STREAMS.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "failpoint"
        and isinstance(node.args[0], ast.Constant)
    }
    return sorted(found, key=lambda name: (name not in EARLY, name.startswith(LATE), name))


class Failpoints(Scenario):
    """Each is passed once, by batches of one size in a gate and of three for the goal."""

    GATE, GOAL = len(names()), len(names()) * len(BATCHES)

    def __init__(self, wanted: int) -> None:
        super().__init__(wanted)
        sizes = BATCHES[: wanted // len(names())]
        self._waiting = {size: set(names()) for size in sizes}
        self._armed: dict[Slot, str] = {}

    @property
    def left(self) -> int:
        return sum(map(len, self._waiting.values()))

    def go(self, storm: Storm, rng: Random) -> None:
        """End processes while the story is played; those of the ticker where the clock is real."""
        size = next(size for size, waiting in self._waiting.items() if waiting)
        storm.system.env["LAUREL_BATCH"] = size
        waiting = self._waiting[size]
        storm.player_may_fall = True

        def arm(slot: Slot) -> None:
            free = (name for name in names() if name in waiting - set(self._armed.values()))
            name = next((name for name in free if OF.get(family(name)) == slot.app), None)
            slot.arming = {}
            if name is not None:
                nth = 1 if name.startswith((*EARLY, *LATE)) else rng.randrange(1, 5)
                slot.arming = {"FAILPOINT": f"{name}:exit:{nth}"}
                self._armed[slot] = name

        def ended(slot: Slot, code: int) -> None:
            name = self._armed.pop(slot, None)
            if name is not None and code == EXITED:
                waiting.remove(name)
                storm.faults[f"exits at {name.partition('.')[0]}"] += 1
            arm(slot)

        for slot in storm.slots:
            arm(slot)
        storm.on_end = ended
        storm.play(falls=self._players(storm, waiting, rng))
        storm.on_end = lambda slot, code: None
        self._armed.clear()
        storm.settle()
        self._rebuilds(storm, waiting)
        storm.known["truth"] = equalities.truth_of(storm)
        self._tick(storm, waiting)

    def _players(self, storm: Storm, waiting: set[str], rng: Random) -> Iterator[dict[str, str]]:
        """What each player in turn is told: where it ends."""
        for name in sorted(name for name in waiting if family(name) == "play"):
            yield {"FAILPOINT": f"{name}:exit:{rng.randrange(2, 20)}"}
            waiting.remove(name)
            storm.faults["exits at play"] += 1

    def _rebuilds(self, storm: Storm, waiting: set[str]) -> None:
        """Rebuilds beside the workers: some that end over their swap, and then a whole one."""
        words = ["streams.cli", "rebuild"]
        for name in sorted(name for name in waiting if family(name) == "rebuild"):
            code, said = storm.finish("rebuild", words, {"FAILPOINT": f"{name}:exit"})
            if code != EXITED:
                raise Broken(f"a rebuild did not come to {name}, status {code}\n{said}")
            waiting.remove(name)
            storm.faults["exits at rebuild"] += 1
        code, said = storm.finish("rebuild", words)
        if code:
            raise Broken(f"the rebuild after them ended with status {code}\n{said}")
        storm.settle()

    def _tick(self, storm: Storm, waiting: set[str]) -> None:
        """Engines that end over a tick of the real clock."""
        ticks = sorted(name for name in waiting if family(name) == "ticker")
        if not ticks:
            return
        for name, slot in zip(ticks, storm.of("engine"), strict=True):
            slot.arming = {"FAILPOINT": f"{name}:exit"}

        def ended(slot: Slot, code: int) -> None:
            if slot.arming and code == EXITED:
                waiting.remove(slot.arming.pop("FAILPOINT").partition(":")[0])
                storm.faults["exits at ticker"] += 1

        storm.on_end = ended
        for slot in storm.slots:
            slot.resting = False
        storm.let_go()
        deadline = time.monotonic() + PATIENCE
        while any(slot.arming for slot in storm.slots):
            assert time.monotonic() < deadline, f"no engine came to {ticks} in {PATIENCE} s"
            storm.tend()
            time.sleep(0.1)
        storm.system.drive(clock.real())
        storm.hold()


def family(name: str) -> str:
    """The part of the code that a failpoint is in."""
    return name.partition(".")[0]
