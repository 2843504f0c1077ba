"""What do producers send while intake is measured? A directory, usage and training, seeded."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import orjson

from schemas.envelope import stamp
from streams import clock
from streams.append import partition_of
from tests.bench.workload import (
    CERTIFICATE,
    COURSE,
    FEATURES,
    METRICS,
    MODULES,
    PARTITIONS,
    QUANTITIES,
    WEIGHTS,
    Line,
)

SOURCE = "urn:laurel:bench"
PEOPLE = 5
"""Of each customer."""

STEPS: tuple[tuple[str, dict[str, object]], ...] = (
    ("training.enrolled.v1", {}),
    ("training.started.v1", {}),
    ("module.completed.v1", {"module": MODULES[0]}),
    ("module.completed.v1", {"module": MODULES[1]}),
    ("training.completed.v1", {"score": 80}),
)


def directory(customers: int) -> Iterator[Line]:
    """A course, customers and their people; a customer before its own."""
    told = clock.real() - timedelta(days=40)
    offered = {"modules": [{"id": module} for module in MODULES], "certificate": CERTIFICATE}
    yield _line("d", told, "course.described.v1", "course", course=COURSE, **offered)
    for number in range(customers):
        customer = f"customer-{number:05}"
        yield _line("d", told, "customer.described.v1", customer, customer=customer, zone="UTC")
        for person in range(PEOPLE):
            who = {"id": f"{customer}-{person}", "email": f"{customer}-{person}@laurel.example"}
            about = {"customer": customer, "person": who, "role": "admin"}
            yield _line("d", told, "person.joined.v1", f"{customer}-{person}", **about)


def usage(customers: int, events: int) -> Iterator[Line]:
    """Four of five name who it was."""
    chance, told = random.Random(1), clock.real()
    for number in range(events):
        customer = f"customer-{chance.randrange(customers):05}"
        said: dict[str, object] = {
            "customer": customer,
            "metric": chance.choices(METRICS, WEIGHTS)[0],
            "quantity": chance.choice(QUANTITIES),
        }
        if chance.random() < 0.8:
            said["person"] = {"id": f"{customer}-{chance.randrange(PEOPLE)}"}
        if chance.random() < 0.5:
            said["feature"] = chance.choice(FEATURES)
        yield _line("u", told, "usage.recorded.v1", f"{number:021}", **said)


def training(customers: int, events: int) -> Iterator[Line]:
    """People are named by e-mail, and whose they are is for intake to find."""
    chance, told = random.Random(2), clock.real()
    for number in range(events):
        person = f"customer-{chance.randrange(customers):05}-{chance.randrange(PEOPLE)}"
        wire, said = chance.choice(STEPS)
        who = {"email": f"{person}@laurel.example"}
        yield _line("t", told, wire, f"{number:021}", person=who, course=COURSE, **said)


def _line(kind: str, at: datetime, wire: str, id: str, **data: object) -> Line:
    event = {
        "specversion": "1.0",
        "id": f"{kind}-{id}",
        "source": SOURCE,
        "type": wire,
        "time": stamp(at),
        "data": data,
    }
    # A producer's key means nothing to Laurel: it spreads records alike.
    key = id.rpartition("-")[0] if wire == "person.joined.v1" else id
    return Line(partition_of(key, PARTITIONS), key, orjson.dumps(event))
