"""Which of a batch's records are new, and what do they say? As far as one transaction goes."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from faust.types import TP

from schemas.envelope import Told, Unreadable, decode, from_epoch_ms
from schemas.facts import Fact, Tick, UsageRecorded
from schemas.topics import CATALOGUE

from .append import partition_of
from .logs import log
from .remembered import Remembered, fingerprint
from .stop import Beyond, Undecodable
from .transport import Record

TICK_AHEAD = timedelta(seconds=60)
"""A tick that claims to be further ahead of its log time than this is ignored and counted."""

FOLDED_AT_MOST = 1000
"""Facts that one transaction folds, usage apart: each takes as long as ten of usage.

However many records a fetch brings, no transaction so comes near the time that it may last.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The position row, locked: where the partition stands."""

    next_offset: int
    log_time: datetime
    ticked: datetime
    releases: int
    generation: int
    parked: frozenset[int]


@dataclass
class Reading:
    """What a transaction folds: facts not seen before, and the tick that ends it."""

    facts: list[tuple[int, Fact]]
    used: list[UsageRecorded]
    tick: tuple[int, Tick] | None
    log_time: datetime
    releases: int
    end: int
    dropped: Counter[str]


class Behind(Exception):
    """The whole batch lies below the position."""


def dense(records: list[Record], position: int) -> list[Record]:
    """The records from the position on, up to the first hole; raises `Behind` and `Beyond`."""
    batch = [record for record in records if record.offset >= position]
    if not batch:
        raise Behind
    if batch[0].offset > position:
        raise Beyond(position)
    for i, record in enumerate(batch):
        if record.offset != position + i:
            return batch[:i]
    return batch


def read(
    tp: TP, partitions: int, batch: list[Record], place: Place, remembered: Remembered
) -> Reading:
    """Decode what was not folded before, up to and with the first tick that counts.

    It ends earlier where enough is to be folded; the rest is for the next transaction.
    """
    heard: list[tuple[int, Fact]] = []
    ids: list[tuple[date, bytes]] = []
    tick: tuple[int, Tick] | None = None
    log_time, releases, end = place.log_time, place.releases, batch[-1].offset + 1
    day = log_time.date()
    dropped: Counter[str] = Counter()
    stamped = None
    folded = 0
    for record in batch:
        if record.timestamp != stamped:  # records that came together share it
            stamped = record.timestamp
            log_time = max(log_time, from_epoch_ms(stamped))
            day = log_time.date()
        if record.offset in place.parked:
            log("passed_over", partition=tp.partition, offset=record.offset)
            dropped["parked"] += 1
            continue
        told = _decode(tp, partitions, record)
        fact = told.fact
        if isinstance(fact, Tick):
            if fact.now > log_time + TICK_AHEAD:
                log("tick_ahead", partition=tp.partition, offset=record.offset)
                dropped["tick_ahead"] += 1
                continue
            if told.releases < releases:
                # What was set free since may be only half here: the next tick takes it in.
                log("tick_stale", partition=tp.partition, offset=record.offset)
                dropped["tick_stale"] += 1
                continue
            tick, releases, end = (record.offset, fact), told.releases, record.offset + 1
            break
        releases = max(releases, told.releases)
        heard.append((record.offset, fact))
        ids.append((day, fingerprint(*told.name)))
        if not isinstance(fact, UsageRecorded):
            folded += 1
            if folded == FOLDED_AT_MOST:
                end = record.offset + 1
                break
    facts: list[tuple[int, Fact]] = []
    used: list[UsageRecorded] = []
    for told_at, repeat in zip(heard, remembered.repeats(ids), strict=True):
        offset, fact = told_at
        if repeat:
            log("repeat", partition=tp.partition, offset=offset)
            dropped["repeat"] += 1
        elif isinstance(fact, UsageRecorded):
            used.append(fact)
        else:
            facts.append(told_at)
    return Reading(facts, used, tick, log_time, releases, end, dropped)


def _decode(tp: TP, partitions: int, record: Record) -> Told:
    """Raises `Undecodable` for a record that is none of ours, or does not belong here."""
    try:
        told = decode(record.value)
        if not isinstance(told.fact, Tick):
            _check_place(tp, partitions, record, told.key)
    except Unreadable as fault:
        raise Undecodable(
            f"{tp.topic}[{tp.partition}] offset {record.offset}: {fault}."
            f" `laurel park {tp.partition} {record.offset} --reason …` passes it over"
        ) from None
    return told


def _check_place(tp: TP, partitions: int, record: Record, key: str) -> None:
    wanted = partition_of(key, partitions)
    if record.key != key.encode() or (key != CATALOGUE and wanted != tp.partition):
        raise Unreadable(
            "place",
            f"the record belongs to {key!r} in partition {wanted}, not under key"
            f" {record.key!r} here",
        )
