"""Does a rebuild make the same again, send nothing old, and refuse where it could do harm?"""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from projections.dump import canonical_dump
from projections.migrate import migrate
from schemas.envelope import stamp
from schemas.topics import INTAKE, TIMELINE
from streams import clock, database
from streams.settings import load
from tests.conftest import Broker, Server
from tests.streams import rough
from tests.streams.folding import put
from tests.streams.folding import story as told
from tests.streams.rebuilding import rebuild, rebuilding
from tests.streams.system import Running, Story, System, wait_for
from tests.streams.test_play import line, player, start_workers, story, written

_numbers = itertools.count(1)


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path) as running:
        yield running


def certified() -> list[dict[str, Any]]:
    """The lines of a play in which Ada earns a certificate after all, and uses what she learnt."""
    tell = Story(source="urn:lms:certificates").event
    at = "2026-01-30T09:00:00Z"
    listed = tell("course.described.v1", at, course="admin", certificate="pro")
    granted = tell("certificate.granted.v1", at, person={"id": "ada"}, certificate="pro")
    used = tell(
        "usage.recorded.v1",
        at,
        customer="acme",
        metric="api-calls",
        person={"id": "ada"},
        feature="exports",
    )
    return [
        line("2026-01-30T09:01:00Z", "directory", listed),
        line("2026-01-30T10:01:00Z", "training", granted),
        line("2026-01-30T10:01:00Z", "usage", used),
    ]


@pytest.fixture
def played(system: System, tmp_path: Path) -> System:
    """A system with history, whose workers have ended."""
    playing = player(system, written(tmp_path, [*story(), *certified()]))
    start_workers(system)
    assert playing.await_exit(120) == 0, playing.tail()
    wait_for(lambda: system.rows("SELECT FROM outbox") == [], "the alerts to be relayed")
    # The clock is real again, and says so once an hour.
    behind = "SELECT FROM positions WHERE app = 'engine' AND ticked < now() - interval '1 hour'"
    wait_for(lambda: system.rows(behind) == [], "the ticks of the real clock")
    system.await_engine()
    intake, engine = system.workers[1:]
    system.dismiss("intake", intake)
    system.dismiss("engine", engine)
    return system


@pytest.fixture
def anew(postgres: Server) -> Iterator[Callable[[], str]]:
    """Makes empty, migrated databases besides the test's first."""
    made: list[str] = []

    with psycopg.connect(postgres.url, autocommit=True) as connection:

        def make() -> str:
            name = f"test_{os.getpid()}_anew_{next(_numbers)}"
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
            made.append(name)
            url = urlunsplit(urlsplit(postgres.url)._replace(path=f"/{name}"))
            migrate(url)
            return url

        yield make
        for name in made:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def dump(system: System, url: str) -> dict[str, list[tuple[Any, ...]]]:
    with database.connect(load({**system.env, "DATABASE_URL": url})) as connection:
        return canonical_dump(connection)


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def start(system: System, url: str, kind: str) -> Running:
    return system.start(kind, "anew", DATABASE_URL=url)


def test_a_rebuild_gives_the_same_whatever_its_batches(
    played: System, anew: Callable[[], str]
) -> None:
    live = dump(played, played.env["DATABASE_URL"])
    assert len(live["alerts"]) == 4
    assert [table for table, rows in live.items() if not rows] == []
    for batch in (1, 7, 500):
        url = anew()
        done = rebuild(played, "--batch", batch, DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
        rebuilt = dump(played, url)
        for table, rows in live.items():
            assert rebuilt[table] == rows, f"{table}, batch {batch}"
        assert ask(url, "SELECT count(*) FROM outbox") == [(0,)]


def test_after_a_rebuild_new_events_flow_and_nothing_old_is_sent(
    played: System, anew: Callable[[], str]
) -> None:
    url = anew()
    assert rebuild(played, DATABASE_URL=url).returncode == 0
    old = len(played.records("alerts"))
    assert old == 5
    assert start(played, url, "intake").await_exit() == 70
    assert "PositionLost" in played.workers[-1].tail()
    played.dismiss("intake", played.workers[-1])
    for topic in INTAKE:
        command = ["positions", "set", "intake", topic, "all", "end"]
        subprocess.run(
            [sys.executable, "-m", "streams.cli", *command],
            env={**played.env, "DATABASE_URL": url},
            check=True,
            stdout=subprocess.DEVNULL,
        )
    for kind in ("intake", "engine", "slack"):
        start(played, url, kind)
    now = clock.real()
    tell = Story(source="urn:lms:new").event
    before = stamp(now - timedelta(days=1))
    played.publish(
        "intake.directory",
        tell("customer.described.v1", before, customer="acme", zone="UTC"),
        tell("course.described.v1", before, course="reporting", certificate="pro"),
        tell("person.joined.v1", before, customer="acme", person={"id": "dora"}),
    )
    passed = tell("training.completed.v1", stamp(now), person={"id": "dora"}, course="reporting")
    played.publish("intake.training", passed)
    wait_for(lambda: ask(url, "SELECT FROM deliveries"), "the ledger to hear of the new alert")
    new = played.records("alerts")
    assert len(new) == old + 1
    ((rule, desired),) = ask(
        url, "SELECT rule, desired FROM deliveries JOIN live.alerts USING (alert)"
    )
    assert (rule, desired) == ("certification_earned", 1)
    assert ask(url, "SELECT count(*) FROM live.alerts") == [(5,)]


def test_a_rebuild_that_was_broken_off_keeps_workers_away_and_is_begun_again(
    played: System, anew: Callable[[], str]
) -> None:
    url = anew()
    broken = rebuild(
        played, "--batch", 2, DATABASE_URL=url, FAILPOINT="engine.before_commit:exit:8"
    )
    assert broken.returncode == 137
    assert ask(url, "SELECT count(*) FROM shadow.states") != [(0,)]
    engine = start(played, url, "engine")
    assert engine.await_exit() == 70
    assert engine.events("stopped")[0]["error"] == "PositionLost"
    done = rebuild(played, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    assert dump(played, url) == dump(played, played.env["DATABASE_URL"])
    assert ask(url, "SELECT count(*) FROM outbox") == [(0,)]


def test_where_no_worker_was_records_appended_meanwhile_are_left_to_the_first(
    system: System, anew: Callable[[], str]
) -> None:
    """They lie beyond the end found at the beginning, so what they lead to is sent."""
    lines = told(people=1)
    put(system, lines)
    url = anew()
    under_way = rebuilding(system, DATABASE_URL=url, FAILPOINT="engine.batch:freeze")
    under_way.await_event("failpoint")
    put(system, told(seed=2, people=1, first=1))
    under_way.wake()
    assert under_way.await_exit() == 0, under_way.tail()
    reached = "SELECT sum(next_offset)::int FROM positions WHERE app = 'engine'"
    assert ask(url, reached) == [(len(lines),)]


def test_a_position_of_another_topic_is_not_gone_on_from(system: System) -> None:
    with system.connect() as connection:
        connection.execute(
            "UPDATE positions SET next_offset = 5, topic_id = 'a former one' WHERE app = 'engine'"
        )
    refused = rebuild(system)
    assert refused.returncode == 1
    assert "TopicRecreated" in refused.stderr


def test_a_history_without_its_beginning_is_not_rebuilt(
    played: System, anew: Callable[[], str]
) -> None:
    rough.expire(played, TIMELINE, 1, 1)
    refused = rebuild(played, DATABASE_URL=anew())
    assert refused.returncode == 1
    assert "HistoryExpired" in refused.stderr


def test_a_parked_record_is_passed_over_in_a_rebuild_too(
    system: System, anew: Callable[[], str]
) -> None:
    system.append(TIMELINE, 1, "acme", b"no fact")
    url = anew()
    stopped = rebuild(system, DATABASE_URL=url)
    assert stopped.returncode == 1
    assert "Undecodable" in stopped.stderr
    assert "laurel park 1 0" in stopped.stderr
    parked = subprocess.run(
        [sys.executable, "-m", "streams.cli", "park", "1", "0", "--reason", "is no fact"],
        env={**system.env, "DATABASE_URL": url},
        check=False,
    )
    assert parked.returncode == 0
    assert rebuild(system, DATABASE_URL=url).returncode == 0
    position = "SELECT next_offset FROM positions WHERE app = 'engine' AND partition = 1"
    assert ask(url, position) == [(1,)]


@pytest.mark.parametrize("taken_back", [False, True])
def test_a_transaction_at_the_end_holds_no_rebuild_up(
    taken_back: bool, system: System, anew: Callable[[], str]
) -> None:
    """Its mark takes an offset and is no record; what it took back is passed over."""
    *lines, last = [one for one in told(people=1) if one.partition == 0]
    put(system, lines)
    rough.lay_in_transaction(system, TIMELINE, 0, last.key, last.value, taken_back=taken_back)
    url = anew()
    done = rebuild(system, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    position = "SELECT next_offset FROM positions WHERE app = 'engine' AND partition = 0"
    assert ask(url, position) == [(len(lines) + (not taken_back),)]
