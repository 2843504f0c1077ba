"""Is an event known again for seven days, also after a restart, and no longer?"""

import asyncio
import os
import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from typing import Any

import hypothesis
import psycopg
import pytest
from hypothesis import strategies as some

from projections import store as stores
from projections.migrate import migrate
from projections.store import IN_ONE_ROW, Store
from streams.ids import unpack
from streams.remembered import WINDOW, Remembered, fingerprint

DAY = date(2026, 1, 5)

SMALL = 10


def after(days: int) -> date:
    return DAY + timedelta(days=days)


def ids(number: int, name: str = "e") -> list[bytes]:
    return [fingerprint("urn:lms:test", f"{name}{i}") for i in range(number)]


def repeats(known: Remembered, told: list[bytes], on: date) -> list[bool]:
    return known.repeats([(on, one) for one in told])


def test_an_id_is_known_for_seven_days_and_no_longer() -> None:
    (one, other) = ids(2)
    known = Remembered(cap=10)
    assert repeats(known, [one, one], DAY) == [False, True]
    assert repeats(known, [one, other], after(7)) == [True, False]
    assert repeats(known, [one, other], after(8)) == [False, True]


def test_source_and_id_are_told_apart() -> None:
    assert fingerprint("a", "bc") != fingerprint("ab", "c")


def test_beyond_the_cap_the_oldest_day_goes_and_is_counted() -> None:
    known = Remembered(cap=5)
    for on, name in ((DAY, "a"), (after(1), "b")):
        assert repeats(known, ids(2, name), on) == [False, False]
    known.take_changes()
    assert repeats(known, ids(2, "c"), after(2)) == [False, False]
    changes = known.take_changes()
    assert (changes.gone, changes.forgotten) == ({DAY}, 2)
    assert repeats(known, [*ids(2, "b"), *ids(2, "a")], after(2)) == [True, True, False, False]


def test_what_goes_in_mid_batch_is_new_again_in_the_same_batch() -> None:
    one, two, three, four = ids(4)
    known = Remembered(cap=3)
    assert known.repeats([(DAY, one), (DAY, two), (after(1), one), (after(1), three)]) == [
        False,
        False,
        True,
        False,
    ]
    assert repeats(known, [one, four, one, four], after(1)) == [True, False, False, True]


def test_one_day_alone_goes_over_the_cap_too() -> None:
    known = Remembered(cap=3)
    assert not any(repeats(known, ids(4), DAY))
    changes = known.take_changes()
    assert changes.forgotten == 3
    assert changes.fresh == {DAY: ids(4)[3]}


@dataclass
class OneByOne:
    """What is meant: record by record, over plain sets."""

    cap: int
    days: dict[date, list[bytes]] = field(default_factory=dict)
    fresh: dict[date, list[bytes]] = field(default_factory=dict)
    gone: set[date] = field(default_factory=set)
    forgotten: int = 0

    def is_repeat(self, on: date, hash: bytes) -> bool:
        for known in [known for known in self.days if known < on - WINDOW]:
            self._forget(known)
        if any(hash in known for known in self.days.values()):
            return True
        if sum(map(len, self.days.values())) >= self.cap:
            self.forgotten += self._forget(min(self.days))
        self.days.setdefault(on, []).append(hash)
        self.fresh.setdefault(on, []).append(hash)
        return False

    def _forget(self, day: date) -> int:
        self.gone.add(day)
        self.fresh.pop(day, None)
        return len(self.days.pop(day))


# Halves that ids have in common, and bytes that text would be rid of.
HALVES = (b"\0" * 8, b"a" * 8, b"a" * 7 + b"\0", b"\0" * 7 + b"a", b"a" * 7 + b" ", b"\xff" * 8)
ALIKE = [first + second for first in HALVES for second in HALVES]


@hypothesis.settings(deadline=None)
@hypothesis.given(
    told=some.lists(
        some.tuples(some.sampled_from((0, 0, 0, 0, 1, 3, 8)), some.sampled_from(ALIKE)), max_size=80
    ),
    cuts=some.lists(some.integers(1, 20), min_size=80, max_size=80),
    cap=some.integers(1, 40),
)
def test_in_batches_of_any_size_it_answers_as_record_by_record(
    told: list[tuple[int, bytes]], cuts: list[int], cap: int
) -> None:
    days = accumulate(gap for gap, _ in told)
    rest = [(after(on), hash) for on, (_, hash) in zip(days, told, strict=True)]
    known, meant = Remembered(cap), OneByOne(cap)
    for size in cuts:
        batch, rest = rest[:size], rest[size:]
        assert known.repeats(batch) == [meant.is_repeat(*one) for one in batch]
        changes = known.take_changes()
        fresh = {day: b"".join(hashes) for day, hashes in meant.fresh.items()}
        assert (changes.fresh, changes.gone) == (fresh, meant.gone)
        assert changes.forgotten == meant.forgotten
        assert sorted(changes.days) == sorted(meant.days)
        meant.fresh, meant.gone, meant.forgotten = {}, set(), 0


@pytest.fixture
def migrated(database: str) -> str:
    migrate(database)
    return database


@pytest.mark.parametrize("rows_at_once", [1, 3, 500])
def test_what_is_stored_is_what_is_remembered(
    migrated: str, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of ids, new and old, over days with gaps and a small cap; restarts in between."""
    monkeypatch.setattr(stores, "ROWS_AT_ONCE", rows_at_once)
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")  # noqa: T201 -- to repeat what failed
    asyncio.run(_remember(migrated, random.Random(seed)))


async def _remember(url: str, chance: random.Random) -> None:
    every = ids(60)
    known, restarted = Remembered(cap=20), Remembered(cap=20)
    on = DAY
    forgotten = offset = 0
    async with await _connect(url) as connection:
        store = Store(connection, "timeline", partition=1)
        for _ in range(200):
            on += timedelta(days=chance.choice((0, 0, 0, 1, 3)))
            told = chance.choices(every, k=chance.randint(1, 9))
            assert repeats(known, told, on) == repeats(restarted, told, on)
            forgotten += await _store(
                store, known, offset, offset := offset + chance.randint(1, 700)
            )
            restarted = await _restarted(store, cap=20)
            assert _said(restarted, every) == _said(known, every)
    assert forgotten


def test_batches_however_small_leave_few_rows(migrated: str) -> None:
    asyncio.run(_trickle(migrated))


async def _trickle(url: str) -> None:
    every = ids(3 * IN_ONE_ROW)
    async with await _connect(url) as connection:
        for partition in (0, 1):
            store = Store(connection, "timeline", partition)
            known = Remembered(cap=len(every))
            async with connection.transaction():
                for start in range(0, len(every), SMALL):
                    repeats(known, every[start : start + SMALL], after(start * 2 // len(every)))
                    await _store(store, known, start, start + SMALL)
            restarted = await _restarted(store, cap=len(every))
            assert _said(restarted, every) == _said(known, every)
        rows = await connection.execute(
            "SELECT partition, day, sum(length(hashes)) / 16, count(*) <= 3 FROM remembered"
            " GROUP BY partition, day ORDER BY partition, day"
        )
        assert await rows.fetchall() == [
            (partition, on, len(every) // 2, True) for partition in (0, 1) for on in (DAY, after(1))
        ]


def test_a_row_that_is_large_enough_stays_as_it_is(migrated: str) -> None:
    asyncio.run(_in_bulk(migrated))


async def _in_bulk(url: str) -> None:
    size = IN_ONE_ROW + 1
    every = ids(3 * size)
    known = Remembered(cap=len(every))
    async with await _connect(url) as connection:
        store = Store(connection, "timeline", partition=1)
        query = "SELECT next_offset, xmin::text FROM remembered ORDER BY next_offset"
        stood: list[tuple[int, str]] = []
        for start in range(0, len(every), size):
            repeats(known, every[start : start + size], DAY)
            await _store(store, known, start, start + size)
            rows = await (await connection.execute(query)).fetchall()
            assert rows[:-1] == stood
            stood = rows
    assert [offset for offset, _ in stood] == [size, 2 * size, 3 * size]


async def _connect(url: str) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    await connection.execute("SET search_path TO live, public")
    return connection


async def _store(store: Store, known: Remembered, old: int, new: int) -> int:
    """Store what a batch has taught; returns how many ids went before their time."""
    changes = known.take_changes()
    await store.write_remembered(changes.fresh, changes.gone, new)
    await store.merge_remembered(changes.days, old, new)
    return changes.forgotten


async def _restarted(store: Store, cap: int) -> Remembered:
    loaded = Remembered(cap)
    async for day, packed in store.remembered():
        loaded.load(day, packed)
    return loaded


def _said(known: Remembered, every: list[bytes]) -> dict[date, list[bool]]:
    """Of each day, which of these ids it knows."""
    asked = unpack(b"".join(every))
    return {day: ids.hold(asked).tolist() for day, ids in known.days.items()}
