"""Do the three modes of CloudEvents say the same, byte by byte where a producer wrote JSON?"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.adapters import cloudevents
from handlers.adapters.delivery import Arrived, Delivery, UnknownFormat
from schemas.door import BATCH, JSON, LARGEST_EVENT, MOST_EVENTS, STRUCTURED
from schemas.envelope import Unreadable

GOLDEN = Path(__file__).parents[2] / "schemas" / "golden" / "incoming"
FILES = sorted(GOLDEN.glob("*.json"))
STARTED = (GOLDEN / "training.started.v1.json").read_bytes()


def read(content_type: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> list[Arrived]:
    return cloudevents.read(Delivery(content_type, body, headers))


def binary(event: dict[str, Any]) -> tuple[list[tuple[str, str]], bytes]:
    """An event's headers and body in binary mode."""
    names = (name for name in event if name not in ("data", "datacontenttype"))
    return [(f"ce-{name}", event[name]) for name in names], json.dumps(event["data"]).encode()


def faults(content_type: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> list[str]:
    with pytest.raises(Unreadable) as refused:
        read(content_type, body, headers)
    return [f"{fault.pointer} {fault.what}" for fault in refused.value.faults]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_mode_says_the_same(file: Path) -> None:
    raw = file.read_bytes()
    (structured,) = read(STRUCTURED, raw)
    headers, body = binary(json.loads(raw))
    (assembled,) = read(JSON, body, headers)
    assert structured.raw == raw
    assert assembled.event == structured.event
    (twice, thrice) = read(BATCH, b"[" + raw + b"," + raw + b"]")
    assert (twice.event, thrice.event) == (structured.event, structured.event)


def test_what_is_assembled_from_headers_reads_as_it_was_read() -> None:
    headers, body = binary(json.loads(STARTED))
    (arrived,) = read(JSON, body, headers)
    (again,) = read(STRUCTURED, arrived.raw)
    assert again.event == arrived.event


@given(spaces=st.lists(st.sampled_from(["", " ", "\n", "\t", "\r\n  "]), min_size=4, max_size=4))
def test_an_event_leaves_a_batch_as_it_was_written(spaces: list[str]) -> None:
    events = [STARTED.decode(), STARTED.decode().replace("{", "{ ").replace("ada", "Ädä")]
    first, second, third, last = spaces
    body = f"{first}[{second}{events[0]}{third},{events[1]}{last}]".encode()
    assert [one.raw.decode().strip() for one in read(BATCH, body)] == [e.strip() for e in events]


def test_an_empty_batch_says_nothing() -> None:
    assert read(BATCH, b" [ ] ") == []


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[", b"[1,]", b"[1 2]", b"[,]", b"[]]", b"[1]x", b"\xff", b"[" * 9999]
)
def test_what_is_no_array_is_no_batch(body: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        read(BATCH, body)
    assert refused.value.reason == "json"


def test_every_fault_of_a_batch_is_named_by_its_event() -> None:
    wrong = json.loads(STARTED)
    del wrong["data"]["person"], wrong["time"]
    nobody = json.loads(STARTED)
    del nobody["data"]["course"]
    body = b",".join([STARTED, json.dumps(wrong).encode(), b"7", json.dumps(nobody).encode()])
    assert [fault.split(" ")[0] for fault in faults(BATCH, b"[" + body + b"]")] == [
        "/1/time",
        "/1/data/person",
        "/2",
        "/3/data/course",
    ]


def test_a_batch_and_an_event_may_be_only_so_large() -> None:
    full = b"[" + b",".join([STARTED] * MOST_EVENTS) + b"]"
    assert len(read(BATCH, full)) == MOST_EVENTS
    assert f"more than {MOST_EVENTS} events" in faults(BATCH, b"[7," + full[1:])[0]
    padded = STARTED.rstrip()[:-1] + b" " * (LARGEST_EVENT - len(STARTED.rstrip())) + b"}"
    assert len(read(STRUCTURED, padded)) == 1
    assert f"more than {LARGEST_EVENT} bytes" in faults(STRUCTURED, padded + b" ")[0]


def test_a_header_may_be_quoted_and_written_in_percent() -> None:
    headers, body = binary({**json.loads(STARTED), "id": '"e%2D%C3%A4\\"17"'})
    (arrived,) = read("Application/JSON; charset=UTF-8", body, headers)
    assert arrived.event.id == 'e-ä"17'


def test_wrong_attributes_hide_nothing_that_is_wrong_with_the_data() -> None:
    wrong = {**json.loads(STARTED), "time": "yesterday", "data": {"person": {"id": 1}, "x": 1}}
    headers, body = binary(wrong)
    said = [one.split()[0] for one in faults(JSON, body, headers)]
    assert said == ["/time", "/data/person/id", "/data/course"]
    assert [one.split()[0] for one in faults(STRUCTURED, json.dumps(wrong).encode())] == said


@pytest.mark.parametrize("number", ["1" * 18, "-9223372036854775808", "1e99", "1E-999", "0.1e+7"])
def test_a_number_that_json_has_is_taken_also_where_it_is_not_known(number: str) -> None:
    raw = STARTED.replace(b'"course":', f'"own": {number}, "course":'.encode())
    assert raw != STARTED
    (arrived,) = read(STRUCTURED, raw)
    assert arrived.raw == raw


@pytest.mark.parametrize(
    "number",
    ["NaN", "-Infinity", "1e999", "-12e+0309", "1" + "0" * 400 + ".5", "9" * 30, "9" * 4000],
)
def test_a_number_that_json_has_not_is_refused_also_where_it_is_not_known(number: str) -> None:
    raw = STARTED.replace(b'"course":', f'"own": [{{"size": {number}}}], "course":'.encode())
    assert [one.split()[0] for one in faults(STRUCTURED, raw)] == ["/data/own/0/size"]
    headers, _ = binary(json.loads(STARTED))
    body = f'{{"course": "reporting", "own": {number}}}'.encode()
    assert [one.split()[0] for one in faults(JSON, body, headers)] == ["/data/person", "/data/own"]
    raw = STARTED.replace(b'"data":', f'"own": {number}, "data":'.encode())
    assert [one.split()[0] for one in faults(BATCH, b"[" + raw + b"]")] == ["/0/own"]


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (("ce-id", "e-18"), "/id header ce-id is there twice"),
        (("ce-data", "{}"), " header ce-data: no attribute bears this name"),
        (("CE-Data-Schema", "x"), " header ce-data-schema: no attribute bears this name"),
        (("ce-subject", "%FF"), "/subject header ce-subject: must be UTF-8, as %XX"),
        (("ce-subject", "\udcff"), "/subject header ce-subject: must be UTF-8, as %XX"),
    ],
)
def test_a_header_that_is_no_attribute_is_refused(header: tuple[str, str], fault: str) -> None:
    headers, body = binary(json.loads(STARTED))
    assert faults(JSON, body, [*headers, header]) == [fault]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "/data Field required"),
        (b"[]", "/data Input should be an object"),
        (b'{}, "id": "another"', "/data Invalid JSON: something follows at character 2"),
        (b"{", "/data Invalid JSON: Expecting property name enclosed in double quotes"),
        (b"\xff", "/data the body is not UTF-8 at byte 0"),
    ],
)
def test_a_body_in_binary_mode_is_one_object(body: bytes, fault: str) -> None:
    headers, _ = binary(json.loads(STARTED))
    assert faults(JSON, body, headers)[0].startswith(fault)


@pytest.mark.parametrize(
    ("content_type", "header"),
    [
        ("application/json", "x-id"),
        ("", "x-id"),
        ("text/csv", "ce-id"),
        ("application/cloudevents+avro", "x-id"),
        ("application/cloudevents+json; charset=latin1", "x-id"),
    ],
)
def test_another_format_is_not_guessed_at(content_type: str, header: str) -> None:
    with pytest.raises(UnknownFormat):
        read(content_type, STARTED, [(header, "1")])
