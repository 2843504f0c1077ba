"""Did each record that intake accepted get to the timeline, for one account, and in order?"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.envelope import decode
from schemas.facts import Tick
from schemas.incoming import RequirementDescribed
from schemas.topics import CATALOGUE, INTAKE, QUARANTINE_ROW, TIMELINE
from tests.sample.door import opaque
from tests.storm.equality import Equality
from tests.storm.storm import Storm
from tests.storm.story import LMS, SOURCE
from tests.streams.system import System

Place = tuple[str, int]
"""A topic's name in Kafka and a partition."""


@dataclass
class Told:
    """What the timeline has of one incoming event: where, for whom and of whom."""

    keys: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    partitions: set[int] = field(default_factory=set)


@dataclass
class Timeline:
    """What it tells, by cause, and the causes of each partition in the order they came up."""

    told: dict[str, Told] = field(default_factory=dict)
    order: dict[int, list[str]] = field(default_factory=dict)


@dataclass
class Said:
    """What lies on the intake topics.

    `events` and `first`: the readable ones and their first places, by cause; `loose`: those that
    were published again, lie on two partitions, or may wait until a course or certificate is
    described and then go on from where they lie, of which no order is asked; `values`: every
    record.
    """

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    first: dict[str, tuple[Place, int]] = field(default_factory=dict)
    loose: set[str] = field(default_factory=set)
    values: dict[tuple[Place, int], bytes | None] = field(default_factory=dict)

    def cause(self, topic: str, partition: int, offset: int) -> str:
        """Which event lies there."""
        return _cause(json.loads(self.values[(topic, partition), offset] or b""))


def read(system: System) -> Timeline:
    """The whole timeline."""
    found = Timeline()
    for record in system.records(TIMELINE):
        line = decode(record.value)
        if isinstance(line.fact, Tick):
            continue
        one = found.told.setdefault(line.fact.cause, Told())
        one.keys.add(line.key)
        one.people.add(getattr(line.fact, "person", ""))
        if record.partition not in one.partitions:
            found.order.setdefault(record.partition, []).append(line.fact.cause)
        one.partitions.add(record.partition)
    return found


def said(system: System) -> Said:
    """The intake topics."""
    found = Said()
    for topic in INTAKE:
        for record in system.records(topic):
            place = (record.topic, record.partition), record.offset
            found.values[place] = record.value
            try:
                event = json.loads(record.value or b"")
                cause = _cause(event)
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
            found.events.setdefault(cause, event)
            before = found.first.setdefault(cause, place)
            again = any(name == QUARANTINE_ROW for name, _ in record.headers)
            if again or before[0] != place[0] or event["type"] == RequirementDescribed.WIRE:
                found.loose.add(cause)
    return found


def _cause(event: dict[str, Any]) -> str:
    return f"{opaque(event['source'])}#{opaque(event['id'])}"


def intake(storm: Storm, heard: Said) -> Equality:
    """Each accepted record under one account that it may belong to, in the order of its topic."""
    timeline = read(storm.system)
    waits = {heard.cause(*row) for row in storm.system.rows(WAITING)}
    lost, doubled = [], []
    expected = {cause: {key} for cause, key in storm.story.placed.items()}
    for cause, event in heard.events.items():
        if event["source"] in (SOURCE, LMS) and cause not in waits:
            expected[cause] = may_belong(storm, event)
    for cause, customers in expected.items():
        one = timeline.told.get(cause)
        everywhere = storm.system.settings.laurel_partitions if customers == {CATALOGUE} else 1
        if one is None or len(one.partitions) < everywhere:
            lost.append(f"{cause} is not on the timeline")
        elif len(one.keys) > 1 or len(one.people) > 1:
            doubled.append(f"{cause} is told of {sorted(one.keys)}, {sorted(one.people)}")
        elif not one.keys <= customers:
            lost.append(f"{cause} went to {one.keys}, and belongs to {sorted(customers)}")
    doubled += [f"{cause} was never accepted" for cause in timeline.told if cause not in expected]
    lost += list(out_of_order(timeline, heard))
    return Equality("intake", len(expected), lost, doubled)


WAITING = 'SELECT topic, partition, "offset" FROM quarantine'


def may_belong(storm: Storm, event: dict[str, Any]) -> set[str]:
    """The accounts in which the directory had the nomad that an event is about."""
    data = event["data"]
    return {data["customer"]} if "customer" in data else storm.story.nomads[data["person"]["id"]]


def out_of_order(timeline: Timeline, heard: Said) -> Iterable[str]:
    """Events that came up behind one that lies behind them on the same intake partition."""
    for partition, causes in timeline.order.items():
        last: dict[Place, int] = {}
        for cause in causes:
            if cause in heard.loose:
                continue
            place, offset = heard.first[cause]
            if offset < last.get(place, -1):
                yield f"{cause} of {place} at {offset} came late to timeline[{partition}]"
            last[place] = max(offset, last.get(place, -1))
