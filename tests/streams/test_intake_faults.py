"""Does intake lose, double or misplace anything when it dies, freezes, is overtaken or refused?"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP
from kafka import KafkaAdminClient, TopicPartition
from kafka.structs import OffsetAndMetadata

from schemas.alerts import CERTIFICATION_EARNED
from schemas.envelope import encode_tick, milliseconds, parse, stamp
from schemas.topics import (
    CATALOGUE,
    DIRECTORY,
    INTAKE,
    QUARANTINE_ROW,
    RECORDED_TIME,
    TIMELINE,
    TRAINING,
)
from streams import database, directory, positions, topics
from streams.append import open_producer
from streams.intake import Intake
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
from tests.streams.watching import Samples

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


def await_forwarded(system: System, topic: str) -> None:
    """Wait until all of one topic is forwarded, while another waits."""
    wait_for(
        lambda: system.positions("intake", topic) == system.ends(topic),
        f"intake to be drained of {topic}",
    )


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


def name(event: dict[str, Any]) -> str:
    """What causes call an event."""
    return f"{event['source']}#{event['id']}"


def heard_at(at: datetime) -> list[tuple[str, bytes]]:
    """The header by which a player says when a record was heard."""
    return [(RECORDED_TIME, stamp(at).encode())]


@contextmanager
def driven(system: System, now: datetime) -> Iterator[None]:
    """The clock stands at `now` or where it is driven to, and is real again afterwards."""
    system.drive(now)
    yield
    system.let_go()


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
    """What a crash, a move and another attempt left behind."""

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

    The first one dies after step 1; what it had in one batch comes in shorter ones to the next.
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
    system.publish(DIRECTORY, *told, partition=2)
    system.publish(TRAINING, *batch, partition=1)
    with starting(system) as intake:
        with system.held("intake", TRAINING, 1):
            first = intake(FAILPOINT="intake.resolved:exit:2")
            await_forwarded(system, DIRECTORY)
        struck(first, "intake.resolved")
        assert not [line for line in lines(system, lms.source) if line.id == batch[0]["id"]]
        assert waiting(system, lms) == ids(batch[3])
        with system.held("intake", TRAINING, 1):
            system.publish(DIRECTORY, *moves, partition=2)
            between = intake()
            wait_for(lambda: released(system, TRAINING, lms), "eve to be released")
            between.kill()
        system.publish(TRAINING, *later, partition=1)
        intake(LAUREL_BATCH="2")
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


def test_a_refused_append_ends_the_process_and_loses_nothing(system: System, intake: Start) -> None:
    lms = Lms("refused")
    small, large = customer_in(0, "refused"), customer_in(1, "refused")
    batch = [lms.described(small), lms.described(large), lms.joined("ann", large), lms.offered()]
    batch += [lms.started("ann", ago(hours=3)), lms.completed("ann", ago(hours=1))]
    worker = intake()
    # What it has found right when it started.
    worker.await_event("assigned")
    start = system.positions("intake", TRAINING)
    system.alter(TIMELINE, {"max.message.bytes": "1200"})
    system.publish(TRAINING, *batch, partition=0)
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


def test_a_writer_that_wakes_after_its_heir_is_done_changes_nothing(
    system: System, engine: Running, intake: Start
) -> None:
    lms = Lms("woken")
    old, new = customer_in(0, "woken-old"), customer_in(1, "woken-new")
    told = [lms.described(old), lms.described(new), lms.offered(), lms.joined("ann", old)]
    batch = [lms.started("ann", ago(hours=9)), lms.certified("ann", ago(hours=6))]
    moves = [lms.left("ann", old, ago(hours=10)), lms.joined("ann", new, ago(hours=10))]
    expected = {
        CATALOGUE: ids(told[2]),
        old: ids(told[0], told[3], moves[0], *batch),
        new: ids(told[1], moves[1]),
    }
    system.publish(DIRECTORY, *told, partition=2)
    frozen = intake("frozen", FAILPOINT="intake.resolved:freeze:2")
    system.await_intake()
    system.publish(TRAINING, *batch, partition=1)
    frozen.await_event("failpoint")
    with system.held("intake", TRAINING, 1):
        system.publish(DIRECTORY, *moves, partition=2)
        intake("heir")
        await_forwarded(system, DIRECTORY)
    system.await_intake()
    position = system.positions("intake", TRAINING)
    assert assert_told(system, lms.source, expected) == []
    frozen.wake()
    wait_for(
        lambda: [copy.id for copy in assert_told(system, lms.source, expected)] == ids(*batch),
        "the writer to append what it had resolved, too late",
    )
    assert_dropped(system, engine, assert_told(system, lms.source, expected))
    wait_for(lambda: len(frozen.events("assigned")) == 2, "the writer to be given partitions again")
    assert system.positions("intake", TRAINING) == position
    assert training(system, old) == [("Ann", "completed", 1)]
    assert training(system, new) == []
    assert messages(system, old) == EARNED


def test_a_writer_overtaken_by_another_owner_is_fenced(
    system: System, engine: Running, intake: Start
) -> None:
    lms = Lms("fenced")
    customer = customer_in(0, "fenced")
    told = [lms.described(customer), lms.offered(), lms.joined("ann", customer)]
    more = [lms.started("ann", ago(hours=3)), lms.module("ann", ago(hours=2))]
    last = lms.completed("ann", ago(hours=1))
    system.publish(TRAINING, *told, partition=1)
    # So long a session that nobody but the position can tell it that it is no longer the owner.
    slow = intake(FAILPOINT="intake.resolved:freeze", LAUREL_SESSION_SECONDS="60")
    slow.await_event("failpoint")
    system.publish(TRAINING, *more, partition=1)
    overtake(system, TRAINING, 1)
    position = system.positions("intake", TRAINING)
    assert position == system.ends(TRAINING)
    slow.wake()
    topic = system.settings.topic(TRAINING)
    slow.await_event("fenced", topic=topic, partition=1)
    assert system.positions("intake", TRAINING) == position
    system.publish(TRAINING, last, partition=1)
    system.await_intake()
    fences = Samples(slow).one("laurel_fences_total", topic=topic)
    assert fences == len(slow.events("fenced"))
    copies = assert_told(
        system,
        lms.source,
        {CATALOGUE: ids(told[1]), customer: ids(told[0], told[2], *more, last)},
    )
    assert {copy.id for copy in copies} == set(ids(*told))
    assert_dropped(system, engine, copies)


def overtake(system: System, topic: str, partition: int) -> None:
    """Forward what lies on a partition as another owner of it would, here."""
    name = system.settings.topic(topic)
    records = [record for record in system.records(topic) if record.partition == partition]

    async def is_well(_: TP) -> None:
        """Topic and position have just been made."""

    async def forward() -> None:
        settings = system.settings
        async with database.open_pool(settings) as pool, open_producer(settings) as producer:
            await Intake(settings, pool, producer, is_well).work(TP(name, partition), records, True)

    asyncio.run(forward())


@pytest.mark.parametrize("step", ["before_resolve", "before_move"])
def test_an_owner_frozen_inside_its_transaction_for_good_holds_nobody(
    step: str, system: System, intake: Start
) -> None:
    lms = Lms(f"stuck-{step}")
    customer = customer_in(2, lms.name)
    batch = [lms.described(customer), lms.offered(), lms.joined("ann", customer)]
    system.publish(DIRECTORY, *batch, partition=0)
    stuck = intake("stuck", FAILPOINT=f"intake.{step}:freeze")
    stuck.await_event("failpoint")
    system.publish(DIRECTORY, more := lms.joined("bob", customer), partition=1)
    intake("heir")
    system.await_intake()
    assert stuck.events()[-1]["event"] == "failpoint"
    wait_for(lambda: not waiting(system, lms), "bob to be known where his account is")
    system.await_intake()
    assert_told(
        system,
        lms.source,
        {customer: ids(batch[0], batch[2], more), CATALOGUE: ids(batch[1])},
    )


def test_two_workers_share_and_one_inherits_while_events_keep_coming(
    system: System, engine: Running, intake: Start
) -> None:
    lms = Lms("shared")
    customers = [customer_in(partition, "shared") for partition in range(3)]
    people = [f"p{n}" for n in range(6)]
    told = [lms.offered(), *map(lms.described, customers)]
    told += [lms.joined(who, customers[n % 3]) for n, who in enumerate(people)]
    rounds: list[list[dict[str, Any]]] = []

    def given(worker: Running) -> list[str]:
        """The partitions of a worker."""
        assigned = worker.events("assigned")
        return assigned[-1]["partitions"] if assigned else []

    def go_on() -> bool:
        """Each learner completes another module."""
        at, module = ago(minutes=600 - len(rounds)), f"m{len(rounds)}"
        rounds.append([lms.module(who, at, module) for who in people])
        for n, event in enumerate(rounds[-1]):
            system.publish(TRAINING, event, partition=n % 3)
        return True

    def go_on_until(what: Callable[[], bool], why: str) -> None:
        wait_for(lambda: go_on() and what(), why)

    system.publish(DIRECTORY, *told, partition=0)
    one = intake("one")
    system.await_intake()
    all_of_them = given(one)
    two = intake("two")
    go_on_until(lambda: len(given(two)) == 6, "the second worker to be given its share")
    assert set(given(one)) | set(given(two)) == set(all_of_them)
    one.kill()
    go_on_until(lambda: given(two) == all_of_them, "the second worker to inherit")
    system.await_intake()
    expected = {
        customer: ids(
            told[1 + n], *told[4 + n :: 3], *(event for round in rounds for event in round[n::3])
        )
        for n, customer in enumerate(customers)
    }
    assert_told(system, lms.source, {CATALOGUE: ids(told[0]), **expected})
    system.await_engine()
    (modules,) = system.rows(
        "SELECT array_agg(DISTINCT cardinality(modules)) FROM training WHERE customer = ANY(%s)",
        customers,
    )
    assert modules == ([len(rounds)],)


class TestAlive:
    """Nobody dies here: what is known comes too late, at the same time, or after weeks."""

    @pytest.fixture(scope="class", autouse=True)
    def worker(self, system: System) -> Iterator[Running]:
        """A worker that is spared, and patient with locks."""
        with starting(system) as start:
            yield start(LAUREL_SESSION_SECONDS="60")

    def test_a_completion_overtakes_its_course_between_append_and_commit(
        self, system: System, engine: Running
    ) -> None:
        lms = Lms("overtaken")
        customer = customer_in(0, "overtaken")
        told = [lms.described(customer), lms.joined("ann", customer), lms.offered()]
        done = lms.certified("ann", ago(hours=1))
        row = {"course": lms.course, "source_id": name(told[2]), "at": ago()}
        with system.blocked("course_facts", **row) as await_intake_there:
            system.publish(DIRECTORY, *told, partition=0)
            await_intake_there()
            system.publish(TRAINING, done, partition=1)
            wait_for(lambda: waiting(system, lms) == [done["id"]], "the completion to wait")
            assert told[2]["id"] in [line.id for line in lines(system, lms.source)]
        wait_for(lambda: not waiting(system, lms), "the completion to go on")
        system.await_intake()
        assert released(system, TRAINING, lms) == [done["id"]]
        assert_told(
            system, lms.source, {CATALOGUE: ids(told[2]), customer: ids(told[0], told[1], done)}
        )
        assert training(system, customer) == [("Ann", "completed", 1)]
        assert messages(system, customer) == EARNED

    def test_a_miss_believed_before_the_directory_grew_and_written_after_goes_on(
        self, system: System
    ) -> None:
        lms = Lms("raced")
        customer = customer_in(0, "raced")
        told = [lms.described(customer), lms.joined("ann", customer), lms.offered()]
        joined = lms.joined("eve", customer)
        batch = [lms.started("ann", ago(hours=2)), lms.started("eve", ago(hours=2))]
        system.publish(DIRECTORY, *told, partition=0)
        system.await_intake()
        hash = directory.route_hash(parse(json.dumps(batch[0])))
        row = {"hash": hash, "customer": "", "person": "", "made_at": ago()}
        with system.blocked("routes", **row) as await_intake_there:
            system.publish(TRAINING, *batch, partition=1)
            await_intake_there()
            system.publish(DIRECTORY, joined, partition=0)
            await_forwarded(system, DIRECTORY)
            assert waiting(system, lms) == []
        system.await_intake()
        wait_for(lambda: not waiting(system, lms), "eve's event to go on")
        system.await_intake()
        assert released(system, TRAINING, lms) == [batch[1]["id"]]
        assert_told(
            system,
            lms.source,
            {CATALOGUE: ids(told[2]), customer: ids(*told[:2], joined, *batch)},
        )

    def test_what_is_released_weeks_later_is_as_old_as_when_it_was_heard(
        self, system: System, engine: Running
    ) -> None:
        lms = Lms("weeks")
        customer = customer_in(0, "weeks")
        heard, learned = ago(days=21), ago(hours=1)
        told = [lms.described(customer), lms.offered()]
        done = lms.certified("ann", heard - timedelta(hours=1))
        joined = lms.joined("ann", customer)
        with driven(system, heard):
            system.publish(DIRECTORY, *told, partition=0, headers=heard_at(heard))
            system.publish(TRAINING, done, partition=1, headers=heard_at(heard))
            system.await_intake()
            wait_for(lambda: waiting(system, lms) == [done["id"]], "the completion to wait")
            system.drive(learned)
            system.publish(DIRECTORY, joined, partition=0, headers=heard_at(learned))
            wait_for(lambda: not waiting(system, lms), "the completion to go on")
            system.await_intake()
        assert released(system, TRAINING, lms) == [done["id"]]
        assert_told(
            system, lms.source, {CATALOGUE: ids(told[1]), customer: ids(told[0], joined, done)}
        )
        # History never alerts, and this would be history if it were as old as its release.
        assert messages(system, customer) == EARNED
        assert system.rows(
            "SELECT DISTINCT raised_at FROM alerts WHERE customer = %s", customer
        ) == [(milliseconds(heard),)]


@pytest.mark.parametrize("step", ["resolved", "appended"])
def test_the_clock_waits_for_what_is_released_also_where_intake_dies_over_it(
    system: System, engine: Running, intake: Start, step: str
) -> None:
    """A start and its completion wait for their person; the deadline between them has passed."""
    lms = Lms(f"over-{step}")
    customer = customer_in(0, lms.name)
    began, done = ago(days=21), ago(days=10)
    start, completion = lms.started("ann", began), lms.completed("ann", done)
    worker = intake(LAUREL_BATCH="1")
    with driven(system, began):
        directory = [lms.described(customer), lms.offered()]
        system.publish(DIRECTORY, *directory, partition=0, headers=heard_at(began))
        system.publish(TRAINING, start, partition=1, headers=heard_at(began))
        system.await_intake()
        system.drive(done)
        system.publish(TRAINING, completion, partition=1, headers=heard_at(done))
        wait_for(lambda: waiting(system, lms) == ids(start, completion), "both to wait")
    wait_for(lambda: heard(system) > ago(hours=1), "the clock to be real again")
    worker.kill()

    # Who she is comes first, then her start, then her completion.
    worker = intake(LAUREL_BATCH="1", FAILPOINT=f"intake.{step}:exit:3")
    system.publish(DIRECTORY, lms.joined("ann", customer), partition=0)
    struck(worker, f"intake.{step}")
    assert waiting(system, lms) == ids(completion)
    assert heard(system) == milliseconds(done)
    intake()
    wait_for(lambda: not waiting(system, lms), "the completion to go on")
    system.await_intake()
    wait_for(lambda: heard(system) > ago(hours=1), "the clock to go on")
    system.await_engine()
    assert training(system, customer) == [("Ann", "completed", 1)]
    # Heard ten days ago it was no history, and no deadline came before it.
    assert messages(system, customer) == EARNED[:1]


def heard(system: System) -> datetime:
    """What ticks may say now at most; long ago where nothing is known yet."""

    async def ask() -> datetime | None:
        async with database.open_pool(system.settings, size=1) as pool, pool.connection() as one:
            return await positions.watermark(one, map(system.settings.topic, INTAKE))

    return asyncio.run(ask()) or ago(days=1000)


def test_a_kafka_offset_ahead_of_postgres_is_only_a_hint(system: System, intake: Start) -> None:
    lms = Lms("ahead")
    customer = customer_in(0, "ahead")
    batch = [lms.described(customer), lms.joined("ann", customer)]
    system.publish(DIRECTORY, *batch, partition=0)
    ahead = {
        TopicPartition(system.settings.topic(topic), partition): OffsetAndMetadata(end, "", -1)
        for topic in INTAKE
        for partition, end in system.ends(topic).items()
    }
    client = KafkaAdminClient(bootstrap_servers=system.settings.kafka_bootstrap)
    answers = client.alter_group_offsets(system.settings.group("intake"), ahead)
    client.close()
    assert {answer.errno for answer in answers.values()} == {0}
    intake()
    system.await_intake()
    assert_told(system, lms.source, {customer: ids(*batch)})


def test_a_lost_position_stops_intake_by_name_and_is_not_begun_again(
    system: System, intake: Start
) -> None:
    lost = "app = 'intake' AND topic = %s AND partition = 1"
    topic = system.settings.topic(TRAINING)
    system.append(TIMELINE, 0, CATALOGUE, encode_tick(ago(), 0))
    with system.connect() as connection:
        connection.execute(f"CREATE TABLE kept AS SELECT * FROM positions WHERE {lost}", (topic,))
        connection.execute(f"DELETE FROM positions WHERE {lost}", (topic,))
        assert topics.begin_positions(system.settings, connection) == 0
        worker = intake()
        assert worker.await_exit() == STOPPED
        connection.execute("INSERT INTO positions SELECT * FROM kept")
        connection.execute("DROP TABLE kept")
    (said,) = worker.events("stopped")
    assert said["error"] == "PositionLost"
    assert f"{topic}[1]" in said["why"]


def test_the_broker_dies_between_two_appends(
    make_kafka: Callable[..., OwnBroker], database: str, tmp_path: Path
) -> None:
    broker = make_kafka()
    with System(broker.bootstrap, database, tmp_path) as system:
        lms = Lms("broker")
        customers = [customer_in(partition, "broker") for partition in range(3)]
        batch = [lms.offered(), *map(lms.described, customers)]
        batch += [lms.joined("ann", customer) for customer in customers]
        system.publish(DIRECTORY, *batch, partition=0)
        worker = system.start("intake", FAILPOINT="intake.between_appends:freeze")
        worker.await_event("failpoint")
        assert {line.partition for line in lines(system, lms.source)} == {0}
        broker.kill()
        worker.wake()
        broker.restart()
        system.await_intake()
        assert_told(
            system,
            lms.source,
            {CATALOGUE: ids(batch[0])}
            | {key: ids(batch[1 + n], batch[4 + n]) for n, key in enumerate(customers)},
        )


def test_the_database_restarts_while_events_keep_coming(
    kafka: Broker, make_postgres: Callable[..., OwnServer], tmp_path: Path
) -> None:
    server = make_postgres()
    with System(kafka.bootstrap, server.url, tmp_path) as system:
        lms = Lms("restarted")
        customer = customer_in(0, "restarted")
        told = [lms.described(customer), lms.offered(), lms.joined("ann", customer)]
        system.publish(DIRECTORY, *told, partition=0)
        worker = system.start("intake")
        system.await_intake()
        modules: list[dict[str, Any]] = []

        def go_on() -> bool:
            module = lms.module("ann", ago(minutes=600 - len(modules)), f"m{len(modules)}")
            modules.append(module)
            system.publish(TRAINING, module, partition=0)
            return True

        for _ in range(20):
            go_on()
        server.restart(immediately=True)
        wait_for(lambda: go_on() and worker.events("database"), "the worker to feel the restart")
        system.await_intake()
        assert_told(
            system,
            lms.source,
            {CATALOGUE: ids(told[1]), customer: ids(told[0], told[2], *modules)},
        )
