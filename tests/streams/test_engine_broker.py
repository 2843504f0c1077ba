"""Does an engine go on when the broker was away, or else end, for its supervisor to start it?"""

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.topics import TIMELINE
from tests.conftest import OwnBroker
from tests.streams.folding import await_progress, come_of, put, story, without_faults
from tests.streams.system import Running, System, wait_for


@pytest.mark.parametrize("moment", ["started", "assigned"])
def test_a_broker_that_goes_away_leaves_no_engine_idle(
    make_kafka: Callable[..., OwnBroker], database: str, tmp_path: Path, moment: str
) -> None:
    """Killed while the group forms, or in mid-stream."""
    broker = make_kafka()
    with System(broker.bootstrap, database, tmp_path, LAUREL_BATCH="1") as system:
        put(system, story(people=8))
        worker = system.start("engine")
        worker.await_event(moment)
        if moment == "assigned":
            await_progress(system, 0, past=10)
        before = len(worker.events())
        broker.kill()
        broker.restart()
        if moment == "assigned":
            put(system, story(people=1, first=1))
        worker = _going_on(system, worker)
        assert come_of(system) == without_faults(system)
        assert _noticed(system.workers[0], before)


def test_an_engine_ends_when_asked_to_though_the_broker_is_away(
    make_kafka: Callable[..., OwnBroker], database: str, tmp_path: Path
) -> None:
    broker = make_kafka()
    with System(broker.bootstrap, database, tmp_path) as system:
        worker = system.start("engine")
        worker.await_event("assigned")
        broker.kill()
        wait_for(lambda: _noticed(worker, 0), "the worker to notice")
        worker.process.terminate()
        worker.await_exit(30)
        broker.restart()
        lines = [line["message"] for line in worker.events("library")]
        assert all(lines.count(line) < 10 for line in lines), "it says the same over and over"


def _going_on(system: System, worker: Running) -> Running:
    """The worker, once it has folded everything, or the one that takes its place if it ended."""
    wait_for(
        lambda: (
            worker.process.poll() is not None
            or system.positions("engine", TIMELINE) == system.ends(TIMELINE)
        ),
        "the engine to go on or to end",
    )
    if worker.process.poll() is None:
        return worker
    assert worker.process.poll() != 0
    return system.start("engine")


def _noticed(worker: Running, before: int) -> bool:
    """Whether a worker said, behind these lines, that the broker was away."""
    return any(
        (line["event"] == "library" and "kafka" in line["logger"])
        or (line["event"] in ("away", "loop", "crashed") and "Kafka" in str(line))
        for line in worker.events()[before:]
    )
