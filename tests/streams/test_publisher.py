"""Does what a producer hands over arrive where it belongs, or is it refused or reported?"""

import doctest
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition

from schemas.destination import destination
from schemas.envelope import Event, Unreadable, parse
from schemas.incoming import PersonRef, TrainingStarted
from schemas.topics import EVENT_AT_MOST, INTAKE
from streams import publisher, topics
from streams.publisher import Publisher, PublishFailed
from tests.conftest import Broker, OwnBroker
from tests.streams.system import System

GOLDEN = Path(__file__).parents[1] / "schemas" / "golden" / "incoming"


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path) as running:
        yield running


def test_the_example_in_its_docstring_works(system: System) -> None:
    names = {"Publisher": Publisher, "settings": system.settings}
    examples = doctest.DocTestParser().get_doctest(
        publisher.__doc__ or "", names, "publisher", None, None
    )
    assert examples.examples
    failed = doctest.DocTestRunner(verbose=False).run(examples)
    assert (failed.failed, failed.attempted) == (0, len(examples.examples))
    assert len(system.records("intake.training")) == 1


@pytest.mark.parametrize(
    ("wire", "topic", "key"),
    [
        ("customer.described.v1", "intake.directory", "acme"),
        ("customer.ended.v1", "intake.directory", "acme"),
        ("person.joined.v1", "intake.directory", "acme"),
        ("person.left.v1", "intake.directory", "acme"),
        ("role.changed.v1", "intake.directory", "acme"),
        ("course.described.v1", "intake.directory", "reporting"),
        ("course.retired.v1", "intake.directory", "reporting"),
        ("requirement.described.v1", "intake.directory", "admins-report"),
        ("requirement.retired.v1", "intake.directory", "admins-report"),
        ("training.enrolled.v1", "intake.training", "acme"),
        ("training.completed.v1", "intake.training", "acme"),
        ("certificate.revoked.v1", "intake.training", "acme"),
    ],
)
def test_topic_and_key_follow_from_the_event(wire: str, topic: str, key: str) -> None:
    event = parse((GOLDEN / f"{wire}.json").read_bytes())
    assert destination(event.data) == (topic, key)


@pytest.mark.parametrize(
    ("person", "key"),
    [
        ({"id": "p-1", "email": "ada@acme.example"}, "p-1"),
        ({"email": "Ada@acme.example", "external": {"system": "a", "id": "7"}}, "ada@acme.example"),
        ({"external": {"system": "academy", "id": "7"}}, "academy|7"),
    ],
)
def test_without_a_customer_the_key_is_the_first_name_given(
    person: dict[str, object], key: str
) -> None:
    event = json.loads((GOLDEN / "training.started.v1.json").read_bytes())
    del event["data"]["customer"]
    event["data"]["person"] = person
    assert destination(parse(json.dumps(event)).data) == ("intake.training", key)


def test_every_golden_event_arrives_as_it_was_sent(system: System) -> None:
    files = sorted(GOLDEN.glob("*.json"))
    with Publisher(system.settings) as sending:
        for file in files:
            sending.send(file.read_bytes())
    records = [record for topic in INTAKE for record in system.records(topic)]
    assert {record.value for record in records} == {file.read_bytes() for file in files}


def test_an_event_may_be_made_of_our_own_classes(system: System) -> None:
    data = TrainingStarted(person=PersonRef(id="p-1"), course="reporting")
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    event = Event(id="e1", source="urn:lms:test", time=at, data=data)
    with Publisher(system.settings) as sending:
        sending.send(event)
    (record,) = system.records("intake.training")
    assert parse(record.value) == event


def test_what_is_no_event_is_refused_by_its_field_and_not_sent(system: System) -> None:
    golden = (GOLDEN / "training.started.v1.json").read_bytes()
    with Publisher(system.settings) as sending:
        with pytest.raises(Unreadable, match=r"/data/person: "):
            sending.send(
                {
                    "specversion": "1.0",
                    "id": "e1",
                    "source": "urn:lms:test",
                    "type": "training.started.v1",
                    "time": datetime(2026, 3, 2, 9, tzinfo=UTC),
                    "data": {"course": "reporting"},
                }
            )
        wrong: tuple[Any, ...] = (None, [], "{\ud83d}", 7)
        for nothing in wrong:
            with pytest.raises(Unreadable):
                sending.send(nothing)
        with pytest.raises(Unreadable, match=r"/data/score: JSON has neither NaN"):
            sending.send({**json.loads(golden), "data": {"score": float("nan")}})
        with pytest.raises(Unreadable, match=r"/extension: JSON has neither NaN"):
            sending.send(golden.replace(b'"data":', b'"extension": NaN, "data":'))
        with pytest.raises(Unreadable, match=r"/id: character 0"):
            sending.send(replace(parse(golden), id="\ud83d"))
        with pytest.raises(Unreadable, match=r"/time: "):
            sending.send({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {}})
    assert system.records("intake.training") == []


def test_an_event_may_be_large_but_not_too_large(system: System) -> None:
    golden = (GOLDEN / "training.started.v1.json").read_bytes()
    with Publisher(system.settings) as sending:
        with pytest.raises(Unreadable, match="more than 1000000 bytes"):
            sending.send(golden.ljust(EVENT_AT_MOST + 1))
        sending.send(golden.ljust(EVENT_AT_MOST))
    assert [len(record.value) for record in system.records("intake.training")] == [EVENT_AT_MOST]


def test_the_broker_can_tell_a_retry_from_another_event(system: System) -> None:
    """It numbers the batches of those producers that number them too, and drops what it has."""
    golden = (GOLDEN / "training.started.v1.json").read_bytes()
    with Publisher(system.settings) as sending:
        sent = sending.send(golden).get(timeout=30)
    place = TopicPartition(sent.topic, sent.partition)
    client = topics.admin(system.settings)
    known = client.describe_producers([place])[place].active_producers
    client.close()
    assert [producer.last_sequence for producer in known] == [0]


def test_what_the_broker_did_not_take_is_reported(
    make_kafka: Callable[..., OwnBroker], database: str, tmp_path: Path
) -> None:
    broker = make_kafka()
    golden = (GOLDEN / "training.started.v1.json").read_bytes()
    with System(broker.bootstrap, database, tmp_path) as system:
        sending = Publisher(system.settings, patience=3)
        sending.send(golden)
        sending.flush()
        broker.kill()
        sent = sending.send(golden)
        with pytest.raises(PublishFailed, match="urn:lms:academy#e-17"):
            sending.close()
        assert sent.failed()
        broker.restart()
