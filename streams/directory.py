"""What do the tables say of the people, customers and courses that a batch names?

Arrays go to Postgres in binary (`%b`): as text they cost three times as much, bytes far more.
Names and links are written at once; what resolution rests on (customers, memberships, courses) only
behind its append, so that whatever is resolved by it lies behind it on the timeline.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from psycopg.types.json import Jsonb

from handlers.canonical import cause, csm_id
from handlers.directory import (
    OF_MEMBER,
    Directory,
    Move,
    Name,
    Route,
    certificates_named,
    courses_named,
    names,
    person_id,
)
from schemas.envelope import Event
from schemas.ids import opaque
from schemas.incoming import (
    CertificateGranted,
    CertificateRenewed,
    CourseDescribed,
    CourseRetired,
    CustomerDescribed,
    CustomerEnded,
    OfPerson,
    PersonJoined,
    PersonLeft,
    RequirementDescribed,
    RequirementRetired,
    RoleChanged,
    TrainingCompleted,
    UsageRecorded,
)

from .database import Connection

ROUTES_KEPT = timedelta(days=30)

_WORDS = ("name", "email", "lms_name")


def _call() -> str:
    """Write what people are called, of each word the latest."""
    columns = [part for word in _WORDS for part in (f"{word}_at", f"{word}_by", word)]
    later = {
        word: f"""(excluded.{word}_at IS NOT NULL AND (old.{word}_at IS NULL
                  OR (excluded.{word}_at, excluded.{word}_by COLLATE "C")
                   > (old.{word}_at, old.{word}_by COLLATE "C")))"""
        for word in _WORDS
    }
    changes = [
        f"{part} = CASE WHEN {later[word]} THEN excluded.{part} ELSE old.{part} END"
        for word in _WORDS
        for part in (f"{word}_at", f"{word}_by", word)
    ]
    arrays = ["%b::text[]", *["%b::timestamptz[]", "%b::text[]", "%b::text[]"] * len(_WORDS)]
    return f"""
        INSERT INTO people AS old (person, {", ".join(columns)})
        SELECT * FROM unnest({", ".join(arrays)}) ON CONFLICT (person)
        DO UPDATE SET {", ".join(changes)} WHERE {" OR ".join(later.values())}
        """


_CALL = _call()


@dataclass(frozen=True, slots=True)
class Placed:
    """An accepted event and where it went."""

    event: Event
    route: Route | None


async def version(connection: Connection) -> int:
    """How often the directory has grown; read it before loading, so that no growth is missed."""
    cursor = await connection.execute("SELECT version FROM directory_version")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def load(
    connection: Connection, events: Iterable[Event], people: Iterable[str] = ()
) -> Directory:
    """What is known of everything these events name, and of these people besides."""
    wanted = _Wanted(people)
    for event in events:
        wanted.add(event)
    directory = Directory()
    cursor = connection.cursor(binary=True)
    if wanted.names:
        await cursor.execute(
            """
            -- whom do these names lead to?
            SELECT system, id, person FROM links
            WHERE (system, id) IN (SELECT * FROM unnest(%b::text[], %b::text[]))
            """,
            _columns(list(wanted.names)),
        )
        for system, id, person in await cursor.fetchall():
            directory.link((system, id), person)
            wanted.people.add(person)
    if wanted.people:
        await cursor.execute(
            """
            -- when did these people join and leave which customers?
            SELECT person, customer, at, kind, source_id FROM membership_facts
            WHERE person = ANY(%b) AND kind IN ('joined', 'left')
            """,
            (list(wanted.people),),
        )
        for person, customer, *move in await cursor.fetchall():
            directory.move(person, customer, Move(*move))
    if wanted.customers:
        await cursor.execute(
            "SELECT DISTINCT customer FROM customer_facts"
            " WHERE customer = ANY(%b) AND ended IS NOT TRUE",
            (list(wanted.customers),),
        )
        directory.customers.update(row[0] for row in await cursor.fetchall())
    if wanted.courses:
        await cursor.execute(
            "SELECT DISTINCT course FROM course_facts WHERE course = ANY(%b)",
            (list(wanted.courses),),
        )
        directory.courses.update(row[0] for row in await cursor.fetchall())
    if wanted.certificates:
        await cursor.execute(
            "SELECT DISTINCT certificate FROM course_facts WHERE certificate = ANY(%b)",
            (list(wanted.certificates),),
        )
        directory.certificates.update(row[0] for row in await cursor.fetchall())
    return directory


class _Wanted:
    """Everything that some events name."""

    def __init__(self, people: Iterable[str]) -> None:
        self.names: set[Name] = set()
        self.people = set(people)
        self.customers: set[str] = set()
        self.courses: set[str] = set()
        self.certificates: set[str] = set()

    def add(self, event: Event) -> None:
        data = event.data
        if isinstance(data, OF_MEMBER):
            # A later event of the batch may name her by a name that only this one tells.
            self.people.add(person_id(event.source, data.person))
            self.customers.add(opaque(data.customer))
        if isinstance(data, UsageRecorded):
            self.customers.add(opaque(data.customer))
        if isinstance(data, OfPerson | UsageRecorded) and data.person is not None:
            self.names.update(names(data.person))
        self.courses.update(courses_named(data).values())
        self.certificates.update(certificates_named(data).values())


def route_hash(event: Event) -> bytes:
    """What a route is kept under: 128 bits of (source, id), neither of which can hold a NUL."""
    return blake2b(f"{event.source}\0{event.id}".encode(), digest_size=16).digest()


async def routes(connection: Connection, hashes: Iterable[bytes]) -> dict[bytes, Route]:
    """Where these events went before."""
    wanted = list(hashes)
    if not wanted:
        return {}
    cursor = connection.cursor(binary=True)
    await cursor.execute(
        "SELECT hash, customer, person FROM routes WHERE hash = ANY(%b)", (wanted,)
    )
    return {bytes(row[0]): Route(row[1], row[2]) for row in await cursor.fetchall()}


async def keep_routes(
    connection: Connection, made: Mapping[bytes, Route], now: datetime
) -> dict[bytes, Route]:
    """Keep where events went first; returns the routes that another's word had fixed before."""
    if not made:
        return {}
    rows = [(hash, *made[hash], now) for hash in sorted(made)]
    cursor = connection.cursor(binary=True)
    await cursor.execute(
        """
        INSERT INTO routes (hash, customer, person, made_at)
        SELECT * FROM unnest(%b::bytea[], %b::text[], %b::text[], %b::timestamptz[])
        ON CONFLICT DO NOTHING RETURNING hash
        """,
        _columns(rows),
    )
    kept = {bytes(row[0]) for row in await cursor.fetchall()}
    return await routes(connection, [hash for hash in made if hash not in kept])


async def name_people(connection: Connection, placed: Sequence[Placed]) -> None:
    """Write who is called what, and where certificates can be seen; the latest word stands."""
    links = sorted({row for each in placed for row in _links(each)})
    urls = sorted({row for each in placed for row in _urls(each)})
    called: dict[str, dict[str, tuple[datetime, str, str]]] = {}
    for who, column, at, by, word in sorted({row for each in placed for row in _called(each)}):
        called.setdefault(who, {})[column] = at, by, word
    # Each table in key order, so that two batches wait for each other and not in a ring.
    cursor = connection.cursor(binary=True)
    if called:
        unsaid = None, None, None
        rows = [
            (who, *(part for column in _WORDS for part in called[who].get(column, unsaid)))
            for who in sorted(called)
        ]
        await cursor.execute(_CALL, _columns(rows))
    if links:
        await cursor.execute(
            """
            INSERT INTO links (system, id, person)
            SELECT * FROM unnest(%b::text[], %b::text[], %b::text[]) ON CONFLICT DO NOTHING
            """,
            _columns(links),
        )
    if urls:
        await cursor.executemany(
            """
            INSERT INTO certificate_links AS old (customer, person, subject, at, source_id, url)
            VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (customer, person, subject)
            DO UPDATE SET at = excluded.at, source_id = excluded.source_id, url = excluded.url
            WHERE (excluded.at, excluded.source_id) > (old.at, old.source_id)
            """,
            urls,
        )


async def grow(connection: Connection, learned: Iterable[Placed]) -> None:
    """Make directory facts visible to resolution, and have what waits looked at again."""
    rows: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for placed in learned:
        table, row = _fact(placed)
        rows.setdefault((table, *row), []).append(tuple(row.values()))
    if not rows:
        return
    cursor = connection.cursor(binary=True)
    for (table, *columns), facts in sorted(rows.items()):
        marks = ", ".join("%s" for _ in columns)
        facts.sort(key=lambda fact: fact[:3])
        await cursor.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING",
            facts,
        )
    await cursor.execute("UPDATE directory_version SET version = version + 1")


async def forget_routes(connection: Connection, now: datetime) -> None:
    """Let go of routes older than any repeat that is still expected."""
    await connection.execute("DELETE FROM routes WHERE made_at < %s", (now - ROUTES_KEPT,))


def _called(placed: Placed) -> Iterable[tuple[str, str, datetime, str, str]]:
    """(person, column of `people`, at, by whom, word)"""
    event, data, route = placed.event, placed.event.data, placed.route
    words: dict[str, str | None] = {}
    if isinstance(data, OF_MEMBER) and route:
        who, words = route.person, {"name": data.person.name, "email": data.person.email}
    elif isinstance(data, CustomerDescribed) and data.csm:
        who, words = csm_id(data.csm.email), {"name": data.csm.name, "email": data.csm.email}
    elif isinstance(data, OfPerson | UsageRecorded) and data.person and route:
        who, words = route.person, {"lms_name": data.person.name}
    for column, word in words.items():
        if word:
            yield who, column, event.time, cause(event), word


def _links(placed: Placed) -> Iterable[tuple[str, str, str]]:
    """(system, id, person)"""
    data = placed.event.data
    if isinstance(data, OF_MEMBER) and placed.route:
        for system, id in names(data.person):
            yield system, id, placed.route.person


def _urls(placed: Placed) -> Iterable[tuple[str, str, str, datetime, str, str]]:
    """(customer, person, subject, at, source_id, url)"""
    event, data, route = placed.event, placed.event.data, placed.route
    if route is None:
        return
    shown: list[tuple[str, str | None]] = []
    if isinstance(data, TrainingCompleted):
        shown.append((data.course, data.url))
        if data.certificate is not None:
            shown.append((data.certificate.certificate, data.certificate.url))
    elif isinstance(data, CertificateGranted | CertificateRenewed):
        shown.append((data.certificate, data.url))
    for subject, url in shown:
        if url is not None:
            yield *route, opaque(subject), event.time, cause(event), url


def _fact(placed: Placed) -> tuple[str, dict[str, Any]]:
    """A directory fact as a table's name and a row, whose key comes first."""
    event, data = placed.event, placed.event.data
    told = {"source_id": cause(event), "at": event.time}
    match data:
        case CustomerDescribed():
            return "customer_facts", {"customer": opaque(data.customer), **told, **_customer(data)}
        case CustomerEnded():
            return "customer_facts", {"customer": opaque(data.customer), **told, "ended": True}
        case CourseDescribed():
            return "course_facts", {"course": opaque(data.course), **told, **_course(data)}
        case CourseRetired():
            return "course_facts", {"course": opaque(data.course), **told, "retired": True}
        case RequirementDescribed():
            asked = {"requirement": opaque(data.requirement), **told, **_requirement(data)}
            return "requirement_facts", asked
        case RequirementRetired():
            asked = {"requirement": opaque(data.requirement), **told, "retired": True}
            return "requirement_facts", asked
        case PersonJoined() | PersonLeft() | RoleChanged() if placed.route:
            kinds = {PersonJoined: "joined", PersonLeft: "left", RoleChanged: "changed"}
            role, level = (None, None) if isinstance(data, PersonLeft) else (data.role, data.level)
            return "membership_facts", {
                "person": placed.route.person,
                "customer": placed.route.customer,
                **told,
                "kind": kinds[type(data)],
                "role": role and opaque(role),
                "level": level and opaque(level),
            }
    raise TypeError(f"{type(data).__name__} is no fact of the directory")


def _customer(data: CustomerDescribed) -> dict[str, Any]:
    return {
        "name": data.name,
        "csm_email": data.csm and data.csm.email,
        "csm_name": data.csm and data.csm.name,
        "zone": data.zone,
        "segment": data.segment,
        "arr": data.arr,
        "health": data.health,
    }


def _course(data: CourseDescribed) -> dict[str, Any]:
    modules = [{"id": opaque(module.id), "name": module.name} for module in data.modules or ()]
    after = data.next_courses
    return {
        "name": data.name,
        "type": data.type and opaque(data.type),
        "modules": None if data.modules is None else Jsonb(modules),
        "certificate": data.certificate and opaque(data.certificate),
        "certificate_name": data.certificate_name,
        "validity_months": data.validity_months,
        "patience_days": data.patience_days,
        "next_courses": None if after is None else [opaque(course) for course in after],
    }


def _requirement(data: RequirementDescribed) -> dict[str, Any]:
    target = data.course or data.certificate
    kind = "course" if data.course else "certificate"
    return {
        "role": data.role and opaque(data.role),
        "level": data.level and opaque(data.level),
        "target_kind": kind if target else None,
        "target": target and opaque(target),
    }


def _columns(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    """Rows, at least one, as one array a column, for `unnest`."""
    return tuple(map(list, zip(*rows, strict=True)))
