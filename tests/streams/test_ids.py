"""Are exactly the ids found that were taken in, in little room, however they came?"""

import random
import tracemalloc

import pytest

from streams.ids import SIZE, Known, unpack


def drawn(chance: random.Random, number: int) -> bytes:
    return chance.randbytes(number * SIZE)


@pytest.mark.parametrize("batch", [1, 7, 2000, 60_000])
def test_what_was_taken_in_is_held_and_nothing_else(batch: int) -> None:
    chance = random.Random(batch)
    number = min(60_000, batch * 1500)
    packed, others = drawn(chance, number), drawn(chance, number)
    known = Known()
    for start in range(0, number, batch):
        taken = unpack(packed[start * SIZE : (start + batch) * SIZE])
        assert not known.hold(taken).any()
        known.add(taken)
        assert known.hold(taken).all()
    assert len(known) == number
    assert known.hold(unpack(packed)).all()
    assert not known.hold(unpack(others)).any()


def test_ids_that_have_a_half_in_common_are_two() -> None:
    """Both bits of the map are the same where the ends of both halves are."""
    known = Known()
    one = bytes(range(SIZE))
    known.add(unpack(one))
    for place in range(SIZE):
        other = bytearray(one)
        other[place] ^= 0x80
        assert not known.hold(unpack(bytes(other))).any(), place


def test_a_million_ids_take_at_most_25_megabytes() -> None:
    chance = random.Random(1)
    known = Known()
    tracemalloc.start()
    try:
        for number in range(1, 121):
            known.add(unpack(drawn(chance, 1000)))
            if number > 10:
                assert tracemalloc.get_traced_memory()[0] <= 25 * 1000 * number
    finally:
        tracemalloc.stop()
