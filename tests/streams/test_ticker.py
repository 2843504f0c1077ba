"""Do ticks say what time it is: often enough, once at a time, and never more than was heard?"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from schemas.envelope import decode
from schemas.facts import CourseDescribed, Fact, Tick, TrainingStarted
from schemas.topics import TIMELINE
from tests.conftest import Broker
from tests.streams.folding import PARTITIONS, a_fact, await_folded, day, put, said
from tests.streams.system import System, wait_for
from tests.streams.watching import Samples

# A learner who starts on day 0 has abandoned the course on day 14.
DUE = 14.0


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path) as made:
        yield made


def heard_until(system: System, at: datetime) -> None:
    """Intake has forwarded everything that it heard before."""
    with system.connect() as connection:
        connection.execute("UPDATE positions SET watermark = %s WHERE app = 'intake'", (at,))


def start(customer: str, person: str, at: float) -> Fact:
    whose = {"customer": customer, "person": person, "course": "admin"}
    return a_fact(TrainingStarted, at, f"{person} of {customer}", **whose)


def occupy(system: System) -> None:
    """Lay something in every partition: an empty one need not hear the clock."""
    put(system, said(a_fact(CourseDescribed, -1, "course", course="admin")))


def ticks(system: System) -> dict[int, list[datetime]]:
    """What the ticks on the timeline say, by partition."""
    found: dict[int, list[datetime]] = {}
    for record in system.records(TIMELINE):
        fact = decode(record.value).fact
        if isinstance(fact, Tick):
            found.setdefault(record.partition, []).append(fact.now)
    return found


def await_ticked(system: System, partition: int, at: datetime) -> None:
    """Wait until a partition has folded a tick of this instant."""
    wait_for(
        lambda: system.rows(
            "SELECT FROM positions WHERE app = 'engine' AND partition = %s AND ticked = %s",
            partition,
            at,
        ),
        f"partition {partition} to have folded a tick of {at}",
    )


def await_stalled(system: System, *people: str) -> None:
    stalled = "SELECT DISTINCT person FROM training WHERE status = 'abandoned' ORDER BY person"
    wanted = [(person,) for person in people]
    wait_for(lambda: system.rows(stalled) == wanted, f"{people} to have stalled")


def test_a_deadline_fires_when_intake_has_heard_so_far_and_not_before(system: System) -> None:
    put(system, [*said(start("acme", "ann", 0)), *said(start("acme", "bea", 1))])
    worker = system.start("engine")
    await_folded(system)
    heard_until(system, day(DUE))
    await_stalled(system, "ann")
    heard_until(system, day(DUE + 1))
    await_stalled(system, "ann", "bea")
    assert ticks(system) == {0: [day(DUE), day(DUE + 1)]}
    assert Samples(worker).one("laurel_ticks_total") == 2


def test_a_timeline_that_heard_of_more_releases_than_the_database_still_hears_the_clock(
    system: System,
) -> None:
    """After a rebuild into a new database, or one that was restored."""
    put(system, said(start("acme", "ann", 0)))
    with system.connect() as connection:
        connection.execute("UPDATE positions SET releases = 3 WHERE app = 'engine'")
    system.start("engine")
    await_folded(system)
    heard_until(system, day(DUE))
    await_stalled(system, "ann")


def test_a_tick_knows_of_no_release_that_came_while_its_time_was_asked_for(
    system: System,
) -> None:
    put(system, said(start("acme", "ann", 0)))
    system.start("engine")
    await_folded(system)
    with system.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE dead_letters IN ACCESS EXCLUSIVE MODE")
        waits = "SELECT FROM pg_stat_activity WHERE datname = current_database()"
        waits += " AND wait_event_type = 'Lock'"
        wait_for(lambda: system.rows(waits), "the ticker to ask for the watermark")
        heard_until(system, day(DUE))
        with system.connect() as other:
            other.execute("UPDATE clock SET releases = 5")
    await_stalled(system, "ann")
    told = [decode(record.value) for record in system.records(TIMELINE)]
    assert [one.releases for one in told if isinstance(one.fact, Tick)] == [0]


def test_a_partition_hears_the_clock_by_the_hour_or_when_something_is_due(system: System) -> None:
    occupy(system)
    put(system, said(start("acme", "ann", 0)))
    system.start("engine")
    await_folded(system)
    early, due, late = (day(DUE) + timedelta(minutes=minutes) for minutes in (-59, 0, 2))
    for at, partition in ((early, 1), (due, 0), (late, 1)):
        heard_until(system, at)
        await_ticked(system, partition, at)
    assert ticks(system) == {0: [early, due], 1: [early, late], 2: [early, late]}


def test_one_tick_is_outstanding_at_most(system: System) -> None:
    occupy(system)
    first, second, third = (day(0) + timedelta(hours=hours) for hours in (0, 2, 4))
    system.start("engine")
    heard_until(system, first)
    await_ticked(system, 0, first)
    with system.held("engine", TIMELINE, 0):
        for at in (second, third):
            heard_until(system, at)
            await_ticked(system, 1, at)
        assert ticks(system)[0] == [first, second]
    await_ticked(system, 0, third)
    assert ticks(system)[0] == [first, second, third]


def test_ticks_go_on_where_partitions_change_hands_and_nothing_happens(system: System) -> None:
    """Who gets a partition back does not wait for a tick that was folded long ago."""
    occupy(system)
    first = system.start("engine", "one")
    heard_until(system, day(0))
    for partition in range(PARTITIONS):
        await_ticked(system, partition, day(0))
    second = system.start("engine", "two")
    second.await_event("assigned")
    wait_for(lambda: len(first.events("assigned")) > 1, "the first to have some back")
    heard_until(system, day(1))
    for partition in range(PARTITIONS):
        await_ticked(system, partition, day(1))
    assert ticks(system) == {key: [day(0), day(1)] for key in range(PARTITIONS)}


def test_no_tick_while_a_player_says_the_time(system: System) -> None:
    system.drive(day(0))
    system.start("engine")
    heard_until(system, day(1))
    for index in range(3):
        put(system, said(start("acme", f"p{index}", 0)))
        await_folded(system)
    heard_until(system, day(2))
    system.let_go()
    await_ticked(system, 0, day(2))
    assert ticks(system)[0] == [day(2)]
