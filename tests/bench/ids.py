"""What does it cost to know an event again? Memory, time to reload, time for each event, the cap.

Ids are laid into a real Postgres as batches of 2,000 leave them, over seven days and twelve
partitions, and loaded into a process of their own. Then as many come as a day has, one in a hundred
of them known, batch by batch and partition by partition; that is told in CPU time, what Postgres
takes part in by the clock.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg

from projections.migrate import migrate
from projections.store import Store
from schemas.topics import TIMELINE
from streams.database import Connection, open_pool
from streams.ids import SIZE
from streams.remembered import Remembered, fingerprint
from streams.settings import load
from tests.bench.account import postgres
from tests.conftest import empty_database

PARTITIONS = 12
DAYS = [date(2026, 1, 5) + timedelta(days=number) for number in range(7)]
BATCH = 2000
REPEATED = BATCH // 100
STORED = 5
"""Batches of each partition whose writing is timed, too."""


@dataclass(frozen=True)
class Cap:
    """What happened in one partition when it was full."""

    remembered: int
    forgotten: int
    batch_ms: float
    store_ms: float
    next_batch_cpu_us_an_event: float


@dataclass(frozen=True)
class Cost:
    """What so many ids came to; `store` writes rows and leaves out the commit."""

    ids: int
    rows: int
    mb_per_million: float
    reload_partition_seconds: float
    reload_all_seconds: float
    events: int
    cpu_us_an_event: float
    cpu_us_an_event_p50: float
    cpu_us_an_event_p99: float
    slowest_batch_ms: float
    store_us_an_event: float
    at_the_cap: Cap


def main() -> int:
    """Measure and print; the result is the exit status."""
    parser = argparse.ArgumentParser(prog="./dev bench ids", description=__doc__)
    parser.add_argument(
        "--ids", type=int, default=100_000_000, help="known at most; a tenth and a hundredth, too"
    )
    options = parser.parse_args()
    costs = []
    with tempfile.TemporaryDirectory() as home, postgres(Path(home)) as server:
        for ids in (options.ids // 100, options.ids // 10, options.ids):
            with empty_database(server) as database:
                migrate(database)
                rows = fill(database, ids)
                sys.stderr.write(f"{ids} ids lie in {rows} rows\n")
                # What memory one size leaves behind must not serve the next.
                spawn = multiprocessing.get_context("spawn")
                with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as apart:
                    costs.append(apart.submit(cost, database, ids, rows).result())
    found = {
        "partitions": PARTITIONS,
        "days": len(DAYS),
        "batch": BATCH,
        "fingerprint_us_an_event": round(hashing(), 2),
        "sizes": [asdict(each) for each in costs],
    }
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0


def fill(database: str, ids: int) -> int:
    """Lay random ids into the table; returns how many rows they take."""
    chance = random.Random(1)
    rows = 0
    with psycopg.connect(database) as connection, connection.cursor() as cursor:
        into = (
            "COPY live.remembered (partition, day, next_offset, hashes) FROM STDIN (FORMAT BINARY)"
        )
        with cursor.copy(into) as copy:
            copy.set_types(["int4", "date", "int8", "bytea"])
            for partition in range(PARTITIONS):
                offset = 0
                for day in DAYS:
                    for size in sizes(ids // PARTITIONS // len(DAYS)):
                        offset += size
                        copy.write_row((partition, day, offset, chance.randbytes(size * SIZE)))
                        rows += 1
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE live.remembered")
    return rows


def sizes(number: int) -> Iterator[int]:
    """A day's batches."""
    for start in range(0, number, BATCH):
        yield min(BATCH, number - start)


def cost(database: str, ids: int, rows: int) -> Cost:
    return asyncio.run(measure(database, ids, rows))


async def measure(database: str, ids: int, rows: int) -> Cost:
    """Load everything, teach a day's worth, then fill one partition to its cap."""
    settings = load({"DATABASE_URL": database, "LAUREL_PARTITIONS": str(PARTITIONS)})
    async with open_pool(settings, size=1) as pool, pool.connection() as connection:
        stores = [Store(connection, TIMELINE, partition) for partition in range(PARTITIONS)]
        known = [Remembered(cap=sys.maxsize) for _ in stores]
        before, reloads = resident(), []
        for store, one in zip(stores, known, strict=True):
            began = time.perf_counter()
            async with connection.transaction():
                async for day, packed in store.remembered():
                    one.load(day, packed)
            reloads.append(time.perf_counter() - began)
        del packed
        taken = (resident() - before) / ids
        spent, stored = await teach(connection, stores, known, ids // len(DAYS))
        return Cost(
            ids=ids,
            rows=rows,
            mb_per_million=round(taken, 1),
            reload_partition_seconds=round(statistics.median(reloads), 2),
            reload_all_seconds=round(sum(reloads), 1),
            events=len(spent) * BATCH,
            cpu_us_an_event=each(statistics.mean(spent)),
            cpu_us_an_event_p50=each(statistics.median(spent)),
            cpu_us_an_event_p99=each(statistics.quantiles(spent, n=100)[98]),
            slowest_batch_ms=round(max(spent) * 1e3, 1),
            store_us_an_event=each(statistics.mean(stored)),
            at_the_cap=await overfill(connection, stores[0], known[0]),
        )


async def teach(
    connection: Connection, stores: list[Store], known: list[Remembered], events: int
) -> tuple[list[float], list[float]]:
    """Seconds for each batch to be tested and taught, and for some of them to be written."""
    chance = random.Random(2)
    spent: list[float] = []
    stored: list[float] = []
    old = [await some_ids(connection, partition) for partition in range(PARTITIONS)]
    for round_ in range(max(STORED, events // PARTITIONS // BATCH)):
        for partition, (store, one) in enumerate(zip(stores, known, strict=True)):
            told = batch(chance, old[partition])
            began = time.process_time()
            repeats = one.repeats(told)
            spent.append(time.process_time() - began)
            assert sum(repeats) == REPEATED, sum(repeats)
            if round_ < STORED:
                stored.append(await write(connection, store, one, round_))
            else:
                one.take_changes()
    return spent, stored


def batch(chance: random.Random, old: list[bytes]) -> list[tuple[date, bytes]]:
    """Ids as the engine hands them over: most are new, some known, in any order."""
    told = [chance.randbytes(SIZE) for _ in range(BATCH - REPEATED)]
    told += chance.sample(old, REPEATED)
    chance.shuffle(told)
    return [(DAYS[-1], one) for one in told]


async def some_ids(connection: Connection, partition: int) -> list[bytes]:
    """A few that were laid into the table, of each day."""
    async with connection.transaction():
        found = await connection.execute(
            "SELECT DISTINCT ON (day) hashes FROM remembered WHERE partition = %s", (partition,)
        )
        rows = await found.fetchall()
    return [row[0][at : at + SIZE] for row in rows for at in range(0, len(row[0]), SIZE)]


async def write(connection: Connection, store: Store, known: Remembered, number: int) -> float:
    """Seconds to write a batch, without the commit, which the engine needs in any case."""
    start = 1_000_000_000 + number * BATCH
    async with connection.transaction():
        began = time.perf_counter()
        changes = known.take_changes()
        await store.write_remembered(changes.fresh, changes.gone, start + BATCH)
        await store.merge_remembered(changes.days, start, start + BATCH)
        return time.perf_counter() - began


async def overfill(connection: Connection, store: Store, known: Remembered) -> Cap:
    """Teach a partition that is full one more batch, and another."""
    chance = random.Random(3)
    known.cap = remembered = sum(map(len, known.days.values()))
    told = [[(DAYS[-1], chance.randbytes(SIZE)) for _ in range(BATCH)] for _ in range(2)]
    began = time.process_time()
    known.repeats(told[0])
    seconds = time.process_time() - began
    forgotten = known.forgotten
    stored = await write(connection, store, known, STORED)
    began = time.process_time()
    known.repeats(told[1])
    return Cap(
        remembered=remembered,
        forgotten=forgotten,
        batch_ms=round(seconds * 1e3, 1),
        store_ms=round(stored * 1e3, 1),
        next_batch_cpu_us_an_event=each(time.process_time() - began),
    )


def each(seconds: float) -> float:
    """Microseconds for each event of a batch."""
    return round(seconds / BATCH * 1e6, 2)


def hashing() -> float:
    """Microseconds to make an id's hash."""
    names = [f"event {number}" for number in range(200_000)]
    began = time.process_time()
    for name in names:
        fingerprint("urn:lms:test", name)
    return (time.process_time() - began) / len(names) * 1e6


def resident() -> float:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
