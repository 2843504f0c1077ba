"""Sends a workload at a steady rate, whether or not anybody keeps up, and says when it meant to.

What is sent late counts from when it was to be sent, so that waiting is not left out.
"""

import argparse
import asyncio
import json
import sys
import time
from bisect import bisect
from pathlib import Path

from aiokafka import AIOKafkaProducer

from streams.append import open_producer
from streams.settings import Settings, load
from tests.bench.arena import send
from tests.bench.workload import PROBE, Line, read

PATIENCE = 60
"""Seconds behind at which the rate is one that this broker cannot take."""

SLOT = 0.01
"""Seconds after which a partition with nothing due looks again."""


def main() -> None:
    """Send, and print when each probe was due and how late the latest was sent."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.open_loop", description=__doc__)
    parser.add_argument("workload", type=Path)
    parser.add_argument("topic")
    parser.add_argument("--rate", type=float, required=True, help="records a second")
    parser.add_argument("--past", type=int, default=0, help="so many that are there already")
    options = parser.parse_args()
    lines = list(read(options.workload))[options.past :]
    due, late = asyncio.run(flow(load(), options.topic, lines, options.rate))
    sys.stdout.write(json.dumps({"due": due, "late": late}) + "\n")


async def flow(
    settings: Settings, topic: str, lines: list[Line], rate: float
) -> tuple[dict[str, float], float]:
    """When each probe was due, as seconds since 1970, and the most that one was sent late."""
    shares: dict[int, list[tuple[float, Line]]] = {}
    for number, line in enumerate(lines):
        shares.setdefault(line.partition, []).append((number / rate, line))
    async with open_producer(settings) as producer:
        began = time.time()
        late = await asyncio.gather(
            *(_one(producer, topic, share, began) for share in shares.values())
        )
    due = {
        line.key: began + at
        for share in shares.values()
        for at, line in share
        if line.key.startswith(PROBE)
    }
    return dict(sorted(due.items(), key=lambda one: one[1])), max(late)


async def _one(
    producer: AIOKafkaProducer, topic: str, share: list[tuple[float, Line]], began: float
) -> float:
    """Send one partition's, all that is due at a time; returns how late the latest was sent."""
    times = [at for at, _ in share]
    deadline = times[-1] + PATIENCE
    sent, late = 0, 0.0
    while sent < len(share):
        elapsed = time.time() - began
        if elapsed > deadline:
            raise TimeoutError(f"{topic}: the broker is {PATIENCE} s behind; ask for a lower rate")
        ripe = bisect(times, elapsed)
        if ripe == sent:
            await asyncio.sleep(SLOT)
            continue
        late = max(late, elapsed - times[sent])
        await send(producer, topic, [line for _, line in share[sent:ripe]])
        sent = ripe
    return late


if __name__ == "__main__":
    main()
