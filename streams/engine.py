"""How do timeline records become states, rows and alerts? One transaction per partition batch.

A transaction ends at the first tick it meets, so that a tick fires on what stands in the database.
"""

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from faust.types import TP

from handlers import usage
from handlers.usage import Told as Usage
from projections.counts import Counts
from projections.store import StateKey, Store, Stored
from schemas.facts import EPOCH, Tick

from . import clock, metrics
from .database import Connection, Pool
from .failpoints import failpoint
from .fold import BY_NAME, FIRED_AT_MOST, Fold, Missing, reached
from .logs import log
from .metrics import Timed
from .reading import Behind, Place, Reading, dense, read
from .remembered import Remembered
from .settings import Settings
from .states import read_state, to_write
from .stop import Beyond, Fenced, PositionLost, TimelineHole
from .transport import Record

Recheck = Callable[[TP], Awaitable[None]]
"""Ask Kafka again whether topic and position fit; raises the `Stop` that names what does not."""


@dataclass
class Partition:
    """What a worker keeps of a partition it owns; valid only for where and when it was loaded."""

    position: int
    generation: int
    remembered: Remembered
    cache: dict[StateKey, Any] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)


class Engine:
    """Folds batches of the timeline."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        recheck: Recheck,
        cached_at_most: int = 100_000,
        *,
        is_timed: Callable[[], bool] = lambda: True,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._recheck = recheck
        self._cached_at_most = cached_at_most
        self._is_timed = is_timed
        self._partitions: dict[int, Partition] = {}

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop what is kept of these partitions: they are revoked, or about to be sought."""
        for partition in partitions:
            self._partitions.pop(partition, None)

    async def work(self, tp: TP, records: list[Record], sought: bool) -> None:
        """Fold a batch; raises `Beyond` where it begins beyond the position, and each `Stop`."""
        try:
            await self._fold_all(tp, records)
        except Behind:
            # Normal after a rebalance, but also what a topic made anew looks like.
            log("behind", topic=tp.topic, partition=tp.partition, last=records[-1].offset)
            metrics.BEHIND.labels(tp.topic).inc()
            await self._recheck(tp)
        except Beyond as hole:
            if not sought:
                raise
            await self._recheck(tp)
            raise TimelineHole(
                f"{tp.topic}[{tp.partition}]: the position is {hole.position}, Kafka goes on beyond"
                " it even after seeking back"
            ) from None

    async def _fold_all(self, tp: TP, records: list[Record]) -> None:
        async with self._pool.connection() as connection:
            try:
                while records:
                    failpoint("engine.batch")
                    async with connection.transaction():
                        records, keep = await self._transact(connection, tp, records)
                        failpoint("engine.before_commit")
                        began = time.monotonic()
                    metrics.STAGE_SECONDS.labels("engine", "commit").observe(
                        time.monotonic() - began
                    )
                    keep()
                    failpoint("engine.committed")
            except BaseException:
                self.forget([tp.partition])
                raise

    async def _transact(
        self, connection: Connection, tp: TP, records: list[Record]
    ) -> tuple[list[Record], Callable[[], None]]:
        """Fold up to the first tick or hole; returns the rest, and what to do once committed."""
        store = Store(connection, tp.topic, tp.partition)
        with Timed("engine", "lock"):
            place = await self._lock(store)
        failpoint("engine.locked")
        batch = dense(records, place.next_offset)
        with Timed("engine", "fold"):
            kept = await self._kept(store, place)
            reading = read(tp, self._settings.laurel_partitions, batch, place, kept.remembered)
            fold, exact = await self._fold(store, kept, reading)
            counted = await self._count_usage(store, kept, reading)
        failpoint("engine.folded")
        with Timed("engine", "write"):
            await store.write_counts(counted)
            await self._write(store, place, kept=kept, reading=reading, fold=fold, exact=exact)
        rest = [record for record in records if record.offset >= reading.end]

        def keep() -> None:
            self._keep(tp.partition, kept, fold, reading.end)
            kept.counts.shrink(self._cached_at_most)
            kept.counts.learn(counted._asdict())
            self._count(reading, fold)

        return rest, keep

    async def _write(
        self,
        store: Store,
        place: Place,
        *,
        kept: Partition,
        reading: Reading,
        fold: Fold,
        exact: set[StateKey],
    ) -> None:
        """Write what the fold came to, and move the position; raises `Fenced`."""
        states, said = to_write(fold, exact, f"{place.next_offset} to {reading.end - 1}")
        await store.write_states(states)
        await store.write_rows(said)
        await store.write_alerts(fold.decided)
        ids = kept.remembered.take_changes()
        await store.write_remembered(ids.fresh, ids.gone, reading.end)
        await store.merge_remembered(ids.days, place.next_offset, reading.end)
        if ids.forgotten:
            log("ids_forgotten", partition=store.partition, ids=ids.forgotten)
            metrics.IDS_FORGOTTEN.inc(ids.forgotten)
        failpoint("engine.written")
        ticked = max(place.ticked, reading.tick[1].now) if reading.tick else place.ticked
        stands = reading.end, reading.log_time, ticked, reading.releases
        if not await store.move(place.next_offset, *stands):
            raise Fenced(
                f"position of {store.topic}[{store.partition}] is no longer {place.next_offset}"
            )

    async def _lock(self, store: Store) -> Place:
        row = await store.lock()
        if row is None:
            raise PositionLost(f"the position of {store.topic}[{store.partition}] is gone")
        next_offset, log_time, ticked, releases, generation, parked = row
        # A session speaks in the zone of PGTZ, if that is set; days of log time are days of UTC.
        log_time, ticked = ((at or EPOCH).astimezone(UTC) for at in (log_time, ticked))
        return Place(next_offset, log_time, ticked, releases, generation, frozenset(parked or ()))

    async def _fold(
        self, store: Store, kept: Partition, reading: Reading
    ) -> tuple[Fold, set[StateKey]]:
        """Fold facts, then the tick; returns the fold and the states whose deadline was asked."""
        listed: dict[StateKey, list[str]] = {}
        # Asked for first, because a fold that meets a state it does not know is folded again.
        await self._load(store, kept, {key for _, fact in reading.facts for key in reached(fact)})

        def facts() -> Fold:
            fold = Fold(kept.cache, listed=listed)
            for offset, fact in reading.facts:
                fold.fact(fact, offset)
            return fold

        fold = await self._complete(store, kept, facts, listed)
        if reading.tick is None:
            return fold, set()
        offset, tick = reading.tick
        asked = await self._due(store, kept, fold, tick)

        def fired() -> Fold:
            after = Fold(kept.cache, dict(fold.changed), list(fold.decided))
            after.fire(after.due(asked, tick), tick, offset)
            return after

        return await self._complete(store, kept, fired, listed), asked

    async def _count_usage(self, store: Store, kept: Partition, reading: Reading) -> Usage:
        """The rows that follow from what was used; a tick changes none of them."""
        told = usage.tally(reading.used)
        kept.counts.learn(await store.counts(kept.counts.missing(told)))
        return usage.follow(told, kept.counts.known)

    async def _complete(
        self,
        store: Store,
        kept: Partition,
        attempt: Callable[[], Fold],
        listed: dict[StateKey, list[str]],
    ) -> Fold:
        """Fold again while something is there that was taken for missing."""
        while True:
            try:
                fold = attempt()
            except Missing as missing:
                await self._learn(store, kept, listed, missing)
            else:
                if not fold.missing or not await self._learn(store, kept, listed, fold.missing):
                    return fold

    async def _learn(
        self,
        store: Store,
        kept: Partition,
        listed: dict[StateKey, list[str]],
        missing: Missing,
    ) -> bool:
        """Look up what was missing; whether the fold would have come out otherwise with it."""
        listed.update([(below, await store.keys(*below)) for below in missing.below])
        return await self._load(store, kept, missing.keys) or bool(missing.below)

    async def _load(self, store: Store, kept: Partition, keys: set[StateKey]) -> bool:
        """Know these states from now on; whether any is there that was not known."""
        unknown = keys - kept.cache.keys()
        if not unknown:
            return False
        stored = await store.load(unknown)
        kept.cache.update(dict.fromkeys(unknown))
        kept.cache.update((row.key, read_state(row)) for row in stored)
        return bool(stored)

    async def _due(self, store: Store, kept: Partition, fold: Fold, tick: Tick) -> set[StateKey]:
        """States whose stored deadline has passed; it may lie earlier than their true one."""
        asked: dict[StateKey, datetime | None] = {}
        last: Stored | None = None
        while True:
            page = await store.due(tick.now, last, FIRED_AT_MOST)
            for row in page:
                kept.cache.setdefault(row.key, read_state(row))
                asked[row.key] = BY_NAME[row.key[0]].deadline(fold.state(row.key))
            if len(page) < FIRED_AT_MOST:
                return set(asked)
            last = page[-1]
            # What was not asked yet comes behind the last row, whatever its true deadline.
            behind = (last.due_at, *last.key)
            if sum((due, *key) <= behind for key, due in asked.items() if due) >= FIRED_AT_MOST:
                return set(asked)

    async def _kept(self, store: Store, place: Place) -> Partition:
        kept = self._partitions.get(store.partition)
        stands = place.next_offset, place.generation
        if kept is None or (kept.position, kept.generation) != stands:
            kept = Partition(*stands, Remembered(self._settings.laurel_ids_remembered))
            async for day, packed in store.remembered():
                kept.remembered.load(day, packed)
            self._partitions[store.partition] = kept
        return kept

    def _keep(self, partition: int, kept: Partition, fold: Fold, position: int) -> None:
        """The transaction is committed: what it wrote is what is known from here on."""
        if len(kept.cache) > self._cached_at_most:
            kept.cache.clear()
        kept.cache.update(fold.changed)
        kept.position = position
        self._partitions[partition] = kept

    def _count(self, reading: Reading, fold: Fold) -> None:
        """The transaction is committed: what came of it is counted once."""
        for why, times in reading.dropped.items():
            metrics.DROPPED.labels(why).inc(times)
        for _, change in fold.decided:
            metrics.ALERTS.labels(change.rule, change.status).inc()
            raised = change.version == 1 and change.notify
            if raised and self._is_timed():
                waited = (clock.real() - change.trigger.heard).total_seconds()
                metrics.EVENT_TO_ALERT_SECONDS.labels(change.rule).observe(max(0.0, waited))
