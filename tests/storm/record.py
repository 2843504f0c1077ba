"""What did the long storms come to, and which need not be repeated? One JSON line each, kept."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tests.storm.equality import Equality

PATH = Path(__file__).with_name("record.jsonl")


class Outcome(Protocol):
    """What came of a scenario."""

    scenario: str
    seed: int
    seconds: float
    broken: str

    @property
    def faults(self) -> Mapping[str, int]: ...
    @property
    def equalities(self) -> Mapping[str, Equality]: ...
    @property
    def holds(self) -> bool: ...


def holds(scenario: str) -> bool:
    """Whether its last entry says that it held, at this commit."""
    if not PATH.exists():
        return False
    entries = [json.loads(line) for line in PATH.read_text().splitlines()]
    last = [entry for entry in entries if entry["scenario"] == scenario][-1:]
    return bool(last) and last[0]["holds"] and last[0]["commit"] == commit()


def append(outcome: Outcome) -> None:
    """Write down what a scenario came to."""
    entry = {
        "scenario": outcome.scenario,
        "seed": outcome.seed,
        "commit": commit(),
        "seconds": outcome.seconds,
        "faults": dict(sorted(outcome.faults.items())),
        "equalities": {name: str(one) for name, one in outcome.equalities.items()},
        "broken": outcome.broken,
        "holds": outcome.holds,
    }
    with PATH.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def commit() -> str:
    """The commit that is tried, of everything but the record."""
    command = ["git", "log", "-1", "--format=%h", "--", ":/", f":(exclude){PATH}"]
    done = subprocess.run(command, cwd=PATH.parent, capture_output=True, text=True, check=True)
    return done.stdout.strip()
