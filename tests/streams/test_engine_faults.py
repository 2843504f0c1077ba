"""Does the engine fold every record once whatever dies, freezes, breaks or changes hands under it?

What comes of it is compared with a fold of the same timeline in which nothing failed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.facts import TrainingStarted
from schemas.topics import ALERTS, TIMELINE
from streams.process import STOPPED
from tests.conftest import Broker, OwnServer
from tests.streams import rough
from tests.streams.folding import (
    CUSTOMERS,
    Line,
    a_fact,
    await_folded,
    await_progress,
    come_of,
    poison,
    put,
    said,
    story,
    without_faults,
)
from tests.streams.system import Running, System, wait_for
from tests.streams.watching import Samples
from tests.streams.wire import Wire

KILLED = 137


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path, LAUREL_BATCH="7") as made:
        yield made


def some_more(name: str) -> list[Line]:
    """One fact for each partition, so that everybody has something to fold."""
    facts = [
        a_fact(TrainingStarted, 79, f"{name} {whose}", customer=whose, person=name, course="basics")
        for whose in CUSTOMERS[::2]
    ]
    return [line for fact in facts for line in said(fact)]


def test_an_engine_killed_anywhere_loses_and_repeats_nothing(system: System) -> None:
    put(system, story())
    points = ("batch", "locked", "folded", "written", "before_commit", "committed")
    for point in (*(f"engine.{point}" for point in points), "relay.deleted"):
        worker = system.start("engine", FAILPOINT=f"{point}:exit:3")
        assert worker.await_exit() == KILLED
        assert worker.events("failpoint")[-1]["name"] == point
    system.start("engine", LAUREL_BATCH="50")
    assert come_of(system) == without_faults(system)


def test_a_relay_killed_before_it_knows_sends_again(system: System) -> None:
    put(system, story(people=2))
    worker = system.start("engine", FAILPOINT="relay.produced:exit")
    assert worker.await_exit() == KILLED
    sent = [record.value for record in system.records(ALERTS)]
    assert sent
    system.start("engine", LAUREL_BATCH="50")
    assert come_of(system) == without_faults(system)
    now = [record.value for record in system.records(ALERTS)]
    assert all(now.count(message) == 2 for message in sent)


def test_partitions_change_hands_in_mid_stream(system: System) -> None:
    """One joins while an owner waits in its transaction; one leaves, one is killed, one returns."""
    put(system, story(people=8))
    first = system.start("engine", "one", LAUREL_BATCH="1")
    await_progress(system, 0, 5)
    with system.held("engine", TIMELINE, 0):
        second = system.start("engine", "two", LAUREL_BATCH="1")
        second.await_event("assigned")
    wait_for(lambda: len(first.events("assigned")) > 1, "the first to have part of them")
    first.process.terminate()
    assert first.await_exit() == 0
    more = system.ends(TIMELINE)
    put(system, some_more("ann"))
    await_progress(system, 0, more[0])
    put(system, story(seed=2, people=4, first=1))
    second.kill()
    system.start("engine", "one")
    assert come_of(system) == without_faults(system)


def test_what_was_kept_of_a_partition_is_forgotten_when_it_changes_hands(system: System) -> None:
    """Ids that only memory still knows are new again: another engine joins, and nobody knows."""
    put(system, story(people=1))
    first = system.start("engine", "one")
    await_folded(system)
    with system.connect() as connection:
        connection.execute("DELETE FROM remembered")
    put(system, some_more("ann"))
    await_folded(system)
    repeats = len(first.events("repeat"))
    put(system, some_more("ann"))
    await_folded(system)
    assert len(first.events("repeat")) == repeats + 3
    with system.connect() as connection:
        connection.execute("DELETE FROM remembered")
    second = system.start("engine", "two")
    wait_for(lambda: len(first.events("assigned")) == 2, "both to have part of them")
    put(system, some_more("ann"))
    await_folded(system)
    assert len(first.events("repeat")) == repeats + 3
    assert second.events("repeat") == []


def test_a_frozen_owner_holds_nobody_up_and_wakes_harmless(system: System) -> None:
    """One freezes before its transaction, one within; each is one of three owners."""
    workers = [
        system.start("engine", "one", FAILPOINT="engine.batch:freeze"),
        system.start("engine", "two", FAILPOINT="engine.written:freeze"),
        system.start("engine", "three"),
    ]
    wait_for(lambda: all(_owns_one(worker) for worker in workers), "each to own one partition")
    put(system, story())
    outside, within, successor = workers
    outside.await_event("failpoint", name="engine.batch")
    within.await_event("failpoint", name="engine.written")
    await_folded(system)
    assert not successor.events("fenced")
    for worker in (outside, within):
        worker.wake()
    freed = Samples(successor).one("laurel_freed_total", topic=system.settings.topic(TIMELINE))
    assert freed == len(successor.events("freed")) > 0
    wait_for(lambda: all(_owns_one(worker) for worker in workers), "each to own one again")
    put(system, some_more("ann"))
    assert come_of(system) == without_faults(system)
    assert [worker.process.poll() for worker in workers] == [None] * 3


def _owns_one(worker: Running) -> bool:
    assigned = worker.events("assigned")
    return bool(assigned) and len(assigned[-1]["partitions"]) == 1


def test_what_kafka_takes_for_committed_skips_nothing(system: System) -> None:
    put(system, story(people=1))
    rough.commit(system, "engine", TIMELINE, system.ends(TIMELINE))
    system.start("engine", LAUREL_BATCH="50")
    await_folded(system, seconds=20)
    assert come_of(system) == without_faults(system)


def test_a_commit_of_unknown_outcome_is_not_guessed_at(system: System) -> None:
    """Now and then the connection breaks at a commit: done or not, nobody tells the engine."""

    def cut(number: int) -> str | None:
        return {0: "before", 6: "after"}.get(number % 12)

    put(system, story())
    with Wire(system.env["DATABASE_URL"], cut) as wire:
        worker = system.start("engine", DATABASE_URL=wire.url)
        await_folded(system)
        came = come_of(system)
        worker.kill()
    assert came == without_faults(system)
    assert min(wire.cuts.count("before"), wire.cuts.count("after")) > 2
    assert worker.events("database")


@pytest.fixture
def rough_system(
    kafka: Broker, make_postgres: Callable[..., OwnServer], tmp_path: Path
) -> Iterator[tuple[System, OwnServer]]:
    server = make_postgres()
    with System(kafka.bootstrap, server.url, tmp_path, LAUREL_BATCH="1") as made:
        yield made, server


def test_a_database_that_restarts_breaks_nothing(rough_system: tuple[System, OwnServer]) -> None:
    """Three times in mid-stream, at once; and the loops beside go on."""
    system, server = rough_system
    put(system, story(people=8))
    worker = system.start("engine")
    for past in (10, 40, 70):
        await_progress(system, 0, past)
        server.restart(immediately=True)
    assert come_of(system) == without_faults(system)
    assert worker.events("database")
    assert worker.process.poll() is None


def test_poison_stops_the_engine_until_it_is_parked(system: System) -> None:
    """A record that nobody can read, then one on which a handler raises."""
    put(system, story(people=1))
    place = Line(2, "core", b"what is this?")
    put(system, [place, *some_more("ann")])
    poisoned = system.ends(TIMELINE)
    put(system, [line for fact in poison("core") for line in said(fact)])
    put(system, some_more("bea"))
    unreadable = _offset_of(system, place)

    stopped = system.start("engine", LAUREL_BATCH="500")
    assert stopped.await_exit() == STOPPED
    (line,) = stopped.events("stopped")
    assert (line["error"], line["partition"]) == ("Undecodable", 2)
    assert f"offset {unreadable}:" in line["why"]
    assert system.positions("engine", TIMELINE)[2] <= unreadable
    _park(system, 2, unreadable)

    stopped = system.start("engine", LAUREL_BATCH="1")
    assert stopped.await_exit() == STOPPED
    (line,) = stopped.events("stopped")
    assert (line["error"], line["partition"]) == ("HandlerFailed", 2)
    assert line["why"].startswith("certification")
    assert "ZoneInfoNotFoundError" in line["why"]
    assert system.positions("engine", TIMELINE)[2] == poisoned[2] + 1
    _park(system, 2, poisoned[2] + 1)

    worker = system.start("engine")
    assert come_of(system) == without_faults(system)
    assert [line["offset"] for line in worker.events("passed_over")] == [poisoned[2] + 1]


def _offset_of(system: System, line: Line) -> int:
    (offset,) = [record.offset for record in system.records(TIMELINE) if record.value == line.value]
    return int(offset)


def _park(system: System, partition: int, offset: int) -> None:
    with system.connect() as connection:
        connection.execute(
            "INSERT INTO parked VALUES (%s, %s, 'a test', now())", (partition, offset)
        )
