"""What does it cost to bring an event from an intake topic to the timeline?

Ten thousand people of two thousand customers are in the directory; then a worker forwards usage,
and then training, from topics that were full before. Takes about two minutes.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict

import psycopg

from projections.migrate import migrate
from schemas.topics import DIRECTORY, TIMELINE, TRAINING, USAGE
from streams import topics
from tests.bench import producers
from tests.bench.arena import Arena, arena, say
from tests.bench.race import Failed, Run, await_end, measured, worker
from tests.bench.tables import COLUMNS, aligned, cells, median


def main() -> int:
    """Measure and print; the result is the exit status."""
    parser = argparse.ArgumentParser(prog="./dev bench intake", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="of usage; half of training")
    parser.add_argument("--customers", type=int, default=2000, help="each has five people")
    parser.add_argument("--rounds", type=int, default=3, help="medians are told")
    parser.add_argument(
        "--given", action="store_true", help="on the parts KAFKA_BOOTSTRAP and DATABASE_URL name"
    )
    options = parser.parse_args()
    runs: dict[str, list[Run]] = {"usage": [], "training": []}
    with arena(given=options.given) as made:
        faults = made.faults()
        for number in range(options.rounds):
            try:
                for name, run in forward(made, options.customers, options.events).items():
                    runs[name].append(run)
                    say(f"round {number + 1}, {name}: {run.app_us:.1f} µs of CPU an event")
            except Failed as fault:
                faults.append(str(fault))
    rows = [(name, *cells(median(each))) for name, each in runs.items() if each]
    sys.stdout.write(aligned([("", *COLUMNS), *rows]) + "\n")
    sys.stdout.writelines(f"invalid: {fault}\n" for fault in faults)
    told = {name: [asdict(run) for run in each] for name, each in runs.items()}
    sys.stdout.write(json.dumps({"runs": told, "invalid": faults}) + "\n")
    return 1 if faults else 0


def forward(made: Arena, customers: int, events: int) -> dict[str, Run]:
    """What usage and training cost, in a database and topics of their own; raises `Failed`."""
    prefix = made.topics("intake")
    found: dict[str, Run] = {}
    with made.database() as url, made.connect() as server:
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            topics.begin_positions(made.settings(prefix, url), connection)
        known = made.fill(prefix, DIRECTORY, producers.directory(customers))
        with worker(made, "intake", prefix, url) as process:
            await_end([process], positions(made, prefix, url, DIRECTORY), known)
        for name, topic, told, count in (
            ("usage", USAGE, producers.usage, events),
            ("training", TRAINING, producers.training, events // 2),
        ):
            before = length(made, prefix)
            ends = made.fill(prefix, topic, told(customers, count))
            with worker(made, "intake", prefix, url) as process:
                process.await_partitions()
                offsets = positions(made, prefix, url, topic)
                found[name] = measured(server, [process], offsets, ends)
            if (forwarded := length(made, prefix) - before) != count:
                raise Failed(f"{forwarded} of {count} events of {name} came to the timeline")
    return found


def positions(made: Arena, prefix: str, url: str, topic: str) -> Callable[[], dict[int, int]]:
    """How far intake has come in a topic."""
    name = made.settings(prefix).topic(topic)

    def ask() -> dict[int, int]:
        with psycopg.connect(url, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT partition, next_offset FROM positions WHERE app = 'intake' AND topic = %s",
                (name,),
            ).fetchall()
        return dict(rows)

    return ask


def length(made: Arena, prefix: str) -> int:
    """How many records lie on the timeline."""
    extents = topics.extents(made.settings(prefix), TIMELINE)
    return sum(extent.end for extent in extents.values())


if __name__ == "__main__":
    sys.exit(main())
