"""Is someone called lost who had come back, only because nobody was listening at the time?"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from schemas.alerts import TRAINING_ABANDONED
from schemas.envelope import stamp
from schemas.topics import DIRECTORY, RECORDED_TIME, TIMELINE, TRAINING
from streams import database, letters
from tests.conftest import Broker
from tests.streams.accounts import Lms, ago, customer_in
from tests.streams.system import Rows, Running, System, wait_for
from tests.streams.timeline import messages

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PATIENCE = 14 * DAY

LAPSES = 24 * HOUR
"""From when starts are heard until the learners' patience is over."""


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path) as system:
        yield system


def heard_at(at: datetime) -> list[tuple[str, bytes]]:
    """The header by which a player says when a record was heard."""
    return [(RECORDED_TIME, stamp(at).encode())]


def publish_as_of(
    system: System,
    partition: int,
    *events: tuple[datetime, Mapping[str, object]],
    headers: Sequence[tuple[str, bytes]] = (),
) -> None:
    """Put events on `intake.training` that the broker says it took at these instants."""
    system.alter(TRAINING, {"message.timestamp.type": "CreateTime"})
    taken = [int(at.timestamp() * 1000) for at, _ in events]
    for ms, (_, event) in zip(taken, events, strict=True):
        system.publish(TRAINING, event, partition=partition, headers=headers, timestamp_ms=ms)
    system.alter(TRAINING, {"message.timestamp.type": "LogAppendTime"})
    lie = [record for record in system.records(TRAINING) if record.partition == partition]
    assert [record.timestamp for record in lie[-len(events) :]] == taken


def await_looks(system: System, engine: Running, partition: int) -> None:
    """Let the ticker look while all of intake but a partition of `intake.training` is up to date.

    It looks four times a second.
    """
    engine.await_event("assigned")
    since = ago()
    wait_for(
        lambda: system.rows(
            "SELECT FROM positions WHERE app = 'intake' AND NOT (topic = %s AND partition = %s)"
            " HAVING min(watermark) > %s",
            system.settings.topic(TRAINING),
            partition,
            since + timedelta(seconds=1.5),
        ),
        "intake to be up to date elsewhere",
    )
    system.await_engine()


def await_clock(system: System) -> None:
    """Wait until the timeline has heard the real time everywhere."""
    wait_for(
        lambda: system.rows(
            "SELECT FROM positions WHERE app = 'engine' AND topic = %s HAVING min(ticked) > %s",
            system.settings.topic(TIMELINE),
            ago(hours=1),
        ),
        "the clock to be heard",
    )


def await_learners(system: System, customer: str, learners: int) -> None:
    """Wait until it is known that so many have begun."""
    known = "SELECT FROM training WHERE customer = %s HAVING count(*) = %s"
    wait_for(lambda: system.rows(known, customer, learners), "what they began to be folded")


def stalls(system: System, customer: str) -> Rows:
    """(name, status, whether it was told) of each stall in an account."""
    return system.rows(
        "SELECT name, status, notify FROM alerts"
        " JOIN people ON person = split_part(subject, '|', 1)"
        " WHERE customer = %s AND rule = %s ORDER BY name",
        customer,
        TRAINING_ABANDONED,
    )


def cards(system: System, customer: str) -> list[tuple[str, int]]:
    """(status, version) of each message about a stall in an account."""
    said = messages(system, customer)
    return [(status, version) for rule, status, version in said if rule == TRAINING_ABANDONED]


@pytest.mark.parametrize("away", [HOUR, 3 * DAY, 29 * DAY], ids=["hour", "3 days", "29 days"])
def test_a_completion_that_waited_unread_is_no_stall(away: timedelta, system: System) -> None:
    lms = Lms("outage")
    customer = customer_in(0, "outage")
    last_seen = ago(seconds=away.total_seconds())
    lapse = last_seen + away / 2
    people = ["ann", "bob", "cid"]
    system.drive(last_seen)
    system.publish(
        DIRECTORY,
        lms.described(customer),
        lms.offered(),
        *(lms.joined(who, customer) for who in people),
        headers=heard_at(last_seen),
        partition=0,
    )
    workers = system.start("intake"), system.start("engine")
    system.await_intake()
    begun = [lms.started(who, lapse - PATIENCE) for who in people]
    system.publish(TRAINING, *begun, headers=heard_at(last_seen), partition=0)
    system.await_intake()
    system.await_engine()
    system.dismiss("intake", workers[0])
    system.dismiss("engine", workers[1])

    # Ann is done in time, Cid too late, Bob never; nobody hears of it.
    in_time, late = lapse - away / 4, lapse + away / 4
    publish_as_of(
        system, 1, (in_time, lms.completed("ann", in_time)), (late, lms.completed("cid", late))
    )
    system.let_go()
    with system.held("intake", TRAINING, 1):
        system.start("intake")
        engine = system.start("engine")
        await_looks(system, engine, partition=1)
        assert stalls(system, customer) == []
    system.await_intake()
    wait_for(lambda: stalls(system, customer), "the tick")
    assert stalls(system, customer) == [("Bob", "open", True), ("Cid", "resolved", False)]
    assert cards(system, customer) == [("open", 1)]
    assert system.rows(
        "SELECT user_name, status FROM user_training WHERE customer_id = %s ORDER BY 1", customer
    ) == [("Ann", "completed"), ("Bob", "abandoned"), ("Cid", "completed")]


def test_what_is_released_together_after_the_deadline_is_no_stall(system: System) -> None:
    lms = Lms("released")
    customer = customer_in(0, "released")
    heard = ago(days=21)
    lapse = heard + LAPSES
    began = lapse - PATIENCE
    system.drive(heard)
    system.publish(
        DIRECTORY,
        lms.described(customer),
        lms.offered(),
        headers=heard_at(heard),
        partition=0,
    )
    system.start("intake")
    engine = system.start("engine")
    system.await_intake()
    # Nobody knows them yet. Dora is done in time, Erin never, Fay had lapsed when she was heard of.
    system.publish(
        TRAINING,
        lms.started("dora", began - HOUR),
        lms.module("dora", began),
        lms.started("erin", began),
        lms.started("fay", heard - HOUR - PATIENCE),
        headers=heard_at(heard),
        partition=0,
    )
    done = lms.completed("dora", lapse - HOUR)
    system.publish(TRAINING, done, headers=heard_at(lapse - HOUR), partition=1)
    system.await_intake()
    waiting = "SELECT count(*) FROM quarantine WHERE status = %s"
    assert system.rows(waiting, "waiting") == [(5,)]
    system.let_go()
    await_clock(system)
    with system.held("intake", TRAINING, 1):
        people = [lms.joined(who, customer) for who in ("dora", "erin", "fay")]
        system.publish(DIRECTORY, *people, partition=0)
        await_learners(system, customer, 3)
        await_looks(system, engine, partition=1)
        assert system.rows(waiting, "releasing") == [(1,)]
        assert "Dora" not in [name for name, *_ in stalls(system, customer)]
    system.await_intake()
    wait_for(lambda: len(stalls(system, customer)) > 1, "the tick")
    assert stalls(system, customer) == [("Erin", "open", True), ("Fay", "open", True)]
    assert cards(system, customer) == [("open", 1)] * 2
    assert system.rows(
        "SELECT user_name, status FROM user_training WHERE customer_id = %s ORDER BY 1", customer
    ) == [("Dora", "completed"), ("Erin", "abandoned"), ("Fay", "abandoned")]


def test_a_tick_that_comes_late_does_not_speak_of_what_was_released_meanwhile(
    system: System,
) -> None:
    lms = Lms("late-tick")
    customer = customer_in(0, "late tick")
    heard = ago(days=21)
    lapse = heard + LAPSES
    system.drive(heard)
    told = [lms.described(customer), lms.offered()]
    system.publish(DIRECTORY, *told, headers=heard_at(heard), partition=0)
    patient = {"LAUREL_SESSION_SECONDS": "60"}
    system.start("intake", **patient)
    engine = system.start("engine", FAILPOINT="ticker.before:freeze", **patient)
    system.await_intake()
    began = lms.started("dora", lapse - PATIENCE)
    system.publish(TRAINING, began, headers=heard_at(heard), partition=0)
    done = lms.completed("dora", lapse - HOUR)
    system.publish(TRAINING, done, headers=heard_at(lapse - HOUR), partition=1)
    system.await_intake()
    system.await_engine()
    waiting = "SELECT count(*) FROM quarantine WHERE status = %s"
    assert system.rows(waiting, "waiting") == [(2,)]
    system.let_go()
    engine.await_event("failpoint")
    with system.held("intake", TRAINING, 1):
        system.publish(DIRECTORY, lms.joined("dora", customer), partition=0)
        wait_for(lambda: system.rows(waiting, "releasing") == [(1,)], "the start to be forwarded")
        engine.wake()
        engine.await_event("tick_stale", partition=0)
        await_learners(system, customer, 1)
        await_looks(system, engine, partition=1)
        assert stalls(system, customer) == []
    system.await_intake()
    system.await_engine()
    await_clock(system)
    assert stalls(system, customer) == []
    assert cards(system, customer) == []
    assert system.rows("SELECT status FROM user_training") == [("completed",)]


def test_what_is_replayed_together_after_the_deadline_is_no_stall(system: System) -> None:
    lms = Lms("replayed")
    customer = customer_in(0, "replayed")
    heard = ago(days=21)
    lapse = heard + LAPSES
    system.drive(heard)
    told = [lms.described(customer), lms.offered(), lms.joined("gus", customer)]
    system.publish(DIRECTORY, *told, headers=heard_at(heard), partition=0)
    system.start("intake")
    engine = system.start("engine")
    system.await_intake()
    # No player says when these were heard so that it could be read; a copy need not say it.
    wrong = [(RECORDED_TIME, b"yesterday")]
    done = lms.completed("gus", lapse - HOUR)
    publish_as_of(system, 0, (heard, lms.started("gus", lapse - PATIENCE)), headers=wrong)
    publish_as_of(system, 1, (lapse - HOUR, done), headers=wrong)
    system.await_intake()
    refused = system.rows("SELECT 'd' || id FROM dead_letters WHERE reason = 'header'")
    assert len(refused) == 2
    system.let_go()
    await_clock(system)
    with system.held("intake", TRAINING, 1):
        replay(system, [name for (name,) in refused])
        await_learners(system, customer, 1)
        await_looks(system, engine, partition=1)
        assert system.rows("SELECT status FROM dead_letters") == [("replaying",)]
        assert stalls(system, customer) == []
    system.await_intake()
    system.await_engine()
    await_looks(system, engine, partition=1)
    assert stalls(system, customer) == []
    assert system.rows("SELECT status FROM user_training") == [("completed",)]


def replay(system: System, names: Sequence[str]) -> None:
    """Have dead letters read again."""

    async def replay() -> None:
        async with database.open_pool(system.settings) as pool, pool.connection() as connection:
            await letters.replay(connection, names)

    asyncio.run(replay())
