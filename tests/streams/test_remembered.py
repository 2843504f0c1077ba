"""Is an event known again for seven days, also after a restart, and no longer?"""

import asyncio
import os
import random
from datetime import date, timedelta

import psycopg
import pytest

from projections.migrate import migrate
from projections.store import Store
from streams.remembered import Remembered, fingerprint

DAY = date(2026, 1, 5)


def after(days: int) -> date:
    return DAY + timedelta(days=days)


def ids(number: int, name: str = "e") -> list[bytes]:
    return [fingerprint("urn:lms:test", f"{name}{i}") for i in range(number)]


def test_an_id_is_known_for_seven_days_and_no_longer() -> None:
    (one, other) = ids(2)
    known = Remembered(cap=10)
    assert not known.is_repeat(one, DAY)
    assert known.is_repeat(one, DAY)
    assert known.is_repeat(one, after(7))
    assert not known.is_repeat(other, after(7))
    assert not known.is_repeat(one, after(8))
    assert known.is_repeat(other, after(8))


def test_source_and_id_are_told_apart() -> None:
    assert fingerprint("a", "bc") != fingerprint("ab", "c")


def test_beyond_the_cap_the_oldest_day_goes_and_is_counted() -> None:
    known = Remembered(cap=5)
    for on, name in ((DAY, "a"), (after(1), "b")):
        for one in ids(2, name):
            assert not known.is_repeat(one, on)
    known.take_changes()
    assert not any(known.is_repeat(one, after(2)) for one in ids(2, "c"))
    changes = known.take_changes()
    assert (changes.gone, changes.forgotten) == ({DAY}, 2)
    assert all(known.is_repeat(one, after(2)) for one in ids(2, "b"))
    assert not known.is_repeat(ids(2, "a")[0], after(2))


def test_one_day_alone_goes_over_the_cap_too() -> None:
    known = Remembered(cap=3)
    assert not any(known.is_repeat(one, DAY) for one in ids(4))
    changes = known.take_changes()
    assert changes.forgotten == 3
    assert changes.fresh == {DAY: ids(4)[3]}


@pytest.fixture
def migrated(database: str) -> str:
    migrate(database)
    return database


def test_what_is_stored_is_what_is_remembered(migrated: str) -> None:
    """Batches of ids, new and old, over days with gaps and a small cap; restarts in between."""
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")  # noqa: T201 -- to repeat what failed
    asyncio.run(_remember(migrated, random.Random(seed)))


async def _remember(url: str, chance: random.Random) -> None:
    every = ids(60)
    known, restarted = Remembered(cap=20), Remembered(cap=20)
    on = DAY
    forgotten = 0
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("SET search_path TO live, public")
        store = Store(connection, "timeline", partition=1)
        for offset in range(200):
            on += timedelta(days=chance.choice((0, 0, 0, 1, 3)))
            for one in chance.choices(every, k=chance.randint(1, 9)):
                assert known.is_repeat(one, on) == restarted.is_repeat(one, on)
            changes = known.take_changes()
            forgotten += changes.forgotten
            await store.write_remembered(changes.fresh, changes.gone, offset)
            restarted = Remembered(cap=20)
            for day, packed in await store.remembered():
                restarted.load(day, packed)
            assert restarted.days == known.days
    assert forgotten
