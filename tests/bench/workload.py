"""What is measured? One file of timeline records, which a seed makes again byte for byte.

Nine of ten are usage, one is training; customers follow Zipf, and people their customers' size.
One in a hundred comes again later as it is, one in fifty happened up to five minutes before.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from streams.append import partition_of

PARTITIONS = 12
BEGIN = datetime(2026, 3, 2, 18, tzinfo=UTC)
APART = timedelta(milliseconds=20)

METRICS = ("api_calls", "logins", "reports", "exports", "invites")
WEIGHTS = (50, 25, 15, 8, 2)
FEATURES = ("search", "dashboards", "alerts", "sharing", "automation")
QUANTITIES = ("1", "1", "1", "2", "3", "5", "12", "0.25", "1.5", "-1")

COURSE = "basics"
MODULES = ("m1", "m2")
CERTIFICATE = "basics-certificate"
STEPS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("person.joined.v1", {"role": "admin"}),
    ("training.enrolled.v1", {"course": COURSE}),
    ("training.started.v1", {"course": COURSE}),
    *(("module.completed.v1", {"course": COURSE, "module": module}) for module in MODULES),
    ("training.completed.v1", {"course": COURSE, "score": "80", "attempt": 1}),
    ("certificate.granted.v1", {"certificate": CERTIFICATE}),
)
"""What a learner does, one after another; the last is worth an alert."""

PROBE = "probe-"
CERTIFIED = f"{PROBE}certified-"
"""Customers that occur once, so that the row they come to was written by one transaction."""


@dataclass(frozen=True)
class Shape:
    """How much of it, of how many customers, and which part of it is training.

    `probe_each`: every so manieth record is a probe, 0: none; `alert_each`: every so manieth is a
    certificate of such a customer, and nothing else is worth an alert.
    """

    events: int
    seed: int = 1
    customers: int = 20_000
    exponent: float = 1.1
    training: float = 0.1
    probe_each: int = 0
    alert_each: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A record, and where it lies."""

    partition: int
    key: str
    value: bytes

    def __bytes__(self) -> bytes:
        return b"%d\t%s\t%s\n" % (self.partition, self.key.encode(), self.value)


def write(path: Path, shape: Shape) -> None:
    """The whole workload, a record a line: partition, key, value."""
    with path.open("wb") as file:
        file.writelines(map(bytes, lines(shape)))


def read(path: Path, events: int | None = None) -> Iterator[Line]:
    """The first so many records of a workload, or all."""
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number == events:
                return
            partition, key, value = line.rstrip(b"\n").split(b"\t", 2)
            yield Line(int(partition), key.decode(), value)


def lines(shape: Shape) -> Iterator[Line]:
    """The records in their order; the catalogue comes first, in each partition."""
    chance = random.Random(shape.seed)
    course: dict[str, object] = {"course": COURSE, "modules": MODULES, "certificate": CERTIFICATE}
    offered = record(0, "course.described.v1", BEGIN, BEGIN, course)
    for partition in range(PARTITIONS):
        yield Line(partition, "catalogue", offered)
    told, recent = Telling(shape, chance), [Line(0, "", b"")] * 5000
    for number in range(PARTITIONS, shape.events):
        again = recent[chance.randrange(len(recent))]
        if chance.random() < 0.01 and again.key:
            yield again
            continue
        line = told.line(number)
        if not line.key.startswith(PROBE):
            recent[number % len(recent)] = line
        yield line


class Telling:
    """Tells one record after another."""

    def __init__(self, shape: Shape, chance: random.Random) -> None:
        self._shape = shape
        self._chance = chance
        weights = [(rank + 1) ** -shape.exponent for rank in range(shape.customers)]
        self._drawn = chance.choices(range(shape.customers), weights, k=shape.events)
        self._learned: dict[int, int] = {}

    def line(self, number: int) -> Line:
        """The record of this number."""
        chance = self._chance
        heard = BEGIN + number * APART
        at = heard
        if chance.random() < 0.02:
            at -= timedelta(seconds=chance.randrange(1, 300))
        rank = self._drawn[number]
        customer = f"customer-{rank:05}"
        if (every := self._shape.alert_each) and number % every == 1:
            customer = f"{CERTIFIED}{number:09}"
            wire, data = STEPS[-1][0], {**STEPS[-1][1], "customer": customer, "person": customer}
        elif (every := self._shape.probe_each) and number % every == 0:
            customer = f"{PROBE}{number:09}"
            wire, data = "usage.recorded.v1", self._usage(customer, rank)
        elif chance.random() < self._shape.training:
            wire, data = self._step(customer, rank)
        else:
            wire, data = "usage.recorded.v1", self._usage(customer, rank)
        value = record(number, wire, at, heard, data)
        return Line(partition_of(customer, PARTITIONS), customer, value)

    def _usage(self, customer: str, rank: int) -> dict[str, object]:
        chance = self._chance
        data: dict[str, object] = {
            "customer": customer,
            "metric": chance.choices(METRICS, WEIGHTS)[0],
            "quantity": chance.choice(QUANTITIES),
        }
        # Ten times the rank has a third of the people.
        people = max(2, int(400 * (rank + 1) ** -0.5))
        if chance.random() < 0.8:
            data["person"] = _person(rank, chance.randrange(people))
        if chance.random() < 0.5:
            data["feature"] = chance.choice(FEATURES)
        return data

    def _step(self, customer: str, rank: int) -> tuple[str, dict[str, object]]:
        """The next step of this customer's present learner, who makes room when she is done."""
        done = self._learned.get(rank, 0)
        self._learned[rank] = done + 1
        steps = STEPS[:-2] if self._shape.alert_each else STEPS
        wire, data = steps[done % len(steps)]
        return wire, {"customer": customer, "person": _person(rank, done // len(steps)), **data}


def _person(rank: int, number: int) -> str:
    return f"{rank:08x}-0000-5000-8000-{number:012x}"


def record(number: int, wire: str, at: datetime, heard: datetime, data: dict[str, object]) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"01J9Z{number:021d}",
            "source": "urn:laurel:bench",
            "type": wire,
            "time": _stamp(at),
            "recordedtime": _stamp(heard),
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
