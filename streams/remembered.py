"""Was this event folded before? The ids of the last seven days of one partition.

An id is a 16-byte hash of (source, id). Days are days of log time, so that a replay forgets at the
same records; beyond the cap the oldest day goes, counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import blake2b
from itertools import groupby

import numpy as np

from .ids import SIZE, Flags, Ids, Known, unpack

WINDOW = timedelta(days=7)


def fingerprint(source: str, id: str) -> bytes:
    """The hash by which an event is known again."""
    return blake2b(f"{len(source)}:{source}{id}".encode(), digest_size=SIZE).digest()


@dataclass
class Remembered:
    """The ids of one partition, by day; what is not committed yet waits in `taught` and `gone`."""

    cap: int
    days: dict[date, Known] = field(default_factory=dict)
    taught: dict[date, list[Ids]] = field(default_factory=dict)
    gone: set[date] = field(default_factory=set)
    forgotten: int = 0
    _count: int = 0

    def load(self, day: date, packed: bytes) -> None:
        """Take in stored ids, none of which is known yet."""
        self._add(day, unpack(packed))

    def repeats(self, told: Iterable[tuple[date, bytes]]) -> list[bool]:
        """Of each id, whether it was seen within the window; if not, it is from there on."""
        found: list[bool] = []
        for day, group in groupby(told, lambda one: one[0]):
            found += self._of_day(day, unpack(b"".join(hash for _, hash in group)))
        return found

    def _of_day(self, day: date, ids: Ids) -> list[bool]:
        for known in [known for known in self.days if known < day - WINDOW]:
            self._forget(known)
        found: list[bool] = []
        while True:
            new = self._new(ids)
            # The oldest day goes before the first id without room, and what repeats it is new then.
            beyond = np.flatnonzero(new)[max(0, self.cap - self._count) :]
            end = int(beyond[0]) if beyond.size else len(ids)
            found += (~new[:end]).tolist()
            fresh = ids[:end][new[:end]]
            if fresh.size:
                self._add(day, fresh)
                self.taught.setdefault(day, []).append(fresh)
            if not beyond.size:
                return found
            self.forgotten += self._forget(min(self.days))
            ids = ids[end:]

    def _new(self, ids: Ids) -> Flags:
        """Of each id, whether it is known in no day and stands here for the first time."""
        order = np.argsort(ids, kind="stable")
        ordered = ids[order]
        new = np.ones(len(ids), np.bool_)
        new[order[1:][ordered[1:] == ordered[:-1]]] = False
        for known in self.days.values():
            new &= ~known.hold(ids)
        return new

    def take_changes(self) -> "Changes":
        """What to store and to delete for the records of this batch; the next begins anew."""
        fresh = {day: np.concatenate(ids).tobytes() for day, ids in self.taught.items()}
        changes = Changes(fresh, self.gone, list(self.days), self.forgotten)
        self.taught, self.gone, self.forgotten = {}, set(), 0
        return changes

    def _add(self, day: date, ids: Ids) -> None:
        self.days.setdefault(day, Known()).add(ids)
        self._count += len(ids)

    def _forget(self, day: date) -> int:
        count = len(self.days.pop(day))
        self._count -= count
        self.gone.add(day)
        self.taught.pop(day, None)
        return count


@dataclass(frozen=True, slots=True)
class Changes:
    """New ids packed by day, days that go first, days that stay, and ids gone before their time."""

    fresh: dict[date, bytes]
    gone: set[date]
    days: list[date]
    forgotten: int


def names(packed: Iterable[bytes]) -> set[bytes]:
    """The ids in stored rows, as the rebuild's comparison sees them."""
    return {row[i : i + SIZE] for row in packed for i in range(0, len(row), SIZE)}
