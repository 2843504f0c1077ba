"""Does a rebuild take the place of what is there, whole or not at all, while everything goes on?"""

import itertools
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from projections.migrate import READER
from schemas.topics import ALERTS, TIMELINE
from tests.conftest import Broker
from tests.streams.folding import await_folded, come_of, dump, put, story, without_faults
from tests.streams.rebuilding import (
    DISTURBED,
    disturb,
    fold_here,
    generations,
    rebuild,
    rebuilding,
)
from tests.streams.system import Rows, System, wait_for


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path) as made:
        yield made


def tables(system: System) -> dict[str, Rows]:
    with system.connect() as connection:
        return dump(connection)


def outbox(system: System) -> Rows:
    return system.rows("SELECT * FROM outbox ORDER BY seq")


def kept(system: System) -> dict[str, Rows]:
    """What follows from no timeline, and where the other apps stand."""
    facts = {name: system.rows(f"SELECT * FROM {name}") for name in ("deliveries", "clock")}
    facts["positions"] = system.rows("SELECT * FROM positions WHERE app <> 'engine' ORDER BY 1,2,3")
    return facts | {"outbox": outbox(system)}


@pytest.mark.parametrize(
    ("batch", "env"),
    [
        (1, {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"}),
        (7, {"PYTHONHASHSEED": "2", "TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8"}),
        (500, {"PYTHONHASHSEED": "3", "PGTZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8"}),
    ],
)
def test_it_says_the_same_in_every_batch_order_zone_and_locale(
    batch: int, env: dict[str, str], system: System
) -> None:
    put(system, story(people=2))
    fold_here(system, seed=batch)
    before, apart = tables(system), kept(system)
    assert before["alert_versions"]
    assert apart["outbox"]
    done = rebuild(system, "--batch", batch, **env)
    assert done.returncode == 0, done.stderr
    assert "says what was there before" in done.stdout
    assert generations(system) == [1, 1, 1]
    assert (tables(system), kept(system)) == (before, apart)


def test_it_mends_what_is_wrong_and_says_so_and_sends_nothing(system: System) -> None:
    put(system, story())
    fold_here(system)
    before, apart = tables(system), kept(system)
    ((alert,),) = system.rows("SELECT alert FROM alerts WHERE notify ORDER BY alert LIMIT 1")
    with system.connect() as connection:
        connection.execute(
            "UPDATE attempts SET score = 12.50 WHERE ordinal = 0 AND outcome = 'passed'"
        )
        connection.execute("DELETE FROM certificates WHERE customer = 'acme'")
        connection.execute(
            "INSERT INTO teams VALUES ('acme', 'none', 'any', 1, 1, 0, 0, '[]'),"
            " ('acme', 'no more', 'any', 1, 1, 0, 0, '[]')"
        )
        connection.execute("UPDATE teams SET score_sum = 0.00 WHERE customer = 'bolt'")
        connection.execute("UPDATE states SET due_at = due_at - interval '1 day'")
        connection.execute("DELETE FROM alerts WHERE alert = %s", (alert,))
        connection.execute("UPDATE remembered SET hashes = substring(hashes FROM 17)")
    done = rebuild(system)
    assert done.returncode == 0, done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    changed = {line[0]: line[1:] for line in said if len(line) == 4 and line[-1].isdigit()}
    attempts = sum(row[4] == "passed" and row[3] == 0 for row in before["attempts"])
    certificates = sum(row[0] == "acme" for row in before["certificates"])
    assert changed["attempts"] == ["0", "0", str(attempts)]
    assert changed["certificates"] == ["0", str(certificates), "0"]
    # 0.00 is 0, but not by its bytes.
    bolt = sum(row[0] == "bolt" for row in before["teams"])
    assert changed["teams"] == ["2", "0", str(bolt)]
    assert changed["alerts"] == ["0", "1", "0"]
    assert sorted(changed) == ["alerts", "attempts", "certificates", "remembered", "teams"]
    assert [line[0] for line in said if len(line[0]) == len(str(alert))] == [str(alert)]
    assert (tables(system), kept(system)) == (before, apart)


def test_workers_go_on_meanwhile_and_afterwards(system: System) -> None:
    """New events flow all the time, and all comes out as if there had been no rebuild."""
    put(system, story(people=6))
    for instance in ("one", "two"):
        system.start("engine", instance)
    await_folded(system)
    disturb(system)
    flowing = story(seed=2, people=6, first=1)
    under_way = rebuilding(system, "--batch", "20")
    chunks = (flowing[i : i + 20] for i in range(0, len(flowing), 20))
    begun = sum(system.positions("engine", TIMELINE).values())
    for chunk in chunks:
        put(system, chunk)
        if under_way.process.poll() is not None:
            break
    assert under_way.await_exit() == 0, under_way.tail()
    assert sum(system.positions("engine", TIMELINE).values()) > begun
    assert generations(system) == [1, 1, 1]
    put(system, itertools.chain(*chunks))
    assert come_of(system) == without_faults(system)


def test_workers_wait_while_it_is_put_in_place(
    kafka: Broker, database: str, tmp_path: Path
) -> None:
    with System(kafka.bootstrap, database, tmp_path, LAUREL_SESSION_SECONDS="60") as system:
        put(system, story(people=1))
        system.start("engine")
        await_folded(system)
        disturb(system)
        under_way = rebuilding(system, FAILPOINT="rebuild.locked:freeze")
        under_way.await_event("failpoint")
        reached = system.positions("engine", TIMELINE)
        put(system, story(seed=2, people=1, first=1))
        waiting = (
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND query LIKE '%%FROM positions%%'"
        )
        wait_for(lambda: system.rows(waiting), "the worker to wait for its position")
        assert system.positions("engine", TIMELINE) == reached
        under_way.wake()
        assert under_way.await_exit() == 0, under_way.tail()
        assert come_of(system) == without_faults(system)


def test_nothing_is_sent_again_and_what_waits_is_sent(system: System) -> None:
    put(system, story())
    fold_here(system)
    waiting = outbox(system)
    assert rebuild(system).returncode == 0
    system.start("engine")
    wait_for(lambda: not outbox(system), "the relay to send everything")
    assert len(system.records(ALERTS)) == len(waiting)
    system.start("slack")
    heard = "SELECT count(*) FROM deliveries"
    ((alerts,),) = system.rows("SELECT count(*) FROM alerts WHERE notify")
    wait_for(lambda: system.rows(heard) == [(alerts,)], "the ledger to hear of every alert")
    ledger = "SELECT alert, desired FROM deliveries ORDER BY alert"
    before = system.rows(ledger)
    assert rebuild(system).returncode == 0
    put(system, story(seed=2, first=1))
    there, wanted = come_of(system), without_faults(system)
    assert there == wanted
    sent = sum(map(len, wanted.messages.values()))
    assert len(system.records(ALERTS)) == sent
    wait_for(lambda: len(system.rows(heard)) and system.rows(ledger) != before, "the new ones")
    assert set(before) <= set(system.rows(ledger))


def test_a_worker_does_not_go_on_from_what_it_kept_of_the_rows_before(system: System) -> None:
    lines = story()
    third = len(lines) // 3
    put(system, lines[:third])
    fold_here(system)
    with system.connect() as connection:
        connection.execute("""UPDATE states SET state = replace(state, '"m1"', '"m0"')""")
    system.start("engine")
    put(system, lines[third : 2 * third])
    await_folded(system)
    assert rebuild(system).returncode == 0
    put(system, lines[2 * third :])
    assert come_of(system).tables == without_faults(system).tables


def test_readers_see_what_was_or_what_is_and_do_not_wait(
    kafka: Broker, database: str, tmp_path: Path
) -> None:
    # So long may it stand still in the midst of its transaction.
    with System(kafka.bootstrap, database, tmp_path, LAUREL_SESSION_SECONDS="60") as system:
        put(system, story())
        fold_here(system)
        disturb(system)
        done = False

        def poll() -> list[Rows]:
            """What a reader saw, each answer once for as often as it came in a row."""
            seen: list[Rows] = []
            with psycopg.connect(database, autocommit=True) as reading:
                reading.execute(SQL("GRANT {} TO CURRENT_USER").format(Identifier(READER)))
                reading.execute(SQL("SET ROLE {}").format(Identifier(READER)))
                reading.execute("SET statement_timeout = '10s'")
                while not done or seen[-1:] == [[(True,)]]:
                    answer = reading.execute(DISTURBED).fetchall()
                    if [answer] != seen[-1:]:
                        seen.append(answer)
            return seen

        with ThreadPoolExecutor() as apart:
            polled = apart.submit(poll)
            under_way = rebuilding(system, FAILPOINT="rebuild.before_swap:freeze")
            try:
                under_way.await_event("failpoint")
                with psycopg.connect(database) as reading:
                    reading.execute("SET statement_timeout = '10s'")
                    assert reading.execute(DISTURBED).fetchall() == [(True,)]
                second = rebuild(system)
                under_way.wake()
                assert under_way.await_exit() == 0, under_way.tail()
            finally:
                done = True
            assert polled.result(60) == [[(True,)], [(False,)]]
        assert second.returncode == 2
        assert "another rebuild" in second.stderr


def test_killed_at_any_point_it_leaves_one_of_the_two_whole(system: System) -> None:
    put(system, story(people=2))
    fold_here(system)
    right = tables(system)
    put(system, story(seed=2, people=1, first=1))
    disturb(system)
    system.start("engine")
    await_folded(system)
    times = itertools.count()
    for point, put_in_place in (
        ("engine.before_commit:exit:2", False),
        ("rebuild.locked:exit", False),
        ("rebuild.before_swap:exit", False),
        ("rebuild.after_swap:exit", True),
    ):
        before = sum(generations(system))
        assert rebuild(system, FAILPOINT=point).returncode == 137, point
        assert (sum(generations(system)) > before) == put_in_place, point
        assert ((99,) in system.rows("SELECT rule_version FROM alerts")) != put_in_place, point
        # The worker is not held up by what died.
        put(system, story(seed=3, people=1, first=2 + next(times)))
        await_folded(system)
    assert right["alerts"]
    again = rebuild(system)
    assert again.returncode == 0, again.stderr
    assert "says what was there before" in again.stdout
    assert come_of(system) == without_faults(system)


def test_ctrl_c_leaves_what_was_there_and_the_next_one_works(system: System) -> None:
    put(system, story(people=1))
    fold_here(system)
    disturb(system)
    for point in ("engine.batch", "rebuild.locked"):
        under_way = rebuilding(system, "--batch", "5", FAILPOINT=f"{point}:freeze")
        under_way.await_event("failpoint")
        under_way.process.send_signal(signal.SIGINT)
        under_way.wake()
        assert under_way.await_exit() == 130, under_way.tail()
        assert system.rows(DISTURBED) == [(True,)]
    assert rebuild(system).returncode == 0
    assert system.rows(DISTURBED) == [(False,)]
    assert system.rows("SELECT to_regnamespace('shadow')") == [(None,)]


def test_one_that_freezes_in_the_swap_does_not_hold_the_workers(system: System) -> None:
    put(system, story(people=1))
    system.start("engine")
    await_folded(system)
    disturb(system)
    under_way = rebuilding(system, FAILPOINT="rebuild.before_swap:freeze")
    under_way.await_event("failpoint")
    put(system, story(seed=2, people=1, first=1))
    await_folded(system)
    under_way.wake()
    assert under_way.await_exit() == 1
    assert "Postgres at" in under_way.tail()
    assert generations(system) == [0, 0, 0]
    assert rebuild(system).returncode == 0
    assert come_of(system).tables == without_faults(system).tables
