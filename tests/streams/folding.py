"""What lies on the timeline in the engine's tests, and what must come of it where nothing fails?"""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import psycopg
from faust.types import TP
from psycopg.sql import SQL, Identifier

from projections.migrate import migrate
from projections.tables import REBUILT
from schemas.envelope import encode_fact, encode_tick
from schemas.facts import (
    CertificateGranted,
    CourseDescribed,
    CustomerDescribed,
    Fact,
    ModuleCompleted,
    OfCatalogue,
    OfCustomer,
    PersonJoined,
    PersonLeft,
    TrainingCompleted,
    TrainingFailed,
    TrainingStarted,
    UsageRecorded,
)
from schemas.topics import ALERTS, CATALOGUE, TIMELINE
from streams import positions
from streams.append import partition_of
from streams.database import open_pool
from streams.engine import Engine
from streams.remembered import names
from streams.settings import Settings, load
from tests.conftest import Given, empty_database
from tests.streams.system import System, wait_for

DAY_0 = datetime(2026, 1, 5, 9, tzinfo=UTC)
SOURCE = "urn:lms:test"

PARTITIONS = 3
# Two in each of the three partitions.
CUSTOMERS = ("acme", "bolt", "core", "dune", "echo", "iris")


@dataclass(frozen=True)
class Line:
    """A record for the timeline, and where it belongs."""

    partition: int
    key: str
    value: bytes


def day(number: float) -> datetime:
    return DAY_0 + timedelta(days=number)


def said(fact: Fact, id: str | None = None) -> list[Line]:
    """The fact on the timeline: a customer's in its partition, the catalogue's in each."""
    source, _, own = fact.cause.partition("#")
    value = encode_fact(fact, source, id or own)
    if isinstance(fact, OfCustomer):
        return [Line(partition_of(fact.customer, PARTITIONS), fact.customer, value)]
    return [Line(partition, CATALOGUE, value) for partition in range(PARTITIONS)]


def ticks(number: float) -> list[Line]:
    """A tick in every partition."""
    return [Line(p, CATALOGUE, encode_tick(day(number), p)) for p in range(PARTITIONS)]


def a_fact(kind: type[Fact], at: float, name: str, **fields: Any) -> Fact:
    """A fact of day `at`, heard an hour later."""
    when = day(at)
    return kind(at=when, recorded_at=when + timedelta(hours=1), cause=f"{SOURCE}#{name}", **fields)


def poison(customer: str = "acme") -> list[Fact]:
    """Two facts on whose second a handler raises: it lapses in a zone that is none."""
    whose = {"customer": customer, "person": "eve", "certificate": "admin-cert"}
    return [
        a_fact(CustomerDescribed, 70, "zone", customer=customer, zone="Nowhere/Never"),
        a_fact(CertificateGranted, 71, "grant", **whose, last_day=date(2027, 1, 1)),
    ]


def story(seed: int = 1, people: int = 4, first: int = 0) -> list[Line]:
    """A few accounts over sixty days: starts, modules, passes, fails, stalls, returns, leavers.

    About one record in twelve comes again later, and ticks lie in between.
    `first` tells a further story of other people.
    """
    chance = random.Random(seed)
    meter = random.Random(seed)
    number = count(first * 10_000 + 1)
    told: list[tuple[float, Fact]] = []

    def tell(kind: type[Fact], at: float, **fields: Any) -> None:
        told.append((at, a_fact(kind, at, f"e{next(number)}", **fields)))

    tell(
        CourseDescribed,
        -1,
        course="admin",
        modules=("m1", "m2", "m3"),
        certificate="admin-cert",
        validity_months=12,
    )
    tell(CourseDescribed, -1, course="basics", modules=("m1", "m2"), patience_days=10)
    for customer in CUSTOMERS:
        tell(CustomerDescribed, -1, customer=customer, zone="Europe/Berlin")
        for index in range(people):
            person = f"{customer}-p{first}{index}"
            whose = {"customer": customer, "person": person}
            begins = chance.uniform(0, 20)
            tell(PersonJoined, begins - 0.5, **whose, role="admin")
            for course in chance.sample(("admin", "basics"), chance.randint(1, 2)):
                at = begins + chance.uniform(0, 3)
                tell(TrainingStarted, at, **whose, course=course)
                for module in ("m1", "m2"):
                    at += chance.choice((1, 2, 4, 17))
                    tell(ModuleCompleted, at, **whose, course=course, module=module)
                at += chance.choice((1, 3, 20))
                ends = chance.choice(("passed", "failed", "silent", "left"))
                if ends == "failed":
                    tell(TrainingFailed, at, **whose, course=course, attempt=1)
                if ends in ("passed", "failed"):
                    tell(TrainingCompleted, at + 1, **whose, course=course, attempt=2)
                if ends == "left":
                    tell(PersonLeft, at, **whose)
        for index in range(5 * people):
            tell(
                UsageRecorded,
                meter.uniform(0, 60),
                customer=customer,
                metric=meter.choice(("calls", "seats")),
                quantity=Decimal(meter.randint(-100, 10_000)) / 100,
                person=meter.choice((None, f"{customer}-p{first}{index % people}")),
                feature=meter.choice((None, "exports")),
            )
    told.sort(key=lambda each: (each[0] >= 0, each[0]))
    lines: list[Line] = []
    due = 5.0
    for at, fact in told:
        while at > due:
            lines += ticks(due)
            due += 5
        lines += said(fact)
        if not isinstance(fact, OfCatalogue) and chance.random() < 1 / 12:
            lines += said(fact)
    return [*lines, *ticks(80)]


def put(system: System, lines: Iterable[Line]) -> None:
    """Put lines on the timeline, in order."""
    system.lay(TIMELINE, ((line.partition, line.key, line.value) for line in lines))


def await_folded(system: System, seconds: float = 60) -> None:
    """Wait until everything that lies on the timeline now is folded."""
    ends = system.ends(TIMELINE)
    wait_for(
        lambda: system.positions("engine", TIMELINE) == ends, "the timeline to be folded", seconds
    )


def await_progress(system: System, partition: int, past: int) -> None:
    """Wait until a partition is folded so far."""
    wait_for(
        lambda: system.positions("engine", TIMELINE)[partition] > past,
        f"partition {partition} to be folded past {past}",
    )


async def fits(_: TP) -> None:
    """A recheck that finds nothing wrong."""


def records_of(system: System) -> dict[TP, list[Any]]:
    """What lies on the timeline, by partition."""
    found: dict[TP, list[Any]] = {}
    for record in system.records(TIMELINE):
        found.setdefault(TP(record.topic, record.partition), []).append(record)
    return found


def begin(settings: Settings, topic_id: str = "of no topic") -> None:
    """Positions at the beginning of the timeline, in a database that has none."""
    with psycopg.connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        offsets = dict.fromkeys(range(settings.laurel_partitions), 0)
        positions.register(connection, "engine", settings.topic(TIMELINE), topic_id, offsets)


async def fold(settings: Settings, batches: Mapping[TP, Sequence[list[Any]]]) -> None:
    """Fold these batches by an engine of this process."""
    async with open_pool(settings, size=1) as pool:
        engine = Engine(settings, pool, fits)
        for tp, parts in batches.items():
            for part in parts:
                await engine.work(tp, part, sought=False)


@dataclass(frozen=True)
class Record:
    """A record as the transport brings it."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes


def recorded(lines: Iterable[Line], at: float = 90) -> dict[TP, list[Record]]:
    """These lines as they would lie on a timeline, all appended on day `at`."""
    found: dict[TP, list[Record]] = {}
    for line in lines:
        records = found.setdefault(TP(TIMELINE, line.partition), [])
        stamped = int(day(at).timestamp() * 1000)
        records.append(Record(len(records), stamped, line.key.encode(), line.value))
    return found


def cut(records: Sequence[Any], size: int) -> list[list[Any]]:
    return [list(records[i : i + size]) for i in range(0, len(records), size)]


@dataclass(frozen=True)
class Outcome:
    """What came of a timeline: tables, and the messages for each partition in their order."""

    tables: dict[str, list[Any]]
    messages: dict[int, list[bytes]]


def without_faults(system: System) -> Outcome:
    """What the timeline comes to, folded here and now into a database beside."""
    with empty_database(Given(url=system.env["DATABASE_URL"])) as beside:
        migrate(beside)
        settings = load({**system.env, "DATABASE_URL": beside})
        begin(settings)
        with psycopg.connect(beside, autocommit=True) as connection:
            for row in system.rows('SELECT partition, "offset" FROM parked'):
                connection.execute("INSERT INTO parked VALUES (%s, %s, 'as there', now())", row)
        asyncio.run(
            fold(settings, {tp: cut(found, 500) for tp, found in records_of(system).items()})
        )
        with psycopg.connect(beside, autocommit=True) as connection:
            waiting: dict[int, list[bytes]] = {}
            for partition, message in connection.execute(
                "SELECT partition, message FROM outbox ORDER BY seq"
            ):
                waiting.setdefault(partition, []).append(message)
            return Outcome(dump(connection), waiting)


def come_of(system: System) -> Outcome:
    """What has come of it here, once everything is folded and relayed; a message sent again is one.

    The relay sends in order, so what it sent again repeats what stands before.
    """
    await_folded(system)
    wait_for(lambda: not system.rows("SELECT FROM outbox"), "the relay to send everything")
    sent: dict[int, list[bytes]] = {}
    for record in system.records(ALERTS):
        messages = sent.setdefault(record.partition, [])
        if record.value not in messages:
            messages.append(record.value)
    with system.connect() as connection:
        return Outcome(dump(connection), sent)


def dump(connection: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    """Everything that is rebuilt, in the order of its keys, and where each partition stands."""
    found: dict[str, list[Any]] = {}
    for table in REBUILT:
        columns = [column.name for column in table.columns if column.name != "due_at"]
        key = [column.name for column in table.primary_key]
        query = SQL("SELECT {} FROM {} ORDER BY {}").format(
            SQL(", ").join(map(Identifier, columns)),
            Identifier("live", table.name),
            SQL(", ").join(map(Identifier, key)),
        )
        found[table.name] = connection.execute(query).fetchall()
    ids: dict[tuple[int, Any], list[bytes]] = {}
    for partition, on, _, packed in found["remembered"]:
        ids.setdefault((partition, on), []).append(packed)
    found["remembered"] = sorted((place, sorted(names(rows))) for place, rows in ids.items())
    found["positions"] = connection.execute(
        "SELECT partition, next_offset, log_time, ticked, releases FROM positions"
        " WHERE app = 'engine' ORDER BY partition"
    ).fetchall()
    return found
