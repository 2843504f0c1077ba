"""Do /livez, /readyz and the watchdog see what is wrong with a worker, and only that?"""

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer
from kafka.cluster import ClusterMetadata
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from schemas.topics import TIMELINE
from streams.process import STOPPED
from tests.conftest import Broker, OwnServer
from tests.streams import rough
from tests.streams.folding import await_folded, put, story
from tests.streams.system import Running, System, wait_for
from tests.streams.watching import Samples, ask, await_fault, await_well, faults


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path, LAUREL_STUCK_SECONDS="2") as made:
        yield made


def assert_strikes(worker: Running, error: str, why: str) -> None:
    assert worker.await_exit() == STOPPED, worker.tail()
    (line,) = worker.events("stopped")
    assert line["error"] == error
    assert why in line["why"]


def test_a_locked_position_shows_while_it_lasts(system: System) -> None:
    put(system, story(people=1))
    worker = system.start("engine")
    await_well(worker, "readyz")
    await_folded(system)
    assert faults(worker, "livez") == []
    stands = system.positions("engine", TIMELINE)[0]
    with system.held("engine", TIMELINE, 0):
        put(system, story(people=1, first=1))
        await_fault(worker, "livez", f"{system.settings.topic(TIMELINE)}[0] stands at {stands}, ")
        assert len(faults(worker, "livez")) == 1, "only the held partition is to blame"
        wait_for(
            lambda: Samples(worker).one("laurel_lag_seconds", partition=0) >= 2,
            "the record to have waited for 2 s",
        )
        seen = Samples(worker)
        assert seen.one("laurel_still_seconds", partition=0) >= 2
        ends = system.ends(TIMELINE)
        assert seen.one("laurel_lag_records", partition=0) == ends[0] - stands
        assert seen.one("laurel_still_seconds", partition=1) == 0
        assert faults(worker, "readyz") == []
    await_well(worker, "livez")
    await_folded(system)
    wait_for(
        lambda: Samples(worker).of("laurel_lag_records") == [0, 0, 0], "the lag to be seen gone"
    )


def test_a_worker_without_progress_is_ended(system: System) -> None:
    put(system, story(people=1))
    with system.held("engine", TIMELINE, 1):
        worker = system.start("engine", LAUREL_WATCHDOG_SECONDS="4")
        assert_strikes(worker, "NoProgress", "[1] stands at 0, with")
    system.start("engine")
    await_folded(system)


def test_a_worker_whose_loop_is_blocked_is_ended(system: System) -> None:
    put(system, story(people=1))
    worker = system.start("engine", LAUREL_WATCHDOG_SECONDS="3", FAILPOINT="engine.folded:block")
    assert_strikes(worker, "LoopBlocked", "has not moved for 3 s")
    assert "in failpoint" in worker.path.read_text(), "the log shows where it stood"


def test_a_frozen_worker_wakes_unpunished(system: System) -> None:
    """Frozen for longer than its watchdog waits, as the group's patience with it tells."""
    worker = system.start("engine", LAUREL_WATCHDOG_SECONDS="5")
    await_well(worker, "readyz")
    worker.freeze()
    wait_for(lambda: not _members(system), "the group to give the frozen worker up")
    put(system, story(people=1))
    worker.wake()
    await_folded(system)
    await_well(worker, "readyz")
    assert worker.process.poll() is None


def _members(system: System) -> list[Any]:
    name = system.settings.group("engine")
    with rough.admin(system) as client:
        members: list[Any] = client.describe_groups([name])[name]["members"]
        return members


class Miser(RoundRobinPartitionAssignor):  # type: ignore[misc]
    """Knows of no partition, like a leader whose metadata have not arrived."""

    @classmethod
    def assign(cls, cluster: object, members: object) -> Any:
        return super().assign(ClusterMetadata(), members)


def test_a_worker_that_is_given_nothing_while_partitions_lie_about_is_ended(
    system: System,
) -> None:
    """Whoever leads the group decides; here it is one that gives nobody anything."""
    leader = KafkaConsumer(
        system.settings.topic(TIMELINE),
        bootstrap_servers=system.settings.kafka_bootstrap,
        group_id=system.settings.group("engine"),
        partition_assignment_strategy=[Miser],
    )
    try:
        leader.poll(timeout_ms=500)
        worker = system.start("engine", LAUREL_WATCHDOG_SECONDS="6")

        def keep_leading() -> bool:
            leader.poll(timeout_ms=100)
            return worker.process.poll() is not None or bool(_reason(worker))

        wait_for(keep_leading, "the worker to be unready")
        assert "no partition is assigned" in _reason(worker)
        wait_for(
            lambda: leader.poll(timeout_ms=100) is None or worker.process.poll() is not None,
            "the worker to end",
        )
    finally:
        leader.close()
    assert_strikes(worker, "NoPartitions", "3 partitions have had no owner for")
    system.start("engine")
    put(system, story(people=1))
    await_folded(system)


def _reason(worker: Running) -> list[str]:
    return [why for why in faults(worker, "readyz") if "assigned" in why]


def test_a_database_that_is_gone_makes_a_worker_unready_and_no_more(
    kafka: Broker, make_postgres: Callable[..., OwnServer], tmp_path: Path
) -> None:
    server = make_postgres()
    with System(
        *(kafka.bootstrap, server.url, tmp_path),
        LAUREL_STUCK_SECONDS="2",
        LAUREL_WATCHDOG_SECONDS="4",
    ) as system:
        worker = system.start("engine")
        await_well(worker, "readyz")
        worker.await_event("assigned")
        assert Samples(worker).one("laurel_database_up") == 1
        server.kill()
        put(system, story(people=1))
        await_fault(worker, "readyz", "Postgres does not answer: ")
        seen = Samples(worker)
        assert seen.one("laurel_database_up") == 0
        assert seen.of("laurel_outbox_rows") == []
        # A try takes up to half a minute, far longer than the watchdog's patience.
        wait_for(lambda: len(worker.events("database")) > 1, "a batch to be tried twice", 120)
        assert faults(worker, "livez") == [], "to start it anew would not help"
        server.restart()
        await_well(worker, "readyz")
        await_folded(system)
        assert worker.process.poll() is None
        seen = Samples(worker)
        retries = len(worker.events("database"))
        assert seen.one("laurel_retries_total", topic=system.settings.topic(TIMELINE)) == retries
        faults_of = Counter(line["name"] for line in worker.events("loop"))
        assert {"ticker", "relay"} <= faults_of.keys()
        assert {
            loop: times
            for loop, times in seen.by("loop", "laurel_loop_faults_total").items()
            if times
        } == faults_of


def test_the_port_is_the_one_asked_for_or_the_worker_says_why_not(system: System) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        worker = system.start("slack", LAUREL_METRICS_PORT=port)
        assert_strikes(worker, "CannotListen", f"LAUREL_METRICS_PORT {port}: ")
    worker = system.start("slack", LAUREL_METRICS_PORT=port)
    assert worker.await_event("listening")["address"] == f"http://127.0.0.1:{port}"
    assert ask(worker, "metrics")[0] == HTTPStatus.OK
