"""How fast is Laurel's engine, beside what others would use for its bulk?

Everyone reads the same usage and training from one real broker and adds usage up in one Postgres
that waits for its disk; Laurel folds the training too. An event counts once its offset and effects
are durable, and a run only if its rows are the oracle's. Takes about ten minutes.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from schemas.topics import TIMELINE
from tests.bench import lateness, oracle, workload
from tests.bench.arena import Arena, arena, say
from tests.bench.field import DECODING, FIELD, Contestant
from tests.bench.oracle import Totals
from tests.bench.race import Course, Failed, race
from tests.bench.tables import Found, ratios, table, write_json
from tests.bench.workload import Shape

QUIET = (60.0, 110.0)
"""µs of CPU that a stock Faust takes to decode an event, on a machine left alone."""

FASTEST = 40_000.0
"""Events a second that are sent at most: the sender shares the machine."""


def main() -> int:
    """Measure and print; the result is the exit status."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    letters = "".join(one.letter for one in FIELD)
    parser.add_argument("--events", type=int, default=1_200_000, help="of the workload")
    parser.add_argument("--rounds", type=int, default=3, help="of each; medians are told")
    parser.add_argument("--seed", type=int, default=1, help="of the workload")
    parser.add_argument("--training", type=float, default=0.1, help="part of the workload")
    parser.add_argument("--only", default=letters, help=f"some of {letters}")
    parser.add_argument(
        "--seconds", type=float, default=15, help="of each at half its load, for latency; 0: none"
    )
    parser.add_argument("--json", type=Path, help="where all figures go too")
    parser.add_argument(
        "--given", action="store_true", help="on the parts KAFKA_BOOTSTRAP and DATABASE_URL name"
    )
    options = parser.parse_args()
    wanted = [one for one in FIELD if one.letter in options.only]
    with arena(given=options.given) as made:
        shape = Shape(options.events, options.seed, training=options.training)
        found = compete(made, wanted, shape, options.rounds)
        if options.seconds:
            for one, said in found.items():
                late(made, one, said, options.seconds)
        faults = made.faults()
    faults += busy(found[DECODING])
    faults += [f"{one.letter}: {said.fault}" for one, said in found.items() if said.fault]
    say("")
    sys.stdout.write(table(found) + "\n")
    sys.stdout.writelines(f"{line}\n" for line in ratios(found))
    sys.stdout.writelines(f"invalid: {fault}\n" for fault in faults)
    if options.json:
        write_json(options.json, vars(options), found, faults)
    return 1 if faults else 0


def compete(
    made: Arena, wanted: Iterable[Contestant], shape: Shape, rounds: int
) -> dict[Contestant, Found]:
    """Run everyone by turns, the stock Faust first."""
    path = made.folder / "workload"
    say(f"writing {shape.events:,} events, seed {shape.seed}")
    workload.write(path, shape)
    runs: dict[Contestant, Found] = {one: Found() for one in (DECODING, *wanted)}
    courses: dict[int, Course] = {}
    totals: dict[tuple[int, bool], Totals] = {}
    for one, each in runs.items():
        events = max(workload.PARTITIONS, int(shape.events * one.share))
        if events not in courses:
            say(f"filling a topic with {events:,} events")
            prefix = made.topics(f"{events}")
            ends = made.fill(prefix, TIMELINE, workload.read(path, events))
            courses[events] = Course(prefix, events, ends)
        each.course = courses[events]
        if one.totals and (events, one.once) not in totals:
            totals[events, one.once] = oracle.totals(path, events, once=one.once)
    for number in range(rounds):
        for one, found in runs.items():
            course = found.course
            assert course is not None
            if found.fault:
                continue
            try:
                wanted_rows = totals[course.events, one.once] if one.totals else None
                run = race(made, one, course, wanted_rows)
            except Failed as fault:
                found.fault = str(fault)
                say(found.fault)
                continue
            found.runs.append(run)
            say(
                f"round {number + 1}, {one.letter} {one.name}: {run.events_per_second:,.0f} events"
                f" a second, {run.app_us:.1f} µs of CPU each, {run.postgres_us:.1f} of Postgres"
            )
    return runs


def late(made: Arena, one: Contestant, found: Found, seconds: float) -> None:
    """Its latency at half of what it came to, if it writes rows."""
    if one.totals and not found.fault:
        rate = min(found.median.events_per_second / 2, FASTEST)
        say(f"{one.letter} {one.name}: {rate:,.0f} events a second for {seconds:.0f} s")
        try:
            found.lateness = lateness.measure(made, one, rate, seconds)
        except Failed as fault:
            found.fault = str(fault)


def busy(decoding: Found) -> list[str]:
    """Whether the machine had other things to do."""
    if decoding.fault:
        return [f"the stock Faust: {decoding.fault}"]
    spent, (least, most) = decoding.median.app_us, QUIET
    if least <= spent <= most:
        return []
    return [
        f"the machine is too busy: a stock Faust takes {spent:.0f} µs of CPU to decode an event,"
        f" not {least:.0f} to {most:.0f}"
    ]


if __name__ == "__main__":
    sys.exit(main())
