"""How long after an event is its row there to be read, at a steady rate?

Postgres notes when each transaction was committed; a probe's row is written by one alone.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from deploy.environment import ROOT
from schemas.topics import TIMELINE
from streams import topics
from tests.bench import workload
from tests.bench.arena import Arena
from tests.bench.field import Contestant
from tests.bench.race import Failed, await_end, looking, of, running
from tests.bench.workload import PARTITIONS, PROBE, Shape

WARM_UP = 0.2
"""The first part of the probes is not counted."""

SENDER = (sys.executable, "-m", "tests.bench.open_loop")

FEW = 100_000
"""Below so many events every tenth is a probe, else there are too few of them."""


@dataclass(frozen=True)
class Lateness:
    """Seconds from when events were due to be sent until their rows were committed."""

    rate: float
    events: int
    probes: int
    p50: float
    p99: float
    sent_late: float


def measure(arena: Arena, contestant: Contestant, rate: float, seconds: float) -> Lateness:
    """Send so many events a second for so long; raises `Failed`."""
    events = int(rate * seconds) + 2 * PARTITIONS
    path = arena.folder / f"open-{next(arena.names)}"
    workload.write(path, Shape(events, seed=2, probe_each=10 if events < FEW else 100))
    prefix = arena.topics(f"{contestant.letter}-open")
    group, topic = f"{prefix}group", f"{prefix}{TIMELINE}"
    # Whoever has folded the first records of each partition is ready for more.
    past = 2 * PARTITIONS
    first = arena.fill(prefix, TIMELINE, islice(workload.read(path), past))
    with arena.database() as url, running(arena, contestant, url, prefix, group) as process:
        with looking(arena, contestant, url, group, topic) as offsets:
            await_end([process], offsets, first)
            sent = send(arena, prefix, path, rate, past)
            await_end([process], offsets, sent.ends)
        there = committed(url)
    path.unlink()
    waits = waited(sent.due, there)
    p50, p99 = statistics.median(waits), quantile(waits, 0.99)
    return Lateness(rate, events, len(waits), p50, p99, sent.late)


@dataclass(frozen=True)
class Sent:
    """When each probe was due, how late the latest record was sent, and where the topic ends."""

    due: dict[str, float]
    late: float
    ends: dict[int, int]


def send(arena: Arena, prefix: str, path: Path, rate: float, past: int = 0) -> Sent:
    """Send a workload to the timeline at this rate, by a process of its own."""
    settings = arena.settings(prefix)
    done = subprocess.run(
        [*SENDER, str(path), settings.topic(TIMELINE), "--rate", str(rate), "--past", str(past)],
        env=arena.environment(prefix),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"the sender ended with status {done.returncode}: {done.stderr}")
    said = json.loads(done.stdout)
    ends = {p: extent.end for p, extent in topics.extents(settings, TIMELINE).items()}
    return Sent(said["due"], said["late"], ends)


def waited(due: Mapping[str, float], there: Mapping[str, float]) -> list[float]:
    """Seconds from when each was due until it was there; raises `Failed` for a lost one."""
    counted = list(due.items())[int(len(due) * WARM_UP) :]
    if lost := [probe for probe, _ in counted if probe not in there]:
        raise Failed(f"{len(lost)} of {len(counted)} probes came to nothing, such as {lost[0]}")
    return sorted(there[probe] - at for probe, at in counted)


def committed(url: str) -> dict[str, float]:
    """When each probe's row was committed, as seconds since 1970."""
    with of(url) as connection:
        rows = connection.execute(
            """
            -- when could the row of each probe be read?
            SELECT customer, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float
            FROM usage_totals WHERE customer LIKE %s
            """,
            (f"{PROBE}%",),
        ).fetchall()
    return dict(rows)


def quantile(ordered: list[float], part: float) -> float:
    """The least value that at least this part of them does not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
