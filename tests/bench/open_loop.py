"""Sends a workload at a steady rate, whether or not anybody keeps up, and says when it meant to.

What is sent late counts from when it was to be sent, so that waiting is not left out.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from streams.append import open_producer
from streams.settings import Settings, load
from tests.bench.arena import send
from tests.bench.workload import PROBE, Line, read

SLOT = 0.01
"""Seconds between two times of sending; each sends all that is due."""


def main() -> None:
    """Send, and print when each probe was due and how late the latest was sent."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.open_loop", description=__doc__)
    parser.add_argument("workload", type=Path)
    parser.add_argument("topic")
    parser.add_argument("--rate", type=float, required=True, help="records a second")
    parser.add_argument("--skip", type=int, default=0, help="the first so many")
    options = parser.parse_args()
    lines = list(read(options.workload))[options.skip :]
    due, late = asyncio.run(flow(load(), options.topic, lines, options.rate))
    sys.stdout.write(json.dumps({"due": due, "late": late}) + "\n")


async def flow(
    settings: Settings, topic: str, lines: list[Line], rate: float
) -> tuple[dict[str, float], float]:
    """When each probe was due, as seconds since 1970, and the most that one was sent late."""
    late, sent = 0.0, 0
    async with open_producer(settings) as producer, asyncio.TaskGroup() as sending:
        began = time.time()
        while sent < len(lines):
            elapsed = time.time() - began
            ripe = min(len(lines), int(elapsed * rate))
            if ripe > sent:
                late = max(late, elapsed - sent / rate)
                # Whoever waits for its acknowledgement keeps none behind it from being sent.
                sending.create_task(send(producer, topic, lines[sent:ripe]))
                sent = ripe
            await asyncio.sleep(SLOT)
    due = {
        line.key: began + number / rate
        for number, line in enumerate(lines)
        if line.key.startswith(PROBE)
    }
    return due, late


if __name__ == "__main__":
    main()
