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
        # Each array is longer than the next, so there are few, and an id moves seldom.
        while self._runs and len(self._runs[-1]) <= len(run):
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
        first, second = ids.view(np.int64).reshape(-1, 2).T
        held = self._is_marked(first)
        asked = np.flatnonzero(held)
        asked = asked[self._is_marked(second[asked])]
        held[:] = False
        sought = ids[asked]
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, sought), len(run) - 1)
            held[asked[run[at] == sought]] = True
        return held

    def _mark(self, ids: Ids) -> None:
        places, bits = self._places(ids.view(np.int64))
        np.bitwise_or.at(self._map, places, bits)

    def _is_marked(self, halves: NDArray[np.int64]) -> Flags:
        places, bits = self._places(halves)
        marked: Flags = (self._map[places] & bits) != 0
        return marked

    def _places(self, halves: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """The bytes of the map in which the bits of these halves of ids lie, and the bits."""
        places = (halves >> 3) & (self._map.size - 1)
        return places, np.left_shift(1, halves & 7).astype(np.uint8)
