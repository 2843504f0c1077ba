"""Does the door keep a body whole or not at all, and say what was wrong with it?"""

import gzip
import json
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemas import asyncapi, openapi
from schemas.door import BATCH, EVENTS_PATH, JSON, MOST_EVENTS, PROBLEM, STRUCTURED
from schemas.envelope import parse
from schemas.topics import DIRECTORY, INTAKE, TOPICS, TRAINING
from tests.conftest import Broker, Server, empty_database
from tests.streams.system import Story, System, wait_for
from tests.streams.visitor import Answer, Door, make_token
from tests.streams.watching import Samples, faults

LIMIT = 20_000

STORY = Story()


def started(**data: Any) -> dict[str, Any]:
    said = {"person": {"id": "p-1"}, "course": "reporting", "customer": "acme", **data}
    return STORY.event("training.started.v1", "2026-03-02T09:00:00Z", **said)


def described() -> dict[str, Any]:
    return STORY.event("course.described.v1", "2026-03-02T09:00:00Z", course="reporting")


@pytest.fixture(scope="module")
def door(
    kafka: Broker, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    with (
        empty_database(postgres) as url,
        System(kafka.bootstrap, url, folder, LAUREL_DOOR_BODY_BYTES=str(LIMIT)) as system,
    ):
        yield Door(system)


def kept(door: Door, *events: dict[str, Any]) -> list[tuple[str, bytes, bytes]]:
    """Topic, key and value of the records that bear these events' ids."""
    ids = {event["id"] for event in events}
    return [
        (topic, record.key, record.value)
        for topic in (TRAINING, DIRECTORY)
        for record in door.system.records(topic)
        if json.loads(record.value)["id"] in ids
    ]


@contextmanager
def nothing_is_written(door: Door) -> Iterator[None]:
    before = {topic.name: door.system.ends(topic.name) for topic in TOPICS}
    yield
    assert {topic.name: door.system.ends(topic.name) for topic in TOPICS} == before


@contextmanager
def door_counts(door: Door, *, events: int, status: int) -> Iterator[None]:
    """What is done in the block is one request, answered so, with so many events taken."""
    before = Samples(door.process)
    yield
    after = Samples(door.process)
    was, are = (one.by("status", "laurel_door_requests_total") for one in (before, after))
    assert are == {**was, str(status): was[str(status)] + 1}
    taken = "laurel_door_events_total"
    assert after.one(taken) - before.one(taken) == events


def is_problem(answer: Answer, status: int, name: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith(PROBLEM)
    assert answer.said["status"] == status
    assert answer.said["type"] == f"urn:laurel:problem:{name}"


def test_an_event_is_kept_byte_by_byte_before_it_is_accepted(door: Door) -> None:
    event = started()
    raw = json.dumps(event, indent=3).encode()
    with door_counts(door, events=1, status=202):
        answer = door.post(raw)
    assert answer.status == 202
    assert answer.said == {"accepted": [{"source": event["source"], "id": event["id"]}]}
    assert kept(door, event) == [(TRAINING, b"acme", raw)]


def test_a_batch_is_kept_on_the_topics_of_its_events_and_on_no_other(door: Door) -> None:
    events = [started(), described(), started()]
    with door_counts(door, events=3, status=202):
        answer = door.send(*events)
    assert answer.status == 202
    assert [one["id"] for one in answer.said["accepted"]] == [event["id"] for event in events]
    assert [topic for topic, _, _ in kept(door, *events)] == [TRAINING, TRAINING, DIRECTORY]
    for topic in TOPICS:
        if topic.name not in INTAKE:
            assert set(door.system.ends(topic.name).values()) == {0}, topic.name


def test_an_event_in_binary_mode_is_kept_as_the_event_it_means(door: Door) -> None:
    event = started()
    attributes = {f"ce_{name}": event[name] for name in event if name != "data"}
    answer = door.post(json.dumps(event["data"]).encode(), JSON, **attributes)
    assert answer.status == 202
    ((topic, _, value),) = kept(door, event)
    assert (topic, parse(value)) == (TRAINING, parse(json.dumps(event)))


def test_an_empty_batch_is_taken_and_writes_nothing(door: Door) -> None:
    with nothing_is_written(door):
        answer = door.send()
    assert (answer.status, answer.said) == (202, {"accepted": []})


def test_one_wrong_event_keeps_a_whole_batch_out_and_is_pointed_at(door: Door) -> None:
    lost, nameless = started(), started(person={"name": "Ada"})
    del lost["data"]["course"]
    with nothing_is_written(door), door_counts(door, events=0, status=422):
        answer = door.send(started(), lost, described(), nameless)
    is_problem(answer, 422, "events")
    assert answer.pointers == ["/1/data/course", "/3/data/person"]
    assert answer.said["errors_in_all"] == 2
    assert "Ada" not in answer.text


def test_what_is_wrong_with_a_single_event_is_pointed_at(door: Door) -> None:
    with nothing_is_written(door):
        answer = door.post(json.dumps(started(customer="a|b")).encode())
        assert door.post(b"{").pointers == [""]
    is_problem(answer, 422, "events")
    assert answer.pointers == ["/data/customer"]


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Bearer",
        "Bearer laurel",
        # Who that is, the door knows; the secret is another.
        f"Bearer laurel_visitor-1_{'A' * 43}",
        f"Bearer laurel_nobody_{'A' * 43}",
        "Basic ???",
        "Basic bGF1cmVs",
    ],
)
def test_who_has_no_token_is_refused(said: str, door: Door) -> None:
    headers = {"Authorization": said, "Content-Type": STRUCTURED}
    with nothing_is_written(door):
        answer = door.ask("POST", EVENTS_PATH, json.dumps(started()).encode(), headers)
    is_problem(answer, 401, "token")
    assert answer.headers.get_all("WWW-Authenticate") == [
        'Bearer realm="Laurel"',
        'Basic realm="Laurel"',
    ]


def test_a_token_is_refused_as_soon_as_it_is_revoked(door: Door) -> None:
    token = make_token(door.system, "short")
    assert door.send(started(), token=token).status == 202
    with psycopg.connect(door.system.env["DATABASE_URL"]) as connection:
        connection.execute("DELETE FROM tokens WHERE name = 'short'")
    is_problem(door.send(started(), token=token), 401, "token")


def test_a_token_speaks_for_its_own_sources_only(door: Door) -> None:
    token = make_token(door.system, "academy", "urn:lms:academy", "urn:crm:*")
    ours = [{**started(), "source": name} for name in ("urn:lms:academy", "urn:crm:eu")]
    assert door.send(*ours, token=token).status == 202
    with nothing_is_written(door):
        answer = door.send(*ours, {**started(), "source": "urn:lms:academy2"}, token=token)
    is_problem(answer, 403, "source")
    assert answer.pointers == ["/2/source"]


def test_a_body_too_large_or_of_another_format_is_refused(door: Door) -> None:
    with nothing_is_written(door):
        is_problem(door.post(b" " * (LIMIT + 1)), 413, "size")
        is_problem(door.post(b"a,b", "text/csv"), 415, "format")
        is_problem(door.post(json.dumps(started()).encode(), JSON), 415, "format")
        answer = door.post(b"[" + b",".join([b"7"] * (MOST_EVENTS + 1)) + b"]", BATCH)
    is_problem(answer, 422, "events")
    assert f"more than {MOST_EVENTS} events" in answer.text


@pytest.mark.parametrize(
    ("name", "pack"), [("gzip", gzip.compress), ("Deflate", zlib.compress), ("identity", bytes)]
)
def test_a_packed_body_is_kept_as_it_was_before(
    name: str, pack: Callable[[bytes], bytes], door: Door
) -> None:
    event = started()
    raw = json.dumps(event).encode()
    assert door.post(pack(raw), Content_Encoding=name).status == 202
    assert kept(door, event) == [(TRAINING, b"acme", raw)]


def test_a_body_that_cannot_be_unpacked_is_refused(door: Door) -> None:
    raw = json.dumps(started()).encode()
    packed = gzip.compress(raw)
    with nothing_is_written(door):
        for body in (b"rubbish", b"", packed[:-1], packed + b"x", zlib.compress(raw)):
            is_problem(door.post(body, Content_Encoding="gzip"), 400, "packing")
        for body in (b"rubbish", b"", packed):
            is_problem(door.post(body, Content_Encoding="deflate"), 400, "packing")
        for name in ("br", "zstd", "compress", "gzip, gzip"):
            is_problem(door.post(packed, Content_Encoding=name), 415, "format")
        is_problem(
            door.post(gzip.compress(b" " * LIMIT + raw), Content_Encoding="gzip"), 413, "size"
        )


def test_another_path_or_method_is_a_problem_too(door: Door) -> None:
    assert door.ask("GET", "/api/nothing").said["status"] == 404
    answer = door.ask("GET", EVENTS_PATH)
    assert (answer.said["status"], answer.headers["Allow"]) == (405, "POST")


def test_the_documents_are_served_to_whoever_asks(door: Door) -> None:
    assert door.ask("GET", "/api/openapi.json").text == openapi.text()
    assert door.ask("GET", "/api/asyncapi.json").text == asyncapi.text()


def test_a_token_that_sends_too_much_has_to_wait(door: Door) -> None:
    slow = Door(door.system, LAUREL_DOOR_EVENTS_PER_SECOND="0.5", LAUREL_DOOR_BODY_BYTES="900000")
    assert slow.send(*(started() for _ in range(MOST_EVENTS - 3))).status == 202
    with nothing_is_written(slow):
        answer = slow.send(*(started() for _ in range(200)))
    is_problem(answer, 429, "rate")
    # 200 events less the three or so that are left, at one in two seconds.
    assert 380 <= int(answer.headers["Retry-After"]) <= 400
    other = make_token(slow.system, "other")
    assert slow.send(started(), token=other).status == 202


def test_asking_in_vain_does_not_put_off_a_body_that_waits(door: Door) -> None:
    slow = Door(door.system, LAUREL_DOOR_EVENTS_PER_SECOND="4", LAUREL_DOOR_BODY_BYTES="900000")
    assert slow.send(*(started() for _ in range(MOST_EVENTS))).status == 202
    body = [started() for _ in range(12)]
    is_problem(slow.send(*body), 429, "rate")
    wait_for(lambda: slow.send(*body).status == 202, "twelve events' worth to be there", seconds=20)


def test_what_cannot_be_read_costs_an_event(door: Door) -> None:
    slow = Door(door.system, LAUREL_DOOR_EVENTS_PER_SECOND="0.001", LAUREL_DOOR_BODY_BYTES="900000")
    assert slow.send(*(started() for _ in range(MOST_EVENTS - 1))).status == 202
    is_problem(slow.post(b"{"), 422, "events")
    is_problem(slow.send(started()), 429, "rate")


def test_it_ends_in_order_when_told_to(door: Door) -> None:
    ending = Door(door.system)
    ending.process.process.send_signal(signal.SIGTERM)
    assert ending.process.await_exit(20) == 0
    assert ending.process.events("library") == []


def test_a_port_that_is_taken_is_named(door: Door) -> None:
    port = door.address.rpartition(":")[2].strip("/")
    ended = subprocess.run(
        [sys.executable, "-m", "streams.cli", "serve"],
        env={**door.system.env, "LAUREL_DOOR_PORT": port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert f"LAUREL_DOOR_PORT {port}: " in ended.stderr.splitlines()[-1]


def test_while_kafka_is_down_nothing_is_accepted_and_afterwards_it_is(
    make_kafka: Any, database: str, tmp_path: Path
) -> None:
    broker = make_kafka()
    with System(broker.bootstrap, database, tmp_path, LAUREL_DOOR_PATIENCE="2") as system:
        door = Door(system)
        first, second = started(), started()
        assert door.send(first).status == 202
        broker.kill()
        answer = door.send(second, described())
        is_problem(answer, 503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert door.ask("GET", "/readyz").status == 503
        assert "Kafka does not answer" in faults(door.process, "readyz")[0]
        assert faults(door.process, "livez") == []
        said = Samples(door.process)
        assert said.by("status", "laurel_door_requests_total")["503"] == 2
        assert said.one("laurel_door_events_total") == 1
        assert said.by("app", "laurel_database_up") == {"door": 1}
        broker.start()
        wait_for(lambda: door.send(second).status == 202, "the door to open again")
        assert {json.loads(value)["id"] for _, _, value in kept(door, first, second)} == {
            first["id"],
            second["id"],
        }
        assert door.ask("GET", "/readyz").said == {"ready": True, "why": []}


def test_a_batch_of_which_kafka_takes_only_a_part_is_not_accepted(door: Door) -> None:
    taken, refused = started(), described()
    door.system.alter(DIRECTORY, {"max.message.bytes": "10"})
    # A broker takes a while to live by what it was told.
    wait_for(lambda: door.send(described()).status == 503, "the topic to take nothing")
    is_problem(door.send(taken, refused), 503, "unavailable")
    door.system.alter(DIRECTORY, {"max.message.bytes": "1048588"})
    assert [json.loads(value) for _, _, value in kept(door, taken, refused)] == [taken]
    assert door.send(taken, refused).status == 202


def test_while_the_database_is_down_nobody_is_believed(
    make_postgres: Any, kafka: Broker, tmp_path: Path
) -> None:
    server = make_postgres()
    with System(kafka.bootstrap, server.url, tmp_path) as system:
        door = Door(system)
        server.kill()
        with nothing_is_written(door):
            answer = door.send(started())
        is_problem(answer, 503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert "Postgres" in door.ask("GET", "/readyz").said["why"][0]
        assert Samples(door.process).by("app", "laurel_database_up") == {"door": 0}
        server.start()
        wait_for(lambda: door.send(started()).status == 202, "the door to open again")
