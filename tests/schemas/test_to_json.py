"""Is an event made of Python's values written as JSON as it was meant, or refused?"""

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from schemas.envelope import Unreadable, to_json


def told(**data: Any) -> dict[str, Any]:
    return {"id": "1", "data": data}


ITSELF: list[Any] = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (None, "this is of type NoneType"),
        ([told()], "this is of type list"),
        (told(score=float("nan")), "/data/score: JSON has neither NaN nor Infinity"),
        (told(more=[1.0, float("-inf")]), "/data/more/1: JSON has neither"),
        (told(more={"n": 2**64}), "/data/more/n: the number has more than 64 bits"),
        (told(more=-(2**63) - 1), "/data/more: the number has more"),
        (told(course="\ud83d"), "/data/course: character 0 is half of one"),
        (told(more=ITSELF), "the event is nested more than 100 deep"),
        (told(more={1, 2}), "not JSON serializable: set"),
        ({7: 7}, "Dict key must be str"),
    ],
)
def test_what_json_cannot_say_is_named_with_its_place(event: object, said: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(said)):
        to_json(event)


def test_what_json_can_say_is_said() -> None:
    event = told(score=Decimal("90.50"), more=[2**64 - 1, -(2**63), 1e300, None, "\U0001f600"])
    assert json.loads(to_json(event))["data"] == {**event["data"], "score": "90.50"}
