"""Do the measurements of many learners and of a rebuild run through, and refuse what is wrong?"""

from typing import Any

import psycopg
import pytest

from tests.bench import crowd
from tests.bench.arena import Arena
from tests.bench.race import Failed
from tests.bench.test_race import EVENTS, as_json, measure


def test_a_crowd_is_measured_up_to_its_deadlines(made: Arena) -> None:
    printed, invalid = measure(made, "crowd", "--learners", "200", "--events", str(EVENTS))
    assert invalid == []
    (found,) = as_json(printed)["crowds"]
    assert (found["learners"], found["many"]) == (200, 20)
    assert 0 < found["run"]["events"] <= EVENTS


def test_a_deadline_that_does_not_fire_is_missed(
    made: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = crowd.copy

    def one_less(connection: psycopg.Connection[Any], kind: str, accounts: int) -> None:
        whole(connection, kind, accounts)
        connection.execute("DELETE FROM states WHERE key LIKE '%due-000001-3|basics'")

    monkeypatch.setattr(crowd, "copy", one_less)
    with pytest.raises(Failed, match="20 alerts came of what was due, not 21"):
        crowd.measure(made, 200, EVENTS)


def test_a_rebuild_is_measured_beside_its_worker(made: Arena) -> None:
    printed, invalid = measure(made, "replay", "--events", str(EVENTS), "--rounds", "1")
    assert invalid == []
    assert len(as_json(printed)["rates"]) == 1
