"""Does the engine stop, by name and before it commits anything, where the timeline is not right?

Some of it shows when partitions are assigned, some only while records come; both are tried.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.facts import UsageRecorded
from schemas.topics import TIMELINE
from streams.process import STOPPED
from tests.conftest import Broker
from tests.streams import rough
from tests.streams.folding import a_fact, await_folded, dump, put, said, story
from tests.streams.system import Running, System


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path) as made:
        yield made


def assert_stops(worker: Running, error: str, why: str) -> None:
    assert worker.await_exit() == STOPPED, worker.tail()
    (line,) = worker.events("stopped")
    assert line["error"] == error
    assert why in line["why"]


def running(system: System) -> Running:
    """An engine that has folded everything there is."""
    worker = system.start("engine")
    await_folded(system)
    return worker


def set_position(system: System, partition: int, offset: int) -> None:
    with system.connect() as connection:
        connection.execute(
            "UPDATE positions SET next_offset = %s WHERE app = 'engine' AND partition = %s",
            (offset, partition),
        )


def tables(system: System) -> dict[str, list[Any]]:
    with system.connect() as connection:
        return dump(connection)


def test_where_a_position_does_not_fit_the_engine_does_not_begin(system: System) -> None:
    put(system, story(people=1))
    ends = system.ends(TIMELINE)
    before = tables(system)

    set_position(system, 0, ends[0] + 1)
    beyond = f"the position is {ends[0] + 1}, the topic ends at {ends[0]}"
    assert_stops(system.start("engine"), "PositionBeyondEnd", beyond)
    set_position(system, 0, 0)

    rough.expire(system, TIMELINE, 1, before=3)
    assert_stops(system.start("engine"), "HistoryExpired", "3 records expired unread")
    set_position(system, 1, 3)

    ((topic_id,),) = system.rows("SELECT DISTINCT topic_id FROM positions WHERE app = 'engine'")
    rough.make_anew(system, TIMELINE)
    put(system, story(people=1))
    assert_stops(system.start("engine"), "TopicRecreated", f"was taken in topic id {topic_id}")

    with system.connect() as connection:
        connection.execute("DELETE FROM positions WHERE app = 'engine'")
    assert_stops(system.start("engine"), "PositionLost", "has no position")

    assert {**tables(system), "positions": []} == {**before, "positions": []}


def test_a_hole_in_the_timeline_stops_the_engine_where_it_is(system: System) -> None:
    """The mark that ends a transaction takes an offset; what lay there cannot be had."""
    lines = [line for line in story(people=2) if line.partition == 0]
    put(system, lines[:20])
    rough.lay_in_transaction(system, TIMELINE, 0, lines[20].key, lines[20].value)
    put(system, lines[21:])
    worker = system.start("engine", LAUREL_BATCH="7")
    assert_stops(worker, "TimelineHole", "the position is 21, Kafka goes on beyond it")
    assert worker.events("hole")[-1]["position"] == 21
    assert system.positions("engine", TIMELINE)[0] == 21


def test_a_position_lost_under_way_stops_the_engine(system: System) -> None:
    put(system, story(people=1))
    worker = running(system)
    with system.connect() as connection:
        connection.execute("DELETE FROM positions WHERE app = 'engine' AND partition = 1")
    put(system, story(people=1, first=1))
    assert_stops(worker, "PositionLost", "[1] is gone")


def test_history_that_expires_under_way_stops_the_engine(system: System) -> None:
    put(system, story(people=1))
    worker = running(system)
    ends = system.ends(TIMELINE)
    more = [line for line in story(people=1, first=1) if line.partition == 1]
    worker.freeze()
    put(system, more[:1])  # on its way already: the broker answers the fetch that waits
    put(system, more[1:])
    rough.expire(system, TIMELINE, 1, before=ends[1] + 6)
    worker.wake()
    assert_stops(worker, "HistoryExpired", "5 records expired unread")
    assert system.positions("engine", TIMELINE)[1] == ends[1] + 1


def test_a_topic_made_anew_under_way_stops_the_engine(system: System) -> None:
    put(system, story(people=1))
    worker = running(system)
    ends = system.ends(TIMELINE)
    before = tables(system)
    worker.freeze()
    rough.make_anew(system, TIMELINE)
    put(system, story(people=1, first=1)[: sum(ends.values()) // 2])
    worker.wake()
    assert_stops(worker, "TopicRecreated", "Was it deleted and made again")
    assert tables(system) == before


def test_what_postgres_cannot_hold_ends_the_engine_instead_of_being_tried_for_ever(
    system: System,
) -> None:
    long = a_fact(
        UsageRecorded,
        1,
        "long",
        customer="acme",
        metric="".join(str(number) for number in range(1500)),
        quantity=Decimal(1),
    )
    put(system, said(long))
    worker = system.start("engine")
    assert worker.await_exit() == STOPPED, worker.tail()
    (line,) = worker.events("crashed")
    assert line["error"] == "ProgramLimitExceeded"
    assert "usage_" in line["why"]
