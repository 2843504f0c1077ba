"""Was this event folded before? The ids of the last seven days of one partition.

An id is a 16-byte hash of (source, id). Days are days of log time, so that a replay forgets at the
same records; beyond the cap the oldest day goes, counted.
A million ids take about 110 MB.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import blake2b

WINDOW = timedelta(days=7)
SIZE = 16


def fingerprint(source: str, id: str) -> bytes:
    """The hash by which an event is known again."""
    return blake2b(f"{len(source)}:{source}{id}".encode(), digest_size=SIZE).digest()


@dataclass
class Remembered:
    """The ids of one partition, by day; what is not committed yet waits in `taught` and `gone`."""

    cap: int
    days: dict[date, set[bytes]] = field(default_factory=dict)
    taught: list[tuple[date, bytes]] = field(default_factory=list)
    gone: set[date] = field(default_factory=set)
    forgotten: int = 0
    _count: int = 0

    def load(self, day: date, packed: bytes) -> None:
        """Take in one stored row of packed hashes."""
        hashes = self.days.setdefault(day, set())
        before = len(hashes)
        hashes.update(packed[i : i + SIZE] for i in range(0, len(packed), SIZE))
        self._count += len(hashes) - before

    def is_repeat(self, hash: bytes, day: date) -> bool:
        """Whether the id was seen within the window; if not, it is remembered from now on."""
        for known in [known for known in self.days if known < day - WINDOW]:
            self._forget(known)
        if any(hash in hashes for hashes in self.days.values()):
            return True
        if self._count >= self.cap:
            self.forgotten += self._forget(min(self.days))
        self.days.setdefault(day, set()).add(hash)
        self.taught.append((day, hash))
        self._count += 1
        return False

    def take_changes(self) -> "Changes":
        """What to store and to delete for the records of this batch; the next begins anew."""
        packed: dict[date, list[bytes]] = {}
        for day, hash in self.taught:
            packed.setdefault(day, []).append(hash)
        changes = Changes(
            {day: b"".join(hashes) for day, hashes in packed.items()}, self.gone, self.forgotten
        )
        self.taught, self.gone, self.forgotten = [], set(), 0
        return changes

    def _forget(self, day: date) -> int:
        count = len(self.days.pop(day))
        self._count -= count
        self.gone.add(day)
        self.taught = [(taught, hash) for taught, hash in self.taught if taught != day]
        return count


@dataclass(frozen=True, slots=True)
class Changes:
    """New ids packed by day, days that go first, and how many ids went before their time."""

    fresh: dict[date, bytes]
    gone: set[date]
    forgotten: int


def names(packed: Iterable[bytes]) -> set[bytes]:
    """The ids in stored rows, as the rebuild's comparison sees them."""
    return {row[i : i + SIZE] for row in packed for i in range(0, len(row), SIZE)}
