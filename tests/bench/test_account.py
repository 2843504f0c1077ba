"""Is as much read and written for an event of a large account as for one of a small one?

How long that takes is for a quiet machine, and `./dev bench account`.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

import pytest

from projections.rows import Rows
from projections.store import StateKey, Store, Stored, Written
from streams import engine as engines
from streams.database import open_pool
from streams.engine import Engine
from tests.bench.account import TIMELINE_0, begun, fold, told
from tests.conftest import Server, empty_database
from tests.streams.folding import fits

LEARNERS, SMALL, LARGE = 40, 5, 40


def test_it_folds_the_same_events_into_small_and_large_accounts(postgres: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.account", "--learners", "40", "--rounds", "1"],
        env={**os.environ, "DATABASE_URL": postgres.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    medians = json.loads(done.stdout)["medians"]
    assert [(m["learners_per_account"], m["events"]) for m in medians] == [(10, 160), (40, 160)]
    assert all(m["wall_us"] >= m["cpu_us"] > 0 for m in medians)


class Counting(Store):
    """The engine's tables, and how much of them was asked for and written."""

    spent: ClassVar[Counter[str]] = Counter()

    async def load(self, keys: Collection[StateKey]) -> list[Stored]:
        found = await super().load(keys)
        self.spent["states read"] += len(found)
        self.spent["bytes read"] += sum(len(one.state) for one in found)
        return found

    async def keys(self, handler: str, start: str) -> list[str]:
        found = await super().keys(handler, start)
        self.spent["keys read"] += len(found)
        return found

    async def write_states(self, states: Sequence[Written]) -> None:
        self.spent["states written"] += len(states)
        self.spent["bytes written"] += sum(len(one.state) for one in states)
        await super().write_states(states)

    async def write_rows(self, rows: Iterable[Rows]) -> None:
        groups = list(rows)
        self.spent["rows written"] += sum(len(group.rows) for group in groups)
        await super().write_rows(groups)


async def spent(database: str, size: int) -> Counter[str]:
    """What learners cost, each event in a transaction of an engine that knows nothing yet."""
    settings = begun(database)
    known, done = told(LEARNERS, size)
    async with open_pool(settings, size=1) as pool:
        await fold(Engine(settings, pool, fits), known)
        Counting.spent.clear()
        for record in done:
            await Engine(settings, pool, fits).work(TIMELINE_0, [record], sought=False)
    return Counting.spent.copy()


def test_an_event_of_a_large_account_reads_and_writes_no_more(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "Store", Counting)
    found = []
    for size in (SMALL, LARGE):
        with empty_database(postgres) as url:
            found.append(asyncio.run(spent(url, size)))
    small, large = found
    assert small.keys() == large.keys()
    assert small["states read"] > 4 * LEARNERS < small["states written"]
    # Counts of a large account have a digit more, here and there.
    digits = {"bytes read": 1.02, "bytes written": 1.02}
    assert {
        name: large[name] for name in large if large[name] > small[name] * digits.get(name, 1)
    } == {}, found
