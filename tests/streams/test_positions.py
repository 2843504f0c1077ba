"""Does reading begin only where the position fits the topic?"""

import pytest

from streams import positions
from streams.extent import Extent
from streams.positions import Position
from streams.stop import HistoryExpired, PositionBeyondEnd, PositionLost, Stop, TopicRecreated

PLACE = ("timeline", 0)


def start(position: Position | None) -> int:
    """Where reading starts in a topic that reaches from 2 to 10."""
    known = {PLACE: position} if position else {}
    return positions.check("engine", {PLACE: Extent(2, 10)}, {"timeline": "id"}, known)[PLACE]


@pytest.mark.parametrize(
    ("position", "stop"),
    [
        (None, PositionLost),
        (Position("another", 5), TopicRecreated),
        (Position("id", 11), PositionBeyondEnd),
        (Position("id", 1), HistoryExpired),
    ],
)
def test_what_does_not_fit_stops_by_name(position: Position | None, stop: type[Stop]) -> None:
    with pytest.raises(stop, match=r"^engine: timeline\[0\]"):
        start(position)


@pytest.mark.parametrize("offset", [2, 10])
def test_the_first_record_and_the_end_fit(offset: int) -> None:
    assert start(Position("id", offset)) == offset
