"""Was this event folded before? The ids of the last seven days of one partition.

An id is a 16-byte hash of (source, id). Days are days of log time, so that a replay forgets at the
same records; beyond the cap the oldest day goes, counted.
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
    """The ids of one partition, by day; `fresh` are those of records not yet committed."""

    cap: int
    days: dict[date, set[bytes]] = field(default_factory=dict)
    fresh: list[tuple[date, bytes]] = field(default_factory=list)
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
        self.days.setdefault(day, set()).add(hash)
        self.fresh.append((day, hash))
        self._count += 1
        if self._count > self.cap:
            self.forgotten += self._forget(min(self.days))
        return False

    def take_fresh(self) -> dict[date, bytes]:
        """What to store for the records of this batch, packed by day."""
        packed: dict[date, list[bytes]] = {}
        for day, hash in self.fresh:
            if day in self.days:
                packed.setdefault(day, []).append(hash)
        self.fresh.clear()
        return {day: b"".join(hashes) for day, hashes in packed.items()}

    def oldest(self) -> date | None:
        """The first day that is still known; stored rows before it can go."""
        return min(self.days, default=None)

    def _forget(self, day: date) -> int:
        count = len(self.days.pop(day))
        self._count -= count
        return count


def names(packed: Iterable[bytes]) -> set[bytes]:
    """The ids in stored rows, as the rebuild's comparison sees them."""
    return {row[i : i + SIZE] for row in packed for i in range(0, len(row), SIZE)}
