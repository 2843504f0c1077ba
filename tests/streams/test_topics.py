"""Does a worker refuse topics that do not stand as they must, and say which and what is wrong?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.topics import ALERTS, TIMELINE
from streams.process import STOPPED
from streams.stop import TopicMismatch
from streams.topics import admin, check_settings, create, topic_ids
from tests.conftest import Broker
from tests.streams.system import System, wait_for


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path) as made:
        yield made


def test_a_topic_whose_settings_were_changed_stops_a_worker(system: System) -> None:
    check_settings(system.settings)
    system.alter(TIMELINE, {"retention.ms": "86400000"})
    worker = system.start("engine")
    assert worker.await_exit() == STOPPED
    (line,) = worker.events("stopped")
    topic = system.settings.topic(TIMELINE)
    assert line["error"] == "TopicMismatch"
    assert f"{topic}: retention.ms is 86400000, must be -1" in line["why"]


def test_another_number_of_partitions_is_refused(system: System) -> None:
    more = system.settings.model_copy(update={"laurel_partitions": 4})
    with pytest.raises(TopicMismatch, match=r"has 3 partitions.*LAUREL_PARTITIONS says 4"):
        topic_ids(more)


def test_a_missing_topic_is_named_and_how_to_make_it(system: System) -> None:
    alerts = system.settings.topic(ALERTS)
    client = admin(system.settings)
    client.delete_topics([alerts])
    wait_for(lambda: alerts not in client.list_topics(), f"{alerts} to be gone")
    client.close()
    with pytest.raises(TopicMismatch, match=f"topics {alerts} are missing: run `laurel topics`"):
        topic_ids(system.settings)
    assert create(system.settings) == [alerts]
