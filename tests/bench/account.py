"""Does an event of a large account cost more than one of a small account?

Ten thousand learners take one course, in accounts of ten and in one account; the engine folds both
by turns into a real Postgres, each round into a database of its own. Two roles are to take it.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from faust.types import TP

from deploy.parts import Postgres
from projections.migrate import migrate
from schemas.envelope import encode_fact
from schemas.facts import (
    CourseDescribed,
    Fact,
    ModuleCompleted,
    OfCustomer,
    PersonJoined,
    RequirementDescribed,
    TrainingCompleted,
    TrainingEnrolled,
    TrainingStarted,
)
from schemas.topics import CATALOGUE, TIMELINE
from streams.database import connect, open_pool
from streams.engine import Engine
from streams.settings import Settings, load
from tests.conftest import Given, Server, empty_database
from tests.streams.folding import SOURCE, Record, a_fact, begin, cut, day, fits

TIMELINE_0 = TP(TIMELINE, 0)
BATCH = 500
SMALL = 10
ROLES = ("admin", "user")


@dataclass(frozen=True)
class Cost:
    """What a round came to, per event: wall time, and CPU time of the engine's process."""

    learners_per_account: int
    events: int
    wall_us: float
    cpu_us: float


def main() -> int:
    """Measure and print; the result is the exit status."""
    parser = argparse.ArgumentParser(prog="./dev bench account", description=__doc__)
    parser.add_argument("--learners", type=int, default=10_000, help="of the large account")
    parser.add_argument("--rounds", type=int, default=3, help="of each; medians are told")
    options = parser.parse_args()
    sizes = (SMALL, options.learners)
    costs: dict[int, list[Cost]] = {size: [] for size in sizes}
    with tempfile.TemporaryDirectory() as home, postgres(Path(home)) as server:
        for number in range(options.rounds):
            for size in sizes:
                with empty_database(server) as database:
                    cost = asyncio.run(measure(database, options.learners, size))
                sys.stderr.write(
                    f"round {number + 1}, accounts of {size}: {cost.wall_us:.0f} µs an event,"
                    f" {cost.cpu_us:.0f} µs of them on the engine's CPU\n"
                )
                costs[size].append(cost)
    medians = [
        Cost(
            size,
            costs[size][0].events,
            round(statistics.median(cost.wall_us for cost in costs[size]), 1),
            round(statistics.median(cost.cpu_us for cost in costs[size]), 1),
        )
        for size in sizes
    ]
    small, large = medians
    found = {
        "medians": [asdict(median) for median in medians],
        "large_to_small": {
            "wall": round(large.wall_us / small.wall_us, 2),
            "cpu": round(large.cpu_us / small.cpu_us, 2),
        },
    }
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0


@contextmanager
def postgres(home: Path) -> Iterator[Server]:
    """A server: the one that `DATABASE_URL` names, else one of our own."""
    if given := os.environ.get("DATABASE_URL"):
        yield Given(url=given)
        return
    home.chmod(0o755)
    server = Postgres(home / "postgres", scratch=True)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def measure(database: str, learners: int, size: int) -> Cost:
    """Fold the directory, then what the learners do, and time the latter."""
    settings = begun(database)
    known, done = told(learners, size)
    async with open_pool(settings, size=1) as pool:
        engine = Engine(settings, pool, fits)
        await fold(engine, known)
        wall, cpu = time.perf_counter(), time.process_time()
        await fold(engine, done)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    check(settings, learners)
    return Cost(size, len(done), wall / len(done) * 1e6, cpu / len(done) * 1e6)


def begun(database: str) -> Settings:
    """A database in which nothing is folded yet."""
    migrate(database)
    settings = load({"DATABASE_URL": database, "LAUREL_PARTITIONS": "1"})
    begin(settings)
    return settings


def told(learners: int, size: int) -> tuple[list[Record], list[Record]]:
    """What the directory says of accounts of this size, and what their learners do then."""
    people = [(f"c{number // size}", f"p{number}") for number in range(learners)]
    known, done = records(directory(people), 0), records(training(people), 1)
    return known, [Record(len(known) + r.offset, r.timestamp, r.key, r.value) for r in done]


async def fold(engine: Engine, records: list[Record]) -> None:
    for batch in cut(records, BATCH):
        await engine.work(TIMELINE_0, batch, sought=False)


def check(settings: Settings, learners: int) -> None:
    """Every learner counts as done, in teams of every account."""
    with connect(settings) as connection:
        row = connection.execute(
            "SELECT sum(met) FROM team_targets WHERE role = 'any' AND level = 'any'"
            " AND target_kind = 'course'"
        ).fetchone()
    assert row == (learners,), row


def records(facts: list[Fact], on: float) -> list[Record]:
    """These facts as they lie on the timeline, appended on a day."""
    taken = int(day(on).timestamp() * 1000)
    return [
        Record(
            offset,
            taken,
            (fact.customer if isinstance(fact, OfCustomer) else CATALOGUE).encode(),
            encode_fact(fact, SOURCE, fact.cause.partition("#")[2]),
        )
        for offset, fact in enumerate(facts)
    ]


def directory(people: list[tuple[str, str]]) -> list[Fact]:
    """A course, a requirement for each role, and everyone's joining."""
    told: list[Fact] = [a_fact(CourseDescribed, -2, "course", course="admin", modules=("m1",))]
    for role in ROLES:
        asked = {"requirement": f"r-{role}", "role": role, "course": "admin"}
        told.append(a_fact(RequirementDescribed, -2, f"r-{role}", **asked))
    for number, (customer, person) in enumerate(people):
        whose = {"customer": customer, "person": person, "role": ROLES[number % len(ROLES)]}
        told.append(a_fact(PersonJoined, -1, f"joins {person}", **whose))
    return told


def training(people: list[tuple[str, str]]) -> list[Fact]:
    """Each learner enrols, starts, does the module and completes; whoever, in a seeded order."""
    steps: list[tuple[type[Fact], dict[str, object]]] = [
        (TrainingEnrolled, {}),
        (TrainingStarted, {}),
        (ModuleCompleted, {"module": "m1"}),
        (TrainingCompleted, {"score": 80}),
    ]
    order = list(range(len(people))) * len(steps)
    random.Random(1).shuffle(order)
    come = [0] * len(people)
    told: list[Fact] = []
    for number in order:
        customer, person = people[number]
        kind, more = steps[come[number]]
        whose = {"customer": customer, "person": person, "course": "admin", **more}
        told.append(a_fact(kind, come[number] / 100, f"{come[number]} {person}", **whose))
        come[number] += 1
    return told


if __name__ == "__main__":
    sys.exit(main())
