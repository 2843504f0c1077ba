"""Does each small timeline still come to what was recorded, and is that what it must come to?"""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections import exports
from projections.migrate import migrate
from tests.conftest import Server, empty_database
from tests.sample.directory import _person
from tests.sample.replay import Replay
from tests.sample.rows import rows

from .golden import LOGS, NAMES, as_play, come_to, lines

BY_HAND = {"tick_ahead", "tick_stale", "tick_late", "usage_told_late_twice_and_taken_back"}
"""What the independent expectation cannot read: its clock has nothing to do with ticks."""

KINDS = ("alerts", "training", "attempts", "certificates", "teams", "targets")
"""The exports that need no names and no catalogue but what the timeline says."""


@pytest.fixture(scope="module")
def database_of_all(postgres: Server) -> Iterator[str]:
    with empty_database(postgres) as url:
        migrate(url)
        yield url


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_to_what_was_recorded(name: str, database_of_all: str) -> None:
    for batch in (1, 500):
        golden = (LOGS / f"{name}.json").read_text()
        assert come_to(database_of_all, name, batch) == golden, f"in batches of {batch}"


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BY_HAND])
def test_the_independent_expectation_comes_to_the_same(name: str, database_of_all: str) -> None:
    come_to(database_of_all, name, 500)
    replay = Replay()
    replay.play(list(as_play(name)))
    options = "-csearch_path=live,public -ctimezone=UTC"
    with psycopg.connect(database_of_all, options=options) as connection:
        for kind in KINDS:
            assert exports.rows(connection, kind) == expected(replay, name, kind), kind


def expected(replay: Replay, name: str, kind: str) -> list[dict[str, Any]]:
    """The rows of an export, with people called as the timeline calls them."""
    text = json.dumps(rows(replay, kind))
    for line in lines(name):
        if person := line["record"]["data"].get("person"):
            text = text.replace(_person(line["record"]["source"], person), person)
    found: list[dict[str, Any]] = json.loads(text)
    return sorted(found, key=lambda row: [json.dumps(value) for value in row.values()])


def test_there_are_twenty_of_them_and_each_has_its_dump() -> None:
    assert len(NAMES) >= 20
    assert {path.stem for path in LOGS.glob("*.json")} == set(NAMES)
    assert set(NAMES) > BY_HAND
