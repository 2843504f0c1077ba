"""How does a test rebuild, and tell what was there before from what was made?"""

import asyncio
import random
import subprocess
import sys
from datetime import UTC, datetime

from streams.settings import load
from tests.streams.folding import cut, fold, records_of
from tests.streams.system import Running, System

COMMAND = [sys.executable, "-m", "streams.cli", "rebuild"]

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def rebuild(system: System, *words: object, **env: str) -> subprocess.CompletedProcess[str]:
    """One that is to end by itself."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        env={**system.env, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def rebuilding(system: System, *words: object, **env: str) -> Running:
    """One that is under way."""
    number = len(list(system.folder.iterdir()))
    running = Running(
        "rebuild",
        [*COMMAND, *map(str, words)],
        {**system.env, **env},
        system.folder / f"rebuild-{number}.log",
    )
    system.workers.append(running)
    return running


def fold_here(system: System, seed: int = 1, size: int = 7) -> None:
    """Fold what lies on the timeline and relay nothing; partitions take turns as chance has it."""
    waiting = {tp: cut(found, size) for tp, found in records_of(system).items()}
    chance = random.Random(seed)
    turns = [tp for tp, batches in waiting.items() for _ in batches]
    chance.shuffle(turns)

    async def take_turns() -> None:
        for tp in turns:
            await fold(load(system.env), {tp: [waiting[tp].pop(0)]})

    asyncio.run(take_turns())


def disturb(system: System) -> None:
    """Let every row of two tables say what a rebuild would not, with nothing else touched."""
    with system.connect() as connection, connection.transaction():
        connection.execute("UPDATE live.training SET updated_at = %s", (LONG_AGO,))
        connection.execute("UPDATE live.alerts SET rule_version = 99")


DISTURBED = """
-- is what the views say as it was disturbed? (one answer for each kind of row that they show)
SELECT DISTINCT updated_at = '2000-01-01Z' FROM user_training
UNION SELECT DISTINCT rule_version = 99 FROM alert_log
"""


def generations(system: System) -> list[int]:
    """How often each partition was put in place."""
    query = "SELECT generation FROM positions WHERE app = 'engine' ORDER BY partition"
    return [row[0] for row in system.rows(query)]
