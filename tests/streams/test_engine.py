"""Does the timeline come to the same, however it is cut and by whomever it is folded?"""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from faust.types import TP

from projections.migrate import migrate
from projections.store import Store
from schemas.alerts import CERTIFICATION_EARNED, TRAINING_ABANDONED
from schemas.envelope import encode_tick
from schemas.facts import (
    CertificateGranted,
    CustomerEnded,
    ModuleCompleted,
    TrainingCompleted,
    TrainingStarted,
)
from schemas.topics import CATALOGUE, TIMELINE
from streams import engine as engines
from streams import fold as folds
from streams import reading
from streams.database import connect, open_pool
from streams.engine import Engine
from streams.settings import Settings, load
from streams.stop import Beyond, PositionLost, StateTooNew, TimelineHole, Undecodable
from tests.conftest import Broker, Server, empty_database
from tests.streams.accounts import ago
from tests.streams.folding import (
    Line,
    Record,
    a_fact,
    begin,
    come_of,
    cut,
    day,
    dump,
    fits,
    fold,
    put,
    recorded,
    records_of,
    said,
    story,
    without_faults,
)
from tests.streams.system import System
from tests.streams.watching import Samples, counted, looked_up, rises

ACME = TP(TIMELINE, 0)
WHOSE = {"customer": "acme", "course": "admin"}
MINUTE = 1 / 24 / 60


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path) as made:
        yield made


@pytest.fixture
def settings(database: str) -> Settings:
    """An engine's database; nothing here asks Kafka."""
    return begun(database)


def begun(database: str) -> Settings:
    migrate(database)
    settings = load({"DATABASE_URL": database, "LAUREL_PARTITIONS": "3"})
    begin(settings)
    return settings


def rows(settings: Settings, query: str) -> list[Any]:
    with connect(settings) as connection:
        return connection.execute(query).fetchall()


def tables(settings: Settings) -> dict[str, list[Any]]:
    with connect(settings) as connection:
        return dump(connection)


def lines_of(output: str, event: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line for line in found if line["event"] == event]


def starts(person: str, at: float = 0) -> list[Line]:
    return said(a_fact(TrainingStarted, at, f"{person} starts", person=person, **WHOSE))


def goes_on(person: str, at: float) -> list[Line]:
    fact = a_fact(ModuleCompleted, at, f"{person} at {at}", person=person, module="m1", **WHOSE)
    return said(fact)


def tick(at: float) -> list[Line]:
    return [Line(0, CATALOGUE, encode_tick(day(at), 0))]


def of_acme(lines: list[Line], at: float = 90) -> list[Record]:
    """These lines as records of acme's partition, appended on day `at`."""
    return recorded(lines, at)[ACME]


def run(settings: Settings, *batches: list[Record]) -> dict[str, list[Any]]:
    """What stands when one engine, new to the database, has folded these batches."""
    asyncio.run(fold(settings, {ACME: batches}))
    return tables(settings)


def test_results_do_not_depend_on_batch_size(postgres: Server, system: System) -> None:
    put(system, story())
    worker = system.start("engine", LAUREL_BATCH="50")
    here = without_faults(system)
    assert here.tables["alert_versions"]
    records = records_of(system)
    for size in (1, 7):
        with empty_database(postgres) as url:
            migrate(url)
            beside = load({**system.env, "DATABASE_URL": url})
            begin(beside)
            asyncio.run(fold(beside, {tp: cut(found, size) for tp, found in records.items()}))
            assert tables(beside) == here.tables
    assert come_of(system) == here
    relayed = sum(len(messages) for messages in here.messages.values())
    assert Samples(worker).one("laurel_relayed_total") == relayed > 0
    worker.process.terminate()
    assert worker.await_exit(20) == 0


def test_results_do_not_depend_on_how_many_facts_a_transaction_folds(
    postgres: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = recorded(story())
    asyncio.run(fold(settings, {tp: [found] for tp, found in records.items()}))
    whole = rows(settings, "SELECT count(DISTINCT xmin::text) FROM states")
    monkeypatch.setattr(reading, "FOLDED_AT_MOST", 3)
    with empty_database(postgres) as url:
        beside = begun(url)
        asyncio.run(fold(beside, {tp: [found] for tp, found in records.items()}))
        assert tables(beside) == tables(settings)
        assert rows(beside, "SELECT count(DISTINCT xmin::text) FROM states") > whole


def test_a_repeat_changes_nothing(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """The same source and id is the same event, whatever else it says."""
    first = starts("ann")
    other = said(a_fact(TrainingCompleted, 9, "ann starts", person="ann", **WHOSE))
    with rises("laurel_dropped_total", 2, why="repeat"):
        run(settings, of_acme([*first, *other, *first, *tick(30)]))
    assert [line["offset"] for line in lines_of(capsys.readouterr().err, "repeat")] == [1, 2]
    assert rows(settings, "SELECT status FROM training") == [("abandoned",)]


def test_a_repeat_is_known_after_a_restart(settings: Settings) -> None:
    other = said(a_fact(TrainingCompleted, 9, "ann at 1", **{**WHOSE, "course": "x"}, person="ann"))
    records = of_acme([*starts("ann"), *goes_on("ann", 1), *other])
    before = run(settings, records[:2])
    after = run(settings, records[2:])
    assert after.pop("positions") != before.pop("positions")
    assert after == before


def test_an_event_is_new_again_when_its_day_is_forgotten(settings: Settings) -> None:
    early = of_acme(starts("ann"))
    late = of_acme([*starts("ann"), *starts("ann")], at=98)
    after = run(settings, early, late[1:])
    assert [place for place, _ in after["remembered"]] == [(0, day(98).date())]
    assert [len(ids) for _, ids in after["remembered"]] == [1]


def test_ids_beyond_the_cap_are_forgotten_and_counted(settings: Settings) -> None:
    tight = settings.model_copy(update={"laurel_ids_remembered": 3})
    people = [line for who in ("ann", "bea", "cem", "dan") for line in starts(who)]
    with rises("laurel_ids_forgotten_total", 3):
        run(tight, of_acme(people))


def test_a_tick_again_or_an_older_one_changes_nothing(settings: Settings) -> None:
    records = of_acme([*starts("ann"), *tick(30), *starts("bea", 20), *tick(30), *tick(10)])
    once = run(settings, records[:3])
    began = time.monotonic()
    spent = {stage: _spent(stage) for stage in ("lock", "fold", "write", "commit")}
    again = run(settings, records[3:])
    seconds = {stage: _spent(stage)[1] - spent[stage][1] for stage in spent}
    assert {stage: _spent(stage)[0] - spent[stage][0] for stage in spent} == dict.fromkeys(spent, 2)
    assert min(seconds.values()) > 0
    assert 0.001 < sum(seconds.values()) < time.monotonic() - began
    assert again["positions"][0] == (0, 5, day(90), day(30), 0)
    assert {**again, "positions": None} == {**once, "positions": None}


def _spent(stage: str) -> tuple[float, float]:
    """How often a stage was gone through, and for how many seconds in all."""
    name, where = "laurel_stage_seconds", {"app": "engine", "stage": stage}
    return counted(f"{name}_count", **where), counted(f"{name}_sum", **where)


def test_a_tick_far_ahead_of_its_log_time_is_ignored_and_counted(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with rises("laurel_dropped_total", 1, why="tick_ahead"):
        after = run(settings, of_acme([*tick(90 + 1.01 * MINUTE), *tick(90 + MINUTE)]))
    assert [line["offset"] for line in lines_of(capsys.readouterr().err, "tick_ahead")] == [0]
    assert after["positions"][0] == (0, 2, day(90), day(90 + MINUTE), 0)


def test_a_tick_that_knows_of_too_few_releases_fires_nothing_and_is_counted(
    settings: Settings,
) -> None:
    with connect(settings) as connection:
        connection.execute("UPDATE positions SET releases = 1")
    with rises("laurel_dropped_total", 1, why="tick_stale"):
        run(settings, of_acme([*starts("ann"), *tick(30)]))
    assert rows(settings, "SELECT status FROM training") == [("in_progress",)]


def test_log_time_never_runs_back(settings: Settings) -> None:
    late, early = of_acme(starts("ann"), at=90), of_acme([*starts("ann"), *starts("bea")], at=80)
    after = run(settings, late, early[1:])
    assert after["positions"][0][:3] == (0, 2, day(90))
    assert [place for place, _ in after["remembered"]] == [(0, day(90).date())]


def test_a_tick_fires_so_many_and_the_next_one_more(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """True deadlines count, though the stored one lies early; where they tie, handler and key."""
    for module in (engines, folds):
        monkeypatch.setattr(module, "FIRED_AT_MOST", 4)
    others = [line for name in ("ann", "bea", "cem", "dan", "eve") for line in starts(name, 2)]
    lines = [*starts("zoe", 0), *others, *tick(1), *goes_on("zoe", 2), *tick(30), *tick(30)]
    with rises("laurel_alerts_total", 6, rule=TRAINING_ABANDONED, status="open"):
        run(settings, *cut(of_acme(lines), 1))
    with rises("laurel_alerts_total", 1, rule=TRAINING_ABANDONED, status="resolved"):
        run(settings, of_acme([*lines, *goes_on("ann", 31)])[len(lines) :])
    fired = rows(
        settings,
        'SELECT "offset", subject FROM alert_versions v JOIN alerts USING (alert)'
        " WHERE v.version = 1",
    )
    assert sorted(fired) == [
        *((8, f"{name}|admin") for name in ("ann", "bea", "cem", "dan")),
        *((9, f"{name}|admin") for name in ("eve", "zoe")),
    ]


def test_a_tick_before_a_deadline_that_moved_stores_where_it_is_now(settings: Settings) -> None:
    """Or each look at the clock would find it due, and append a tick."""
    records = of_acme([*starts("ann"), *goes_on("ann", 5), *tick(15)])
    waiting = "SELECT due_at FROM states WHERE due_at IS NOT NULL"
    run(settings, *cut(records[:2], 1))
    assert rows(settings, waiting) == [(day(14),)]
    run(settings, records[2:])
    assert rows(settings, waiting) == [(day(19),)]


def test_states_fire_in_the_order_of_their_deadlines(settings: Settings) -> None:
    """Messages leave in the order in which deadlines passed, not in that of any set."""
    people = [f"p{i:02}" for i in range(30)]
    lines = [line for i, name in enumerate(people) for line in starts(name, at=i * 7 % 30 / 10)]
    run(settings, of_acme([*lines, *tick(30)]))
    sent = rows(settings, "SELECT convert_from(message, 'UTF8')::json FROM outbox ORDER BY seq")
    wanted = rows(settings, "SELECT subject FROM alerts ORDER BY at, subject")
    assert [(message["data"]["subject"],) for (message,) in sent] == wanted
    assert len(wanted) == 30
    assert looked_up(settings, "engine").one("laurel_outbox_rows") == 30


def test_deadlines_that_wait_are_told_from_those_that_are_late(settings: Settings) -> None:
    run(settings, of_acme([*starts("ann"), *starts("bea", 1), *starts("cem", 2)]))
    for minutes, late in ((0.99, 0), (1.01, 1), (1440.99, 1), (1441.01, 2)):
        with connect(settings) as connection:
            now = day(14 + minutes * MINUTE)
            connection.execute("UPDATE clock SET driven = true, now = %s", (now,))
        said = looked_up(settings, "engine")
        assert said.one("laurel_deadlines_pending") == 3
        assert said.one("laurel_deadlines_late") == late


def test_how_long_an_alert_took_is_counted_from_the_hearing_by_the_real_clock(
    settings: Settings,
) -> None:
    """Neither where the clock is driven nor where nobody is told, for she had come back."""
    heard = ago(seconds=100)
    granted = [
        a_fact(CertificateGranted, 0, who, customer="acme", person=who, certificate="pro")
        for who in ("ann", "bea")
    ]
    lines = [line for fact in granted for line in said(replace(fact, at=heard, recorded_at=heard))]
    records = of_acme([*lines, *starts("ann"), *goes_on("ann", 20), *tick(30)])
    took = "laurel_event_to_alert_seconds"
    before = counted(f"{took}_sum", rule=CERTIFICATION_EARNED)
    with (
        rises(f"{took}_count", 1, rule=CERTIFICATION_EARNED),
        rises(f"{took}_count", 0, rule=TRAINING_ABANDONED),
    ):
        asyncio.run(_work(settings, records[:1]))
        waited = counted(f"{took}_sum", rule=CERTIFICATION_EARNED) - before
        assert 100 <= waited < (ago() - heard).total_seconds() + 0.001
        asyncio.run(_work(settings, records[1:2], timed=False))
        asyncio.run(_work(settings, records[2:]))
    told = rows(settings, "SELECT rule, notify FROM alerts ORDER BY rule, notify")
    assert told == [*[(CERTIFICATION_EARNED, True)] * 2, (TRAINING_ABANDONED, False)]


def test_what_is_known_of_a_position_counts_at_that_position_only(settings: Settings) -> None:
    """Two owners in turn: the first comes back with what it knew before the second went on."""
    records = of_acme(
        [*starts("ann"), *goes_on("ann", 5), *goes_on("ann", 9), *starts("ann"), *tick(20)]
    )
    asyncio.run(_in_turn(settings, records))
    assert rows(settings, "SELECT last_activity_at, status FROM training") == [
        (day(9), "in_progress")
    ]
    assert rows(settings, "SELECT FROM alerts") == []


async def _in_turn(settings: Settings, records: list[Record]) -> None:
    async with open_pool(settings, size=2) as pool:
        first, second = Engine(settings, pool, fits), Engine(settings, pool, fits)
        await first.work(ACME, records[:1], sought=False)
        await second.work(ACME, records[1:3], sought=False)
        await first.work(ACME, records[3:], sought=False)


def test_what_a_failed_transaction_folded_is_folded_again(settings: Settings) -> None:
    """By the same engine, which has seen these ids and states before."""
    asyncio.run(_fail_and_go_on(settings, of_acme([*starts("ann"), *goes_on("ann", 5)])))
    assert rows(settings, "SELECT last_activity_at, modules FROM training") == [(day(5), ["m1"])]


async def _fail_and_go_on(settings: Settings, records: list[Record]) -> None:
    async with open_pool(settings, size=1) as pool:
        engine = Engine(settings, pool, fits)
        await engine.work(ACME, records[:1], sought=False)
        with connect(settings) as connection:
            connection.execute("ALTER TABLE training RENAME TO gone")
            with pytest.raises(psycopg.errors.UndefinedTable):
                await engine.work(ACME, records[1:], sought=False)
            connection.execute("ALTER TABLE gone RENAME TO training")
        await engine.work(ACME, records[1:], sought=False)


WHO_MOVED = """
CREATE TABLE moved (who integer);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO moved VALUES (pg_backend_pid()); RETURN new; END';
CREATE TRIGGER note AFTER UPDATE ON positions FOR EACH ROW EXECUTE FUNCTION note();
"""


def test_two_owners_at_once_fold_each_record_once(settings: Settings, postgres: Server) -> None:
    records = of_acme([line for line in story() if line.partition == 0])
    with empty_database(postgres) as url:
        alone = run(begun(url), records)
    with connect(settings) as connection:
        connection.execute(WHO_MOVED)
    asyncio.run(_at_once(settings, cut(records, 5), cut(records, 7)))
    assert tables(settings) == alone
    moves = [count for (count,) in rows(settings, "SELECT count(*) FROM moved GROUP BY who")]
    assert len(moves) == 2
    assert min(moves) > 5


async def _at_once(settings: Settings, *shares: list[list[Record]]) -> None:
    await asyncio.gather(*(fold(settings, {ACME: share}) for share in shares))


def test_the_position_is_locked_while_it_is_read_and_moves_only_from_there(
    settings: Settings,
) -> None:
    asyncio.run(_lock_and_move(settings))


async def _lock_and_move(settings: Settings) -> None:
    async with open_pool(settings, size=2) as pool, pool.connection() as one:
        async with pool.connection() as other, one.transaction():
            await Store(one, *ACME).lock()
            await other.execute("SET lock_timeout = 50")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                await Store(other, *ACME).lock()
        store = Store(one, *ACME)
        assert await store.move(0, 3, day(0), day(0), 0)
        assert not await store.move(0, 5, day(0), day(0), 0)


async def _work(
    settings: Settings, *batches: list[Record], sought: bool = False, timed: bool = True
) -> None:
    async with open_pool(settings, size=1) as pool:
        for batch in batches:
            engine = Engine(settings, pool, fits, is_timed=lambda: timed)
            await engine.work(ACME, batch, sought)


def test_a_batch_beyond_the_position_is_not_folded(settings: Settings) -> None:
    records = of_acme([*starts("ann"), *starts("bea"), *starts("cem")])
    with pytest.raises(Beyond, match="the position is 1"):
        asyncio.run(_work(settings, records[:1], records[2:]))
    with pytest.raises(TimelineHole, match="the position is 1"):
        asyncio.run(_work(settings, records[2:], sought=True))
    with rises("laurel_behind_total", 1, topic=TIMELINE):
        asyncio.run(_work(settings, records[:1]))
    assert rows(settings, "SELECT person FROM training") == [("ann",)]


def test_a_batch_is_folded_up_to_a_hole_in_it(settings: Settings) -> None:
    records = of_acme([*starts("ann"), *starts("bea"), *starts("cem")])
    with pytest.raises(Beyond, match="the position is 1"):
        asyncio.run(_work(settings, [records[0], records[2]]))
    assert rows(settings, "SELECT person FROM training") == [("ann",)]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (Line(0, "acme", b"{"), "offset 1: JSONDecodeError"),
        (Line(0, "acme", b'{"type":"x.v9","source":"s","id":"1"}'), "offset 1: 'x.v9' is no fact"),
        (Line(0, "bolt", starts("bea")[0].value), "'acme' in partition 0, not under key b'bolt'"),
        (
            Line(0, "bolt", said(a_fact(CustomerEnded, 0, "e", customer="bolt"))[0].value),
            "the record belongs to 'bolt' in partition 1",
        ),
    ],
)
def test_a_record_that_is_not_ours_stops_and_nothing_is_committed(
    settings: Settings, line: Line, why: str
) -> None:
    records = of_acme([*starts("ann"), line])
    with pytest.raises(Undecodable, match=re.escape(why)) as stop:
        asyncio.run(_work(settings, records))
    assert "laurel park 0 1" in str(stop.value)
    assert rows(settings, "SELECT person FROM training") == []
    _park(settings, 1)
    with rises("laurel_dropped_total", 1, why="parked"):
        asyncio.run(_work(settings, records))
    assert looked_up(settings, "engine").one("laurel_parked_records") == 1
    assert rows(settings, "SELECT person FROM training") == [("ann",)]
    assert tables(settings)["positions"][0][:2] == (0, 2)


def _park(settings: Settings, offset: int) -> None:
    with connect(settings) as connection:
        connection.execute("INSERT INTO parked VALUES (0, %s, 'a test', now())", (offset,))


def test_a_state_of_another_version_stops_and_says_to_rebuild(settings: Settings) -> None:
    records = of_acme([*starts("ann"), *goes_on("ann", 1)])
    run(settings, records[:1])
    with connect(settings) as connection:
        connection.execute("UPDATE states SET version = 99 WHERE handler = 'enrolment'")
    with pytest.raises(StateTooNew, match=r"enrolment\|acme\|ann\|admin has version 99.*rebuild"):
        asyncio.run(_work(settings, records[1:]))


def test_a_position_that_is_gone_stops(settings: Settings) -> None:
    with connect(settings) as connection:
        connection.execute("DELETE FROM positions")
    with pytest.raises(PositionLost):
        asyncio.run(_work(settings, of_acme(starts("ann"))))
