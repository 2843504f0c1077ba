"""Who is measured, and how is each started, heard and read?"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from deploy.environment import OURS as LAUREL
from deploy.environment import PEERS, Environment
from tests.bench.arena import Arena, begin
from tests.bench.contestants.asked import BEGUN
from tests.bench.workload import PARTITIONS

TABLES = """
    CREATE TABLE usage_totals (
        customer text, metric text, total numeric NOT NULL, events bigint NOT NULL,
        PRIMARY KEY (customer, metric)
    );
    CREATE TABLE positions (partition int PRIMARY KEY, next_offset bigint NOT NULL);
    CREATE TABLE remembered (partition int, day date, packed bytea NOT NULL);
    CREATE INDEX ON remembered (partition, day);
"""


@dataclass(frozen=True)
class Start:
    """What it takes to start one: a command, its environment."""

    command: list[str]
    environment: dict[str, str]


@dataclass(frozen=True)
class Contestant:
    """One that reads the topic.

    `share`: the part of the workload it reads, as the slow ones would take hours for all of it.
    `once`: whether it tells duplicates.
    `positions`: how to ask Postgres for its offsets; none: they are commits in Kafka.
    `totals`: whether it writes any.
    """

    letter: str
    name: str
    start: Callable[[Arena, str, str, str], Start]
    has_begun: Callable[[str], bool]
    positions: str | None
    share: float = 1.0
    once: bool = False
    totals: bool = True


POSITIONS = "SELECT partition, next_offset FROM positions"
ENGINE_POSITIONS = f"{POSITIONS} WHERE app = 'engine'"


def peer(environment: Environment, module: str) -> Callable[[Arena, str, str, str], Start]:
    """A program of ours that uses somebody else's framework."""

    def start(arena: Arena, url: str, prefix: str, group: str) -> Start:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLES)
            for partition in range(PARTITIONS):
                connection.execute("INSERT INTO positions VALUES (%s, 0)", (partition,))
        folder = arena.folder / group
        folder.mkdir()
        return Start(
            [str(environment.program("python")), "-m", f"tests.bench.contestants.{module}"],
            {
                **os.environ,
                "KAFKA_BOOTSTRAP": arena.bootstrap,
                "DATABASE_URL": url,
                "BENCH_TOPIC": f"{prefix}timeline",
                "BENCH_GROUP": group,
                "BENCH_FOLDER": str(folder),
            },
        )

    return start


def laurel(arena: Arena, url: str, prefix: str, _: str) -> Start:
    """Laurel's engine worker as it is."""
    begin(arena.settings(prefix, url))
    command = [str(LAUREL.program("python")), "-m", "streams.cli", "worker", "engine"]
    return Start(command, arena.environment(prefix, url, LAUREL_INSTANCE="bench"))


def says_begun(log: str) -> bool:
    """Whether a peer's first record has come."""
    return BEGUN in log.splitlines()


def is_assigned(log: str) -> bool:
    """Whether a worker has its partitions, and so reads."""
    for line in log.splitlines():
        if line.startswith("{"):
            said = json.loads(line)
            if said.get("event") == "assigned" and said["partitions"]:
                return True
    return False


DECODING = Contestant(
    "-", "Faust, decode only", peer(LAUREL, "faust_decode"), says_begun, None, 0.1, totals=False
)

FIELD = (
    Contestant(
        "a", "Faust, an upsert an event", peer(LAUREL, "faust_each"), says_begun, None, 0.02
    ),
    Contestant("b", "Faust take() + upsert", peer(LAUREL, "faust_take"), says_begun, None, 0.1),
    Contestant("c", "Quix Streams + its sink", peer(PEERS, "quix"), says_begun, None, 0.5),
    Contestant("d", "Bytewax + psycopg", peer(PEERS, "bytewax_flow"), says_begun, POSITIONS),
    Contestant(
        "e", "by hand, exactly once", peer(PEERS, "by_hand"), says_begun, POSITIONS, once=True
    ),
    Contestant("f", "Laurel's engine", laurel, is_assigned, ENGINE_POSITIONS, once=True),
)
