"""How much faster is a rebuild than the worker it repeats?

An engine worker folds the whole timeline as fast as it can, which is the live rate at its highest.
Then `laurel rebuild` folds it again, and must say that nothing is other than before. Takes about
five minutes.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

from deploy.environment import ROOT, program
from schemas.topics import TIMELINE
from tests.bench import oracle, workload
from tests.bench.arena import Arena, arena, begin, say
from tests.bench.field import ENGINE_POSITIONS
from tests.bench.race import Course, Failed, measured, of, rows, worker
from tests.bench.tables import aligned
from tests.bench.workload import Shape

SAME = "it is in place, and says what was there before"


@dataclass(frozen=True)
class Rates:
    """Events a second; a rebuild's from its start as a process to its end."""

    live: float
    rebuilt: float


def main() -> int:
    """Measure and print; the result is the exit status."""
    parser = argparse.ArgumentParser(prog="./dev bench replay", description=__doc__)
    parser.add_argument("--events", type=int, default=600_000, help="of the workload")
    parser.add_argument("--rounds", type=int, default=3, help="medians are told")
    parser.add_argument(
        "--given", action="store_true", help="on the parts KAFKA_BOOTSTRAP and DATABASE_URL name"
    )
    options = parser.parse_args()
    found: list[Rates] = []
    with arena(given=options.given) as made:
        faults = made.faults()
        path = made.folder / "workload"
        say(f"writing {options.events:,} events")
        workload.write(path, Shape(options.events))
        wanted = oracle.totals(path, options.events, once=True)
        prefix = made.topics("replay")
        course = Course(prefix, options.events, made.fill(prefix, TIMELINE, workload.read(path)))
        for number in range(options.rounds):
            try:
                rates = twice(made, course, wanted)
            except Failed as fault:
                faults.append(str(fault))
                continue
            found.append(rates)
            say(f"round {number + 1}: {rates.live:,.0f} live, {rates.rebuilt:,.0f} rebuilt")
    if found:
        live = statistics.median(rates.live for rates in found)
        rebuilt = statistics.median(rates.rebuilt for rates in found)
        head = ("events", "live events/s", "rebuilt events/s", "ratio")
        told = (f"{options.events:,}", f"{live:,.0f}", f"{rebuilt:,.0f}", f"{rebuilt / live:.2f}")
        sys.stdout.write(aligned([head, told]) + "\n")
    sys.stdout.writelines(f"invalid: {fault}\n" for fault in faults)
    said = [asdict(rates) for rates in found]
    sys.stdout.write(json.dumps({"rates": said, "invalid": faults}) + "\n")
    return 1 if faults else 0


def twice(made: Arena, course: Course, wanted: oracle.Totals) -> Rates:
    """Fold a course, and again; raises `Failed` where the second says other than the first."""
    with made.connect() as server, made.database() as url:
        settings = made.settings(course.prefix, url)
        begin(settings)
        with worker(made, "engine", course.prefix, url) as engine, of(url) as connection:
            engine.await_partitions()
            live = measured(
                server,
                [engine],
                lambda: dict(connection.execute(ENGINE_POSITIONS).fetchall()),
                course.ends,
            )
        began = time.monotonic()
        done = subprocess.run(
            [str(program("laurel")), "rebuild"],
            env=made.environment(course.prefix, url),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        if SAME not in done.stdout.splitlines():
            raise Failed(f"the rebuild says {done.stdout}{done.stderr}")
        if wrong := oracle.differences(wanted, rows(url)):
            raise Failed(f"wrong rows: {'; '.join(wrong)}")
    return Rates(live.events_per_second, sum(course.ends.values()) / seconds)


if __name__ == "__main__":
    sys.exit(main())
