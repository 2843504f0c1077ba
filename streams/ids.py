"""Which ids of a batch are among the millions of a day? A few sorted arrays, asked all at once.

Ids are compared whole. A map of bits, two for each id, says of most that are not there that they
are not, so that only few have to be looked for.
"""

import numpy as np
from numpy.typing import NDArray

SIZE = 16
"""Bytes of an id, which are random."""

BITS = 16
"""Bits of the map for each id, at least; of a hundred ids that are not there, one passes it."""

Ids = NDArray[np.bytes_]
Flags = NDArray[np.bool_]


def unpack(packed: bytes) -> Ids:
    """Ids that lie one behind the other."""
    return np.frombuffer(packed, f"S{SIZE}")


class Known:
    """Ids, none of them twice."""

    def __init__(self) -> None:
        self._runs: list[Ids] = []
        self._map = np.zeros(1024, np.uint8)

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def add(self, ids: Ids) -> None:
        """Take in ids that are not there yet, each once."""
        run = np.sort(ids)
        # Each array is over twice as long as the next, so there are few, and each id moves seldom.
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.concatenate((self._runs.pop(), run))
            run.sort(kind="stable")
        self._runs.append(run)
        if len(self) * BITS <= self._map.size * 8:
            self._mark(ids)
            return
        # A power of two, so that the place of a bit is the end of an id.
        self._map = np.zeros(1 << (len(self) * BITS // 8).bit_length(), np.uint8)
        for known in self._runs:
            self._mark(known)

    def hold(self, ids: Ids) -> Flags:
        """Of each id, whether it is there."""
        places, bits = self._places(ids)
        held: Flags = ((self._map[places] & bits) != 0).all(axis=1)
        asked = np.flatnonzero(held)
        sought = ids[asked]
        found = np.zeros(len(asked), np.bool_)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, sought), len(run) - 1)
            found |= run[at] == sought
        held[asked] = found
        return held

    def _mark(self, ids: Ids) -> None:
        places, bits = self._places(ids)
        np.bitwise_or.at(self._map, places.ravel(), bits.ravel())

    def _places(self, ids: Ids) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
        """The bytes of the map in which the bits of each id lie, and the bits."""
        halves = ids.view(np.int64).reshape(-1, 2)
        places = (halves >> 3) & (self._map.size - 1)
        return places, np.left_shift(1, halves & 7).astype(np.uint8)
