"""Do many learners cost more than few? An event, the worker's memory, and deadlines by the hundred
thousand.

One account of ten learners is folded, and then copied in the database until there are enough of
them, each amid a course and with a deadline. Nine of ten events that follow are usage, one is a
module done. Takes about fifteen minutes.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from projections.tables import REBUILT, remembered
from schemas.topics import TIMELINE
from streams.append import open_producer, partition_of
from streams.ticker import append_tick
from tests.bench.arena import Arena, arena, begin, say
from tests.bench.field import ENGINE_POSITIONS
from tests.bench.meter import peak_memory
from tests.bench.race import Failed, Run, await_end, measured, of, worker
from tests.bench.tables import COLUMNS, aligned, cells
from tests.bench.workload import BEGIN, COURSE, METRICS, MODULES, PARTITIONS, Line, record

TOGETHER = 10
"""Learners of an account."""

PATIENCE = timedelta(days=14)
LATER = timedelta(days=5)
"""So long after the first learner begins the many, and a day before them those who are due."""

DUE_AT_ONCE = 10
"""One of so many learners is due when the second tick comes."""

TRAINING = 0.1

ALERTS = "SELECT count(*) FROM alert_versions"

STEPS: tuple[tuple[str, dict[str, object]], ...] = (
    ("person.joined.v1", {"role": "admin"}),
    ("training.enrolled.v1", {"course": COURSE}),
    ("training.started.v1", {"course": COURSE}),
)


@dataclass(frozen=True)
class Crowd:
    """What so many learners came to; seconds from a tick until all that it fires can be read."""

    learners: int
    run: Run
    idle_tick_s: float
    one_due_s: float
    many: int
    many_due_s: float
    memory_then: int


def main() -> int:
    """Measure and print; the result is the exit status."""
    parser = argparse.ArgumentParser(prog="./dev bench crowd", description=__doc__)
    parser.add_argument("--learners", default="10000,1000000", help="how many (%(default)s)")
    parser.add_argument("--events", type=int, default=200_000, help="of those that are timed")
    parser.add_argument(
        "--given", action="store_true", help="on the parts KAFKA_BOOTSTRAP and DATABASE_URL name"
    )
    options = parser.parse_args()
    found: list[Crowd] = []
    with arena(given=options.given) as made:
        faults = made.faults()
        for learners in map(int, options.learners.split(",")):
            try:
                found.append(measure(made, learners, options.events))
            except Failed as fault:
                faults.append(f"{learners:,} learners: {fault}")
    head = ("learners", *COLUMNS, "none due s", "one due s", "many due", "all fired s", "MB then")
    sys.stdout.write(aligned([head, *map(_row, found)]) + "\n")
    sys.stdout.writelines(f"invalid: {fault}\n" for fault in faults)
    said = [asdict(crowd) for crowd in found]
    sys.stdout.write(json.dumps({"crowds": said, "invalid": faults}) + "\n")
    return 1 if faults else 0


def _row(crowd: Crowd) -> tuple[str, ...]:
    return (
        f"{crowd.learners:,}",
        *cells(crowd.run),
        f"{crowd.idle_tick_s:.2f}",
        f"{crowd.one_due_s:.2f}",
        f"{crowd.many:,}",
        f"{crowd.many_due_s:.1f}",
        f"{crowd.memory_then / 1e6:.0f}",
    )


def measure(made: Arena, learners: int, events: int) -> Crowd:
    """Raises `Failed` where an alert is wanting, or comes too early."""
    prefix = made.topics("crowd")
    with made.connect() as server, made.database() as url, of(url) as connection:
        begin(made.settings(prefix, url))
        first = made.fill(prefix, TIMELINE, beginnings())

        def offsets() -> dict[int, int]:
            return dict(connection.execute(ENGINE_POSITIONS).fetchall())

        def ticked(after: timedelta, alerts: int) -> float:
            """Seconds until all was folded; raises `Failed` unless there are so many alerts."""
            ends, began = tick(made, prefix, after)
            await_end([engine], offsets, ends)
            seconds = time.time() - began
            ((found,),) = connection.execute(ALERTS).fetchall()
            if found != alerts:
                raise Failed(f"{found} alerts came of what was due, not {alerts}")
            return seconds

        with worker(made, "engine", prefix, url) as engine:
            await_end([engine], offsets, first)
        due, rest = learners // DUE_AT_ONCE, learners - learners // DUE_AT_ONCE
        say(f"copying {learners:,} learners")
        copy(connection, "due", due // TOGETHER)
        copy(connection, "late", rest // TOGETHER)
        connection.execute("VACUUM ANALYZE")
        say(f"{events:,} events of {rest:,} learners")
        ends = made.fill(prefix, TIMELINE, doings(rest, events))
        with worker(made, "engine", prefix, url) as engine:
            engine.await_partitions()
            run = measured(server, [engine], offsets, ends)
            say("deadlines")
            hours = [LATER + timedelta(days=1, hours=hour) for hour in range(10)]
            idle = min(ticked(after, alerts=0) for after in hours)
            one = ticked(PATIENCE + timedelta(days=1), alerts=1)
            many = ticked(PATIENCE + LATER - timedelta(hours=12), alerts=1 + due)
            memory = peak_memory(engine.process.pid)
    return Crowd(learners, run, idle, one, due, many, memory)


def beginnings() -> Iterator[Line]:
    """One learner, who is due first, and two accounts of which there will be many."""
    number = PARTITIONS
    described: dict[str, object] = {"course": COURSE, "modules": MODULES}
    offered = record(0, "course.described.v1", BEGIN, BEGIN, described)
    for partition in range(PARTITIONS):
        yield Line(partition, "catalogue", offered)
    for kind, learners, at in (
        ("first", 1, BEGIN),
        ("due", TOGETHER, BEGIN + LATER - timedelta(days=1)),
        ("late", TOGETHER, BEGIN + LATER),
    ):
        for learner in range(learners):
            for wire, said in STEPS:
                number += 1
                yield _line(number, wire, at, name(kind, 0), learner, **said)


def doings(learners: int, events: int) -> Iterator[Line]:
    """What some of the late ones do before anybody is due."""
    chance = random.Random(1)
    for number in range(1_000_000, 1_000_000 + events):
        at = BEGIN + LATER + timedelta(milliseconds=20 * (number - 1_000_000))
        account, learner = divmod(chance.randrange(learners), TOGETHER)
        if chance.random() < TRAINING:
            wire, said = "module.completed.v1", {"course": COURSE, "module": MODULES[0]}
        else:
            wire, said = "usage.recorded.v1", {"metric": chance.choice(METRICS), "quantity": "1"}
        yield _line(number, wire, at, name("late", account), learner, **said)


def _line(
    number: int, wire: str, at: datetime, customer: str, learner: int, **said: object
) -> Line:
    data = {"customer": customer, "person": f"{customer}-{learner}", **said}
    return Line(partition_of(customer, PARTITIONS), customer, record(number, wire, at, at, data))


def name(kind: str, account: int) -> str:
    """An account's; people begin with it, so that it stands wherever a row is hers."""
    return f"{kind}-{account:06}"


def copy(connection: psycopg.Connection[Any], kind: str, accounts: int) -> None:
    """Lay an account's rows into every table so many times, under other names."""
    connection.execute("CREATE TEMP TABLE copies (name text, partition int)")
    with connection.cursor().copy("COPY copies FROM STDIN") as rows:
        for account in range(1, accounts):
            rows.write_row((name(kind, account), partition_of(name(kind, account), PARTITIONS)))
    # Whatever names the account, or one of its people, names the copy instead.
    for table in REBUILT:
        if table is not remembered:
            connection.execute(
                SQL(
                    """
                    INSERT INTO {table} SELECT made.*
                    FROM {table} AS stands, copies, jsonb_populate_record(
                        NULL::{table},
                        replace(to_jsonb(stands)::text, %(account)s, copies.name)::jsonb
                            || jsonb_build_object('partition', copies.partition)
                    ) AS made
                    WHERE strpos(to_jsonb(stands)::text, %(account)s) > 0
                    """
                ).format(table=Identifier(table.name)),
                {"account": name(kind, 0)},
            )
    connection.execute("DROP TABLE copies")


def tick(made: Arena, prefix: str, after: timedelta) -> tuple[dict[int, int], float]:
    """Say to each partition how late it is; returns where they end, and when that was said."""
    settings = made.settings(prefix)
    topic, now = settings.topic(TIMELINE), BEGIN + after

    async def say_it() -> tuple[dict[int, int], float]:
        async with open_producer(settings) as producer:
            began = time.time()
            ends = {p: 1 + await append_tick(producer, topic, p, now, 0) for p in range(PARTITIONS)}
            return ends, began

    return asyncio.run(say_it())


if __name__ == "__main__":
    sys.exit(main())
