"""Does Faust, with our transport in it, bring every record of a partition, in order and in batches?

These are guards of Faust's internals: they fail where another version of it behaves otherwise.
"""

import itertools
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from schemas.topics import TIMELINE
from streams.process import STOPPED
from tests.conftest import Broker
from tests.streams import rough
from tests.streams.system import Running, System, wait_for
from tests.streams.watching import Samples

BATCH = 7


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path, LAUREL_BATCH=str(BATCH)) as made:
        yield made


def start(system: System, instance: str, **env: str) -> Running:
    worker = Running(
        f"engine-{instance}",
        [sys.executable, "-m", "tests.streams.reader"],
        {**system.env, "LAUREL_INSTANCE": instance, **env},
        system.folder / f"{len(system.workers)}-{instance}.log",
    )
    system.workers.append(worker)
    return worker


def lay(system: System, partition: int, count: int) -> None:
    system.lay(TIMELINE, [(partition, "k", b"%d" % i) for i in range(count)])


def reads(*workers: Running) -> dict[int, list[tuple[int, int]]]:
    """What was read of each partition, in order: first and last offset of each batch."""
    found: dict[int, list[tuple[int, int]]] = {}
    for worker in workers:
        for line in worker.events("read"):
            found.setdefault(line["partition"], []).append((line["first"], line["last"]))
    return {partition: sorted(found[partition]) for partition in sorted(found)}


def is_whole(batches: list[tuple[int, int]], start: int, end: int) -> bool:
    """Whether each batch goes on where the one before ended, from `start` to `end`."""
    follow = all(last + 1 == first for (_, last), (first, _) in itertools.pairwise(batches))
    return follow and batches[0][0] == start and batches[-1][1] + 1 == end


def test_what_was_lost_on_the_way_comes_again_in_order(system: System) -> None:
    """Several batches of one fetch, too: Faust would drop what lies below what it has read."""
    lay(system, 0, 100)
    reader = start(system, "one", LOSE="20,30,31,60")
    wait_for(lambda: system.positions("engine", TIMELINE)[0] == 100, "everything to be read")
    assert is_whole(reads(reader)[0], 0, 100)
    assert max(last - first + 1 for first, last in reads(reader)[0]) == BATCH
    lost = [line["first"] for line in reader.events("lost")]
    assert lost == [14, 28, 56]
    assert {line["position"] for line in reader.events("hole")} <= set(lost)
    assert reader.events("hole")
    said, topic = Samples(reader), system.settings.topic(TIMELINE)
    assert said.one("laurel_holes_total", topic=topic) == len(reader.events("hole"))
    assert said.one("laurel_batch_records_sum", topic=topic) == 100
    assert said.one("laurel_batch_records_count", topic=topic) == len(reads(reader)[0])


def test_reading_starts_where_postgres_says(system: System) -> None:
    """And Kafka hears, as a hint, how far it has come."""
    for partition in range(3):
        lay(system, partition, 50)
    rough.commit(system, "engine", TIMELINE, {0: 50, 1: 5, 2: 10})
    with system.connect() as connection:
        connection.execute("UPDATE positions SET next_offset = 10 WHERE app = 'engine'")
    reader = start(system, "one")
    system.await_engine()
    assert all(is_whole(batches, 10, 50) for batches in reads(reader).values())
    ends = {0: 50, 1: 50, 2: 50}
    wait_for(lambda: rough.committed(system, "engine") == ends, "Kafka to hear of it")
    reader.process.terminate()
    assert reader.await_exit(20) == 0
    lay(system, 1, 1)
    again = start(system, "one")
    system.await_engine()
    assert reads(again) == {1: [(50, 50)]}


def test_who_is_overtaken_while_it_looks_takes_no_topic_for_truncated(system: System) -> None:
    lay(system, 1, 3)
    worker = start(system, "one", OVERTAKEN="1")
    worker.await_event("overtaken")
    worker.await_event("behind", partition=0)
    system.await_engine()
    assert worker.process.poll() is None


def test_what_comes_while_the_flow_is_stopped_is_read_though_nothing_follows_it(
    system: System,
) -> None:
    reader = start(system, "one", STOP_FLOW="1")
    reader.await_event("assigned")
    lay(system, 0, 5)
    reader.await_event("flow_stopped")
    system.await_engine()
    assert reads(reader) == {0: [(0, 4)]}


def test_an_assignment_that_hangs_ends_the_worker(system: System) -> None:
    """Faust would take no notice: it gives up after a while, and idles."""
    nobody = "postgresql://laurel@127.0.0.1:1/laurel"
    reader = start(system, "one", DATABASE_URL=nobody, SEEK_WITHIN="2")
    assert reader.await_exit() == STOPPED
    (line,) = reader.events("crashed")
    assert line["why"] == "Postgres or Kafka was away for 2.0 s"


def test_a_hole_is_told_though_nothing_follows_it_and_it_was_sought_back_to_while_waiting(
    system: System,
) -> None:
    reader = start(system, "one", PATIENT="1")
    lay(system, 0, 3)
    rough.lay_in_transaction(system, TIMELINE, 0, "k", b"3")
    wait_for(lambda: system.positions("engine", TIMELINE)[0] == 4, "all before the hole")
    lay(system, 0, 2)
    assert reader.await_exit() == STOPPED
    assert [line["error"] for line in reader.events("stopped")] == ["TimelineHole"]
    assert [line["position"] for line in reader.events("hole")] == [4]


def test_what_expires_under_way_stops_the_worker_whoever_looks_just_then(system: System) -> None:
    """Faust looks after partitions, which have no position while a valid one is looked for."""
    reader = start(system, "one", LOOK="1")
    lay(system, 0, 1)
    system.await_engine()
    reader.freeze()
    lay(system, 0, 1)  # on its way already: the broker answers the fetch that waits
    lay(system, 0, 9)
    rough.expire(system, TIMELINE, 0, before=5)
    reader.wake()
    assert reader.await_exit() == STOPPED
    assert [line["error"] for line in reader.events("stopped")] == ["TimelineHole"]


def test_a_crash_inside_of_faust_ends_the_worker(system: System) -> None:
    """Faust would read no more, and idle."""
    reader = start(system, "one", CRASH="1")
    assert reader.await_exit() == STOPPED
    (line,) = reader.events("crashed")
    assert line["why"] == "as a library may"


def test_a_commit_that_comes_too_late_ends_nobody(system: System) -> None:
    """Who woke after a rebalance commits what is another's by now."""
    reader = start(system, "one", LATE="1")
    wait_for(lambda: reader.events("committed"), "a commit")
    assert reader.events("committed")[0]["done"] is False
    lay(system, 0, 2)
    system.await_engine()
    assert reader.events("crashed") == []


def test_who_gives_a_partition_away_takes_nothing_more_of_it(system: System) -> None:
    """All that its lanes hold was fetched before, and waits for the positions."""
    for partition in range(3):
        lay(system, partition, 3 * BATCH)
    with ExitStack() as held:
        for partition in range(3):
            held.enter_context(system.held("engine", TIMELINE, partition))
        first = start(system, "one")
        first.await_event("database")
        second = start(system, "two")
        second.await_event("assigned")
        wait_for(lambda: len(first.events("assigned")) == 2, "the first to have part of them")
    system.await_engine()
    for partition in range(3):
        lay(system, partition, 1)
    system.await_engine()
    taken = {line["partition"] for line in (*first.events("read"), *first.events("behind"))}
    kept = first.events("assigned")[-1]["partitions"]
    topic = system.settings.topic(TIMELINE)
    assert sorted(f"{topic}[{partition}]" for partition in taken) == kept
    assert 0 < len(kept) < 3


def test_partitions_change_hands_between_two_records(system: System) -> None:
    """While records keep coming, a second worker joins, then the first one leaves."""
    readers = [start(system, "one")]
    readers[0].await_event("assigned")
    second = start(system, "two")
    readers.append(second)
    laid = 0

    def lay_some() -> None:
        nonlocal laid
        for partition in range(3):
            lay(system, partition, 20)
        laid += 20

    def shared() -> bool:
        lay_some()
        return len(reads(second)) > 0

    wait_for(shared, "the second to read")
    readers[0].process.terminate()

    def left() -> bool:
        lay_some()
        return len(reads(second)) == 3 and readers[0].process.poll() == 0

    wait_for(left, "the first to leave all to the second")
    system.await_engine()
    assert 0 < len(second.events("assigned")[0]["partitions"]) < 3
    assert len(second.events("assigned")[-1]["partitions"]) == 3
    assert [is_whole(batches, 0, laid) for batches in reads(*readers).values()] == [True] * 3
