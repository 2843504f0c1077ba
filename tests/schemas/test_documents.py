"""Do the documents for programs say what the schemas say, and are those checked in the latest?"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import asyncapi, openapi
from schemas.door import PROBLEMS
from schemas.envelope import Unreadable, parse
from schemas.openapi import EXAMPLE

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "schemas" / "golden"

DOCUMENTS = {"openapi": openapi, "asyncapi": asyncapi}

EVENTS = [json.loads(path.read_text()) for path in sorted(GOLDEN.glob("incoming/*.json"))]
ALERTS = [json.loads(path.read_text()) for path in sorted(GOLDEN.glob("alert.*.json"))]

# By hand, from the topics' purpose: what the directory says, and what learners did.
OF_THE_DIRECTORY = {"customer", "person", "role", "course", "requirement"}


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object within."""
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(part)


def found(document: dict[str, Any], reference: str) -> Any:
    part: Any = document
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


def fits(document: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """Whether a value is of this shape: types, names and what must be there."""
    if "$ref" in schema:
        return fits(document, found(document, schema["$ref"]), value)
    if "anyOf" in schema:
        return any(fits(document, one, value) for one in schema["anyOf"])
    if "const" in schema:
        return bool(value == schema["const"])
    match schema["type"]:
        case "object":
            return (
                isinstance(value, dict)
                and set(schema.get("required", ())) <= set(value) <= set(schema["properties"])
                and all(
                    fits(document, schema["properties"][name], part) for name, part in value.items()
                )
            )
        case "array":
            return isinstance(value, list) and all(
                fits(document, schema["items"], part) for part in value
            )
        case "string":
            return (
                isinstance(value, str)
                and value in schema.get("enum", [value])
                and re.search(schema.get("pattern", ""), value) is not None
            )
        case "integer":
            return isinstance(value, int)
        case "number":
            return isinstance(value, int | float)
        case "null":
            return value is None
    raise AssertionError(f"{schema} is of no kind known here")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_document_checked_in_is_the_latest(name: str) -> None:
    checked_in = (ROOT / "schemas" / f"{name}.json").read_text()
    assert checked_in == DOCUMENTS[name].text(), (
        f"run `laurel describe {name} > schemas/{name}.json`"
    )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_everything_that_is_referred_to_is_there(name: str) -> None:
    document = DOCUMENTS[name].document()
    references = [node["$ref"] for node in nodes(document) if "$ref" in node]
    assert len(references) > 50
    for reference in references:
        assert isinstance(found(document, reference), dict), reference


@pytest.mark.parametrize("event", [*EVENTS, *ALERTS], ids=lambda event: str(event["type"]))
def test_what_is_sent_is_of_the_shape_described_and_nothing_less_is(event: dict[str, Any]) -> None:
    document = asyncapi.document()
    schema = document["components"]["messages"][event["type"]]["payload"]
    described = {name: value for name, value in event.items() if name != "subject"}
    assert fits(document, schema, described)
    assert not fits(document, schema, {**described, "type": "training.dreamt.v1"})
    assert not fits(document, schema, {**described, "data": {}})
    assert not fits(document, schema, {**described, "data": {**event["data"], "unheard": "of"}})


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", "text/json", "application/jsonl"],
)
def test_the_kinds_of_data_described_are_those_that_are_taken(kind: str) -> None:
    event = {**EVENTS[0], "datacontenttype": kind}
    document = asyncapi.document()
    schema = document["components"]["messages"][event["type"]]["payload"]
    try:
        parse(json.dumps(event))
        taken = True
    except Unreadable:
        taken = False
    assert fits(document, schema, event) == taken


def test_every_event_travels_on_the_channel_of_its_subject() -> None:
    channels = asyncapi.document()["channels"]
    topics = ("intake.training", "intake.usage", "intake.directory")
    wanted: dict[str, set[str]] = {topic: set() for topic in topics}
    for event in EVENTS:
        wire = event["type"]
        subject = wire.partition(".")[0]
        directory = "directory" if subject in OF_THE_DIRECTORY else "training"
        wanted["intake.usage" if subject == "usage" else f"intake.{directory}"].add(wire)
    wanted["alerts"] = {alert["type"] for alert in ALERTS}
    assert {name: set(channel["messages"]) for name, channel in channels.items()} == wanted
    assert {name: channel["address"] for name, channel in channels.items()} == {
        name: name for name in wanted
    }


def test_laurel_reads_intake_and_writes_alerts() -> None:
    operations = asyncapi.document()["operations"].values()
    actions = {one["channel"]["$ref"].rpartition("/")[2]: one["action"] for one in operations}
    assert actions == {
        "intake.training": "receive",
        "intake.usage": "receive",
        "intake.directory": "receive",
        "alerts": "send",
    }


def test_the_door_describes_producers_events_and_every_refusal() -> None:
    document = openapi.document()
    told = document["components"]["schemas"]["Event"]["discriminator"]["mapping"]
    assert set(told) == {event["type"] for event in EVENTS}
    answers = document["paths"]["/api/events"]["post"]["responses"]
    assert set(answers) == {"202", *map(str, PROBLEMS)}
    for status in ("429", "503"):
        assert "Retry-After" in answers[status]["headers"]


def test_the_example_is_an_event() -> None:
    assert parse(json.dumps(EXAMPLE)).name == "urn:lms:academy#completion-4711"
