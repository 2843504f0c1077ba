"""How does `./dev storm` go? Each scenario in turn, then a table; exit code 0 only if all held."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, randrange

from tests.storm import record
from tests.storm.broker import Broker
from tests.storm.equalities import NAMES, compare
from tests.storm.equality import Equality
from tests.storm.failpoints import Failpoints
from tests.storm.kill import Kill
from tests.storm.pause import Pause
from tests.storm.poison import PoisonScenario
from tests.storm.postgres import Postgres
from tests.storm.scenario import Scenario
from tests.storm.slack import Slack
from tests.storm.storm import Broken, say, storm
from tests.storm.world import World, world

SCENARIOS: Mapping[str, type[Scenario]] = {
    "failpoints": Failpoints,
    "kill": Kill,
    "pause": Pause,
    "postgres": Postgres,
    "broker": Broker,
    "slack": Slack,
    "poison": PoisonScenario,
}
SHOWN = 5
"""Differences printed of each equality."""


@dataclass
class Outcome:
    """What came of a scenario, all its rounds together."""

    scenario: str
    seed: int
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    equalities: dict[str, Equality] = field(default_factory=dict)
    broken: str = ""

    @property
    def holds(self) -> bool:
        """Whether all four hold, and everything wanted has struck."""
        return not self.broken and all(
            name in self.equalities and self.equalities[name].holds for name in NAMES
        )

    def add(self, faults: Counter[str], equalities: list[Equality]) -> None:
        """One round more."""
        self.faults += faults
        for one in equalities:
            before = self.equalities.get(one.name)
            self.equalities[one.name] = one if before is None else before.with_another(one)


def run(world: World, name: str, seed: int, goal: bool) -> Outcome:
    """A scenario, in as many rounds as it takes for everything wanted to strike."""
    kind = SCENARIOS[name]
    scenario = kind(kind.GOAL if goal else kind.GATE)
    outcome, began = Outcome(name, seed), time.monotonic()
    number = 0
    while scenario.left and not outcome.broken:
        left, number = scenario.left, number + 1
        how = {"LAUREL_BATCH": scenario.batch, "LAUREL_SESSION_SECONDS": scenario.session}
        try:
            with storm(world, name, seed + number - 1, whole=goal, **how) as made:
                scenario.go(made, Random(f"{name} {seed} {number}"))
                if len(made.known) < len(NAMES):
                    made.settle()
                say(f"{name}: comparing")
                outcome.broken = made.unrest
                outcome.add(made.faults, compare(made))
        except (Broken, AssertionError) as fault:
            outcome.broken = str(fault)
        else:
            if scenario.left == left and not outcome.broken:
                outcome.broken = f"{left} faults did not strike in a whole story"
            if not outcome.holds:
                break
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def out(text: str) -> None:
    """What is to stay, under the line of progress."""
    sys.stdout.write(("\r\033[K" if sys.stdout.isatty() else "") + text + "\n")
    sys.stdout.flush()


def tell(outcome: Outcome) -> None:
    """What differs."""
    for one in outcome.equalities.values():
        for how, differences in (("lost", one.lost), ("doubled", one.doubled)):
            for difference in differences[:SHOWN]:
                out(f"{outcome.scenario}: {one.name}, {how}: {difference}")
    if outcome.broken:
        out(f"{outcome.scenario}: {outcome.broken}")


def table(outcomes: list[Outcome]) -> str:
    """Scenario, faults that struck, the four equalities."""
    rows: list[tuple[str, ...]] = [("scenario", "seconds", "faults struck", *NAMES)]
    for outcome in outcomes:
        struck = f"{outcome.faults.total()}"
        told = (str(outcome.equalities.get(name, "-")) for name in NAMES)
        rows.append((outcome.scenario, f"{outcome.seconds:.0f}", struck, *told))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    for outcome in outcomes:
        faults = ", ".join(f"{count} {name}" for name, count in sorted(outcome.faults.items()))
        lines.append(f"{outcome.scenario}: {faults}")
    return "\n".join(lines)


def main() -> int:
    """Storm, and say how it went; the result is the exit status."""
    parser = argparse.ArgumentParser(
        prog="./dev storm", description="Lets everything fail while a sample is played."
    )
    told = "; ".join(f"{name}: {kind.__doc__}" for name, kind in SCENARIOS.items())
    choices = (*SCENARIOS, "all")
    parser.add_argument("scenario", choices=choices, metavar="SCENARIO|all", help=told)
    parser.add_argument("--seed", type=int, help="which schedule and story (default: drawn)")
    parser.add_argument(
        "--goal",
        action="store_true",
        help=f"all that is aimed at, into {record.PATH.name}; goes on behind what is there",
    )
    parser.add_argument("--logs", type=Path, help="a folder in which all logs stay")
    options = parser.parse_args()
    if options.logs and options.logs.exists() and any(options.logs.iterdir()):
        parser.error(f"--logs: {options.logs} is not empty; name another folder")
    seed = randrange(10**6) if options.seed is None else options.seed
    wanted = list(SCENARIOS) if options.scenario == "all" else [options.scenario]
    if options.goal:
        wanted = [name for name in wanted if not record.holds(name)]
    out(f"seed {seed}")
    outcomes = []
    with world(options.logs) as made:
        for name in wanted:
            outcomes.append(run(made, name, seed, options.goal))
            tell(outcomes[-1])
            if options.goal:
                record.append(outcomes[-1])
    out(table(outcomes))
    return 0 if all(outcome.holds for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
