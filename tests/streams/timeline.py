"""What lies on the timeline, and what came of it? Each fact once in effect, of one customer.

A copy is no fault; a copy that the engine folds is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import alert_message
from schemas.envelope import decode
from schemas.facts import Tick
from schemas.topics import ALERTS, CATALOGUE, TIMELINE
from tests.streams.system import Running, System, wait_for


@dataclass(frozen=True, slots=True)
class Line:
    """A fact on the timeline; `id` is that of the incoming event which told it."""

    partition: int
    offset: int
    key: str
    name: tuple[str, str]
    id: str
    recorded_at: datetime


def lines(system: System, source: str) -> list[Line]:
    """Everything that a source told, as it lies there."""
    found = []
    for record in system.records(TIMELINE):
        told = decode(record.value)
        if isinstance(told.fact, Tick):
            continue
        of, _, id = told.fact.cause.rpartition("#")
        if of == source:
            place = record.partition, record.offset
            found.append(Line(*place, told.key, told.name, id, told.fact.recorded_at))
    return found


def first_and_later(found: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The first appearance of each fact in its partition, and all others."""
    seen: set[tuple[int, tuple[str, str]]] = set()
    first: list[Line] = []
    later: list[Line] = []
    for line in found:
        (later if (line.partition, line.name) in seen else first).append(line)
        seen.add((line.partition, line.name))
    return first, later


def ids(*events: Mapping[str, Any]) -> list[str]:
    """The ids of events, twice where one brings a certificate and so means two facts."""
    return [event["id"] for event in events for _ in range(_meant(event))]


def _meant(event: Mapping[str, Any]) -> int:
    return 2 if event["type"] == "training.completed.v1" and "certificate" in event["data"] else 1


def assert_told(system: System, source: str, expected: Mapping[str, Sequence[str]]) -> list[Line]:
    """Each customer (or the catalogue) was told just these ids, in this order; returns copies."""
    first, later = first_and_later(lines(system, source))
    told: dict[tuple[int, str], list[str]] = {}
    for line in first:
        told.setdefault((line.partition, line.key), []).append(line.id)
    wanted = {(system.partition(key), key): list(ids) for key, ids in expected.items()}
    if CATALOGUE in expected:
        for partition in range(system.settings.laurel_partitions):
            wanted[partition, CATALOGUE] = list(expected[CATALOGUE])
    assert told == wanted
    return later


def assert_dropped(system: System, engine: Running, copies: Sequence[Line]) -> None:
    """There are copies, and the engine, which has run from the start, folded none of them."""
    system.await_engine()
    dropped = {(said["partition"], said["offset"]) for said in engine.events("repeat")}
    assert copies
    assert {(line.partition, line.offset) for line in copies} <= dropped


def messages(system: System, customer: str) -> list[tuple[str, str, int]]:
    """(rule, status, version) of each message about an account, once all are sent."""
    system.await_engine()
    wait_for(
        lambda: not system.rows("SELECT FROM outbox WHERE customer = %s", customer),
        f"the alerts of {customer} to be sent",
    )
    said = [alert_message.decode(record.value) for record in system.records(ALERTS)]
    return [(one.rule, one.status, one.version) for one in said if one.customer == customer]


def training(system: System, customer: str) -> list[tuple[str, str, int]]:
    """(name, status, attempts) of each of an account's learners, once all is folded."""
    system.await_engine()
    return system.rows(
        "SELECT p.name, status, attempts FROM training JOIN people p USING (person)"
        " WHERE customer = %s ORDER BY p.name",
        customer,
    )
