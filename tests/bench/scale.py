"""What do more engine workers bring on one machine, and what limits them?

One, two and four fold the same timeline; what counts begins when all of them have partitions.
Takes about four minutes.
"""

import argparse
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict

from schemas.topics import TIMELINE
from tests.bench import oracle, workload
from tests.bench.arena import Arena, arena, begin, say
from tests.bench.field import ENGINE_POSITIONS
from tests.bench.race import Course, Failed, Run, measured, of, rows, worker
from tests.bench.tables import COLUMNS, aligned, cells, median
from tests.bench.workload import Shape


def main() -> int:
    """Measure and print; the result is the exit status."""
    parser = argparse.ArgumentParser(prog="./dev bench scale", description=__doc__)
    parser.add_argument("--events", type=int, default=1_200_000, help="of the workload")
    parser.add_argument("--workers", default="1,2,4", help="how many at a time (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each; medians are told")
    parser.add_argument(
        "--given", action="store_true", help="on the parts KAFKA_BOOTSTRAP and DATABASE_URL name"
    )
    options = parser.parse_args()
    runs: dict[int, list[Run]] = {int(one): [] for one in options.workers.split(",")}
    with arena(given=options.given) as made:
        faults = made.faults()
        path = made.folder / "workload"
        say(f"writing {options.events:,} events")
        workload.write(path, Shape(options.events))
        wanted = oracle.totals(path, options.events, once=True)
        prefix = made.topics("scale")
        course = Course(prefix, options.events, made.fill(prefix, TIMELINE, workload.read(path)))
        for number in range(options.rounds):
            for count, each in runs.items():
                try:
                    run = together(made, course, count, wanted)
                except Failed as fault:
                    faults.append(f"{count} workers: {fault}")
                    continue
                each.append(run)
                say(f"round {number + 1}, {count} workers: {run.events_per_second:,.0f} events/s")
    head = ("workers", *COLUMNS, "CPUs used of them", "of Postgres")
    told = [(str(count), *_row(median(each))) for count, each in runs.items() if each]
    sys.stdout.write(aligned([head, *told]) + "\n")
    sys.stdout.write(f"on {os.cpu_count()} CPUs, which the broker shares\n")
    sys.stdout.writelines(f"invalid: {fault}\n" for fault in faults)
    said = {count: [asdict(run) for run in each] for count, each in runs.items()}
    sys.stdout.write(json.dumps({"runs": said, "invalid": faults}) + "\n")
    return 1 if faults else 0


def _row(run: Run) -> tuple[str, ...]:
    used = (run.app_us * run.events_per_second, run.postgres_us * run.events_per_second)
    return (*cells(run), *(f"{spent / 1e6:.2f}" for spent in used))


def together(made: Arena, course: Course, count: int, wanted: oracle.Totals) -> Run:
    """So many workers on the course; raises `Failed` unless the rows are as wanted."""
    with made.connect() as server, made.database() as url:
        begin(made.settings(course.prefix, url))
        with ExitStack() as stack, of(url) as connection:
            workers = [
                stack.enter_context(
                    worker(made, "engine", course.prefix, url, LAUREL_INSTANCE=f"bench-{number}")
                )
                for number in range(count)
            ]
            for process in workers:
                process.await_partitions()

            def offsets() -> dict[int, int]:
                return dict(connection.execute(ENGINE_POSITIONS).fetchall())

            run = measured(server, workers, offsets, course.ends)
        if wrong := oracle.differences(wanted, rows(url)):
            raise Failed(f"wrong rows: {'; '.join(wrong)}")
    return run


if __name__ == "__main__":
    sys.exit(main())
