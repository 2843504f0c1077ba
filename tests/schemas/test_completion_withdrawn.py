"""What may be said of a completion that was none?"""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import Unreadable, parse

GOLDEN = Path(__file__).parent / "golden" / "incoming" / "training.completion.withdrawn.v1.json"
WAY = {"person": {"id": "p-1"}, "course": "reporting"}


def _told(**data: Any) -> bytes:
    return json.dumps({**json.loads(GOLDEN.read_bytes()), "data": WAY | data}).encode()


def test_it_names_an_event_or_an_attempt_and_never_both() -> None:
    with pytest.raises(Unreadable, match=r"^/data: .*`withdraws` or the `attempt`") as refused:
        parse(_told(withdraws="e-16", attempt=1))
    assert refused.value.reason == "data"


@pytest.mark.parametrize("data", [{}, {"withdraws": "e-16"}, {"attempt": 1}])
def test_it_may_name_either_or_neither(data: dict[str, Any]) -> None:
    assert parse(_told(**data)).data.model_dump(include={*data}) == data
