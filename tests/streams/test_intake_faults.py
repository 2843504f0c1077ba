"""Does intake lose, double or misplace anything when it dies, freezes, is overtaken or refused?"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.structs import OffsetAndMetadata

from schemas.alerts import CERTIFICATION_EARNED
from schemas.envelope import parse, stamp
from schemas.topics import (
    CATALOGUE,
    DIRECTORY,
    INTAKE,
    QUARANTINE_ROW,
    RECORDED_TIME,
    TIMELINE,
    TRAINING,
)
from streams import directory, topics
from streams.process import STOPPED
from tests.conftest import Broker, OwnBroker, OwnServer, Server, empty_database
from tests.streams.accounts import Lms, ago, customer_in
from tests.streams.system import Running, System, wait_for
from tests.streams.timeline import (
    assert_dropped,
    assert_told,
    ids,
    lines,
    messages,
    training,
)

KILLED = 137

Start = Callable[..., Running]

# A completion that brings its certificate earns it, then adds its number to the card.
EARNED = [(CERTIFICATION_EARNED, "open", 1), (CERTIFICATION_EARNED, "open", 2)]


@pytest.fixture(scope="module")
def system(
    kafka: Broker, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """One system for all faults that leave broker and database alone."""
    folder = tmp_path_factory.mktemp("intake-faults")
    with empty_database(postgres) as url, System(kafka.bootstrap, url, folder) as system:
        yield system


@pytest.fixture(scope="module")
def engine(system: System) -> Running:
    """One engine, which is spared."""
    return system.start("engine")


@pytest.fixture
def intake(system: System) -> Iterator[Start]:
    """Starts intake workers, which are gone when the test ends."""
    with starting(system) as start:
        yield start


@contextmanager
def starting(system: System) -> Iterator[Start]:
    """Starts intake workers, and dismisses them."""
    started: list[Running] = []

    def start(instance: str = "one", **env: str) -> Running:
        started.append(system.start("intake", instance, **env))
        return started[-1]

    yield start
    system.dismiss("intake", *started)


def struck(worker: Running, name: str) -> None:
    """Wait until a worker has died at this failpoint."""
    assert worker.await_exit() == KILLED
    assert [hit["name"] for hit in worker.events("failpoint")] == [name]


def waiting(system: System, lms: Lms) -> list[str]:
    """The ids of an LMS's events that stand in the quarantine."""
    rows = system.rows("SELECT bytes FROM quarantine ORDER BY id")
    events = [parse(row[0]) for row in rows]
    return [event.id for event in events if event.source == lms.source]


def released(system: System, topic: str, lms: Lms) -> list[str]:
    """The ids of an LMS's events that were published again."""
    copies = [
        parse(record.value)
        for record in system.records(topic)
        if QUARANTINE_ROW in dict(record.headers)
    ]
    return [event.id for event in copies if event.source == lms.source]


def test_a_worker_may_die_at_each_step_and_between_two_appends(
    system: System, engine: Running, intake: Start
) -> None:
    lms = Lms("dying")
    here, there = customer_in(0, "dying"), customer_in(1, "dying")
    batch = [
        lms.described(here),
        lms.offered(),
        lms.joined("ann", here),
        lms.started("ann", ago(hours=3)),
        lms.certified("ann", ago(hours=2)),
        lms.described(there),
        lms.joined("bob", there),
        lms.started("bob", ago(hours=3)),
        lms.started("eve", ago(hours=3)),
    ]
    system.publish(TRAINING, *batch, partition=0)
    start = system.positions("intake", TRAINING)[0]
    reached = {
        "intake.resolved": (1, []),
        "intake.between_appends": (1, [0]),
        "intake.catalogue_append": (2, [0, 1]),
        "intake.appended": (1, [0, 1, 2]),
        "intake.before_move": (1, [0, 1, 2]),
    }
    for step, (count, partitions) in reached.items():
        struck(intake(FAILPOINT=f"{step}:exit:{count}"), step)
        assert sorted({line.partition for line in lines(system, lms.source)}) == partitions
        assert waiting(system, lms) == ids(batch[8])
        assert system.positions("intake", TRAINING)[0] == start
        assert not system.rows("SELECT FROM customer_facts WHERE customer = %s", here)
    struck(intake(FAILPOINT="intake.moved:exit"), "intake.moved")
    assert system.positions("intake", TRAINING)[0] == start + len(batch)

    more = [lms.completed("bob", ago(hours=1))]
    system.publish(TRAINING, *more, partition=0)
    intake()
    system.await_intake()
    copies = assert_told(
        system,
        lms.source,
        {
            CATALOGUE: ids(batch[1]),
            here: ids(batch[0], *batch[2:5]),
            there: ids(*batch[5:8], *more),
        },
    )
    # One record that means two facts was appended four times, and is one attempt and one card.
    assert len([copy for copy in copies if [copy.id] == ids(batch[3])]) == 4
    assert len([copy for copy in copies if [copy.id] * 2 == ids(batch[4])]) == 8
    assert len([copy for copy in copies if copy.key == CATALOGUE]) == 4 + 3 + 2
    assert_dropped(system, engine, copies)
    assert training(system, here) == [("Ann", "completed", 1)]
    assert training(system, there) == [("Bob", "completed", 1)]
    assert messages(system, here) == EARNED
    assert messages(system, there) == EARNED[:1]


@dataclass(frozen=True, slots=True)
class Moved:
    """What a crash, a move and two more attempts left behind."""

    lms: Lms
    old: str
    new: str
    directory: list[dict[str, Any]]
    batch: list[dict[str, Any]]
    moves: list[dict[str, Any]]
    later: list[dict[str, Any]]


@pytest.fixture(scope="module")
def moved(system: System, engine: Running) -> Moved:
    """Someone moves to another account, and another becomes known, between two attempts.

    The first attempt dies after step 1; the next one's batches are shorter, and it dies too.
    """
    lms = Lms("moved")
    old, new = customer_in(0, "old"), customer_in(1, "new")
    told = [lms.described(old), lms.described(new), lms.offered(), lms.joined("ann", old)]
    batch = [
        lms.started("ann", ago(hours=9)),
        lms.module("ann", ago(hours=8)),
        lms.module("ann", ago(hours=7), "m2"),
        lms.started("eve", ago(hours=7)),
        lms.completed("ann", ago(hours=6)),
    ]
    moves = [
        lms.left("ann", old, ago(hours=10)),
        lms.joined("ann", new, ago(hours=10)),
        lms.joined("eve", old),
    ]
    later = [lms.started("ann", ago(hours=1))]
    with starting(system) as intake:
        system.publish(DIRECTORY, *told, partition=2)
        intake()
        system.await_intake()
    with starting(system) as intake:
        system.publish(TRAINING, *batch, partition=1)
        struck(intake(FAILPOINT="intake.resolved:exit"), "intake.resolved")
        assert not [line for line in lines(system, lms.source) if line.id == batch[0]["id"]]
        assert waiting(system, lms) == ids(batch[3])
        with system.held("intake", TRAINING, 1):
            system.publish(DIRECTORY, *moves, partition=2)
            between = intake()
            wait_for(lambda: released(system, TRAINING, lms), "eve to be released")
            between.kill()
        shorter = intake(FAILPOINT="intake.resolved:exit:2", LAUREL_BATCH="2")
        struck(shorter, "intake.resolved")
        system.publish(TRAINING, *later, partition=1)
        intake()
        system.await_intake()
    return Moved(lms, old, new, told, batch, moves, later)


def test_an_event_keeps_its_first_account_though_the_directory_changes(
    system: System, moved: Moved
) -> None:
    described, newly, course, joined = moved.directory
    left, rejoined, known = moved.moves
    copies = assert_told(
        system,
        moved.lms.source,
        {
            CATALOGUE: ids(course),
            moved.old: ids(described, joined, left, known, *moved.batch),
            moved.new: ids(newly, rejoined, *moved.later),
        },
    )
    assert copies
    assert training(system, moved.new) == [("Ann", "in_progress", 0)]
    assert training(system, moved.old) == [("Ann", "completed", 1), ("Eve", "in_progress", 0)]
    assert messages(system, moved.old) == EARNED[:1]
    assert messages(system, moved.new) == []


def test_who_becomes_known_between_two_attempts_is_heard_once(
    system: System, engine: Running, moved: Moved
) -> None:
    assert waiting(system, moved.lms) == []
    known = ids(moved.batch[3])
    assert released(system, TRAINING, moved.lms) == known
    copies = [line for line in lines(system, moved.lms.source) if [line.id] == known][1:]
    assert_dropped(system, engine, copies)


def test_a_refused_append_ends_the_process_and_loses_nothing(
    system: System, intake: Start
) -> None:
    lms = Lms("refused")
    small, large = customer_in(0, "refused"), customer_in(1, "refused")
    batch = [lms.described(small), lms.described(large), lms.joined("ann", large), lms.offered()]
    batch += [lms.started("ann", ago(hours=3)), lms.completed("ann", ago(hours=1))]
    system.publish(TRAINING, *batch, partition=0)
    start = system.positions("intake", TRAINING)
    system.alter(TIMELINE, {"max.message.bytes": "1200"})
    worker = intake()
    assert worker.await_exit() == STOPPED
    system.alter(TIMELINE, {"max.message.bytes": "1048588"})
    (said,) = worker.events("stopped")
    assert said["error"] == "AppendFailed"
    assert "MessageSizeTooLarge" in said["why"]
    assert {line.key for line in lines(system, lms.source)} == {small, CATALOGUE}
    assert system.positions("intake", TRAINING) == start
    intake()
    system.await_intake()
    assert_told(
        system,
        lms.source,
        {
            CATALOGUE: ids(batch[3]),
            small: ids(batch[0]),
            large: ids(batch[1], batch[2], *batch[4:]),
        },
    )


def test_a_writer_frozen_after_step_1_wakes_and_changes_nothing(
    system: System, engine: Running, intake: Start
) -> None:
    lms = Lms("frozen")
    old, new = customer_in(0, "frozen-old"), customer_in(1, "frozen-new")
    told = [lms.described(old), lms.described(new), lms.offered(), lms.joined("ann", old)]
    batch = [lms.started("ann", ago(hours=9)), lms.certified("ann", ago(hours=6))]
    moves = [lms.left("ann", old, ago(hours=10)), lms.joined("ann", new, ago(hours=10))]
    system.publish(DIRECTORY, *told, partition=2)
    frozen = intake("frozen", FAILPOINT="intake.resolved:freeze:2")
    system.await_intake()
    system.publish(TRAINING, *batch, partition=1)
    frozen.await_event("failpoint")
    with system.held("intake", TRAINING, 1):
        system.publish(DIRECTORY, *moves, partition=2)
        intake("heir")
        wait_for(
            lambda: system.positions("intake", DIRECTORY) == system.ends(DIRECTORY),
            "the heir to take over and learn that ann has moved",
        )
    system.await_intake()
    before = assert_told(
        system,
        lms.source,
        expected := {
            CATALOGUE: ids(told[2]),
            old: ids(told[0], told[3], moves[0], *batch),
            new: ids(told[1], moves[1]),
        },
    )
    position = system.positions("intake", TRAINING)
    frozen.wake()
    # What it had resolved it appends, too late; its position is the heir's.
    frozen.await_event("fenced", topic=system.settings.topic(TRAINING), partition=1)
    copies = assert_told(system, lms.source, expected)
    assert before == []
    assert [line.id for line in copies] == ids(*batch)
    assert_dropped(system, engine, copies)
    assert system.positions("intake", TRAINING) == position
    assert training(system, old) == [("Ann", "completed", 1)]
    assert training(system, new) == []
    assert messages(system, old) == EARNED


def test_an_owner_frozen_inside_its_transaction_for_good_holds_nobody(
    system: System, intake: Start
) -> None:
    lms = Lms("stuck")
    customer = customer_in(2, "stuck")
    batch = [lms.described(customer), lms.offered(), lms.joined("ann", customer)]
    system.publish(DIRECTORY, *batch, partition=0)
    stuck = intake("stuck", FAILPOINT="intake.before_resolve:freeze")
    stuck.await_event("failpoint")
    intake("heir")
    system.await_intake()
    assert len(stuck.events("failpoint")) == 1
    assert not stuck.events("database")
    assert_told(
        system, lms.source, {customer: ids(batch[0], batch[2]), CATALOGUE: ids(batch[1])}
    )


def test_two_workers_share_and_one_inherits_while_events_keep_coming(
    system: System, engine: Running, intake: Start
) -> None:
    lms = Lms("shared")
    customers = [customer_in(partition, "shared") for partition in range(3)]
    people = [f"p{n}" for n in range(6)]
    told = [lms.offered(), *map(lms.described, customers)]
    told += [lms.joined(who, customers[n % 3]) for n, who in enumerate(people)]
    system.publish(DIRECTORY, *told, partition=0)
    said: dict[str, list[dict[str, Any]]] = {who: [] for who in people}

    def go_on() -> None:
        """Each learner completes another module."""
        for n, who in enumerate(people):
            module = lms.module(who, ago(minutes=600 - len(said[who])), f"m{len(said[who])}")
            said[who].append(module)
            system.publish(TRAINING, module, partition=n % 3)

    def keep_on(until: Callable[[], Any], why: str) -> None:
        def done() -> Any:
            go_on()
            return until()

        wait_for(done, why)

    one = intake("one", FAILPOINT="intake.appended:exit:60")
    system.await_intake()
    two = intake("two")
    keep_on(lambda: two.events("assigned"), "the second worker to be given partitions")
    keep_on(lambda: one.process.poll() is not None, "the first worker to die")
    struck(one, "intake.appended")
    keep_on(lambda: two.events("assigned")[-1]["partitions"] == everything(system), "the heir")
    system.await_intake()
    expected = {
        customer: ids(
            told[1 + n], *told[4 + n :: 3], *(event for who in people[n::3] for event in said[who])
        )
        for n, customer in enumerate(customers)
    }
    found = [line for line in lines(system, lms.source) if line.key != CATALOGUE]
    assert {key: sorted(of) for key, of in expected.items()} == {
        key: sorted({line.id for line in found if line.key == key}) for key in customers
    }
