"""What may an operator do with what waits or was refused? Look, assign, discard, play again.

What is to go on is only marked here; the next sweep publishes it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from handlers.directory import Directory, Miss, Route, memberships
from schemas.envelope import Event, Unreadable, parse
from schemas.ids import opaque
from schemas.incoming import OfPerson

from . import clock, directory, releases
from .database import Connection
from .set_aside import ON_THE_WAY, TABLES, Kind, parse_name


class LetterError(ValueError):
    """What an operator asked for cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of the quarantine (`q12`) or a dead letter (`d3`), without its bytes."""

    name: str
    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    status: str
    recorded_at: datetime
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows of a kind wait (or not) for a reason, and since when the oldest does."""

    kind: Kind
    reason: str
    status: str
    rows: int
    oldest: datetime


_COLUMNS = """topic, partition, "offset", reason, detail, status, recorded_at"""


async def counts(connection: Connection) -> list[Count]:
    """Everything set aside, by kind, reason and status."""
    found = []
    for kind, table in TABLES.items():
        cursor = await connection.execute(
            f"SELECT reason, status, count(*), min(recorded_at) FROM {table}"
            " GROUP BY reason, status ORDER BY reason, status"
        )
        found += [Count(kind, *row) for row in await cursor.fetchall()]
    return found


async def listing(
    connection: Connection,
    kind: Kind,
    *,
    reason: str | None = None,
    status: str | None = "waiting",
    older_than: timedelta | None = None,
    limit: int = 100,
) -> list[Letter]:
    """The oldest rows of a kind, by when they were heard; None: whatever the reason or status."""
    before = None if older_than is None else (await clock.read(connection)).now - older_than
    due = "due_at" if kind == "q" else "NULL"
    cursor = await connection.execute(
        f"""
        SELECT id, {_COLUMNS}, {due} FROM {TABLES[kind]}
        WHERE (%(reason)s::text IS NULL OR reason = %(reason)s)
          AND (%(status)s::text IS NULL OR status = %(status)s)
          AND (%(before)s::timestamptz IS NULL OR recorded_at < %(before)s)
        ORDER BY recorded_at, id LIMIT %(limit)s
        """,
        {"reason": reason, "status": status, "before": before, "limit": limit},
    )
    return [Letter(f"{kind}{id}", *row) for id, *row in await cursor.fetchall()]


async def show(connection: Connection, name: str) -> tuple[Letter, bytes | None]:
    """One row, and its bytes as the producer sent them; None once they have expired."""
    kind, id = _named(name)
    due = "due_at" if kind == "q" else "NULL"
    cursor = await connection.execute(
        f"SELECT bytes, {_COLUMNS}, {due} FROM {TABLES[kind]} WHERE id = %s", (id,)
    )
    row = await cursor.fetchone()
    if row is None:
        raise LetterError(f"{name}: there is no such row; it may have gone on meanwhile")
    return Letter(name, *row[1:]), row[0]


async def assign(
    connection: Connection, name: str, customer: str | None = None, person: str | None = None
) -> Route:
    """Say whose a waiting event is and whom it speaks of, and let it go on.

    `person`: her opaque id, her e-mail or the directory's id. What is left out is resolved.
    """
    async with connection.transaction():
        event, data = await _waiting_event(connection, name)
        who = None if person is None else await _person(connection, person)
        known = await directory.load(connection, [event], [who] if who else [])
        found = who or known.who(data.person)
        if isinstance(found, Miss):
            raise LetterError(f"{name}: say which person: {found.detail}")
        if customer is not None:
            await _check_customer(connection, opaque(customer))
        named = opaque(data.customer) if data.customer else None
        whose = opaque(customer) if customer else known.whose(found, named, event.time)
        if isinstance(whose, Miss):
            raise LetterError(f"{name}: say which customer: {whose.detail}")
        route, now = Route(whose, found), (await clock.read(connection)).now
        hash = directory.route_hash(event)
        standing = await directory.keep_routes(connection, {hash: route}, now)
        if standing.get(hash, route) != route:
            before = standing[hash]
            raise LetterError(
                f"{name}: the event was given to customer {before.customer}, person"
                f" {before.person} before, and that stands; replay or discard it"
            )
        _check_membership(known, name, route)
        await _send_on(connection, name)
        return route


async def replay(connection: Connection, names: Collection[str]) -> int:
    """Let rows be read again, after a fix; all or, if one cannot, none; returns how many."""
    async with connection.transaction():
        for name in names:
            await _send_on(connection, name)
    return len(names)


async def discard(connection: Connection, name: str, reason: str) -> None:
    """Pass over what waits; the row stays and says why."""
    kind, id = _named(name)
    if not reason.strip():
        raise LetterError(f"{name}: say why it is discarded")
    cursor = await connection.execute(
        f"UPDATE {TABLES[kind]} SET status = 'discarded', detail = detail || %s"
        " WHERE id = %s AND status = 'waiting'",
        (f"; discarded: {reason.strip()}", id),
    )
    if not cursor.rowcount:
        letter, _ = await show(connection, name)
        raise LetterError(f"{name} is {letter.status}; only what waits can be discarded")


def _named(name: str) -> tuple[Kind, int]:
    parsed = parse_name(name)
    if parsed is None:
        raise LetterError(
            f"{name!r} is no row's name; the quarantine's look like q12, dead letters like d3"
        )
    return parsed


async def _send_on(connection: Connection, name: str) -> None:
    kind, id = _named(name)
    # First, as in the sweep: two that lock rows and the clock in another order wait in a ring.
    await releases.begin(connection)
    cursor = await connection.execute(
        f"UPDATE {TABLES[kind]} SET status = %s, released_at = NULL"
        " WHERE id = %s AND status IN ('waiting', 'discarded') AND bytes IS NOT NULL",
        (ON_THE_WAY[kind], id),
    )
    if cursor.rowcount:
        return
    letter, value = await show(connection, name)
    if letter.status in ("waiting", "discarded") and value is None:
        raise LetterError(f"{name} has no bytes to send again")
    raise LetterError(f"{name} is {letter.status} and cannot be sent again")


async def _waiting_event(connection: Connection, name: str) -> tuple[Event, OfPerson]:
    kind, id = _named(name)
    if kind != "q":
        raise LetterError(f"{name} is a dead letter; assign rows of the quarantine, such as q12")
    await connection.execute("SELECT FROM quarantine WHERE id = %s FOR UPDATE", (id,))
    letter, value = await show(connection, name)
    if letter.status != "waiting" or value is None:
        raise LetterError(f"{name} is {letter.status}; only what waits can be assigned")
    try:
        event = parse(value)
    except Unreadable as error:
        raise LetterError(
            f"{name} cannot be read any more ({error}); replay or discard it"
        ) from None
    if not isinstance(event.data, OfPerson):
        raise LetterError(
            f"{name} is the directory's own word on {event.data.WIRE}; it goes on once its"
            " customer has been described"
        )
    return event, event.data


async def _person(connection: Connection, given: str) -> str:
    cursor = await connection.execute(
        "SELECT DISTINCT person FROM links WHERE person = %(as_is)s"
        " OR (system = 'id' AND id = %(as_is)s) OR (system = 'email' AND id = %(lower)s)",
        {"as_is": given, "lower": given.lower()},
    )
    people = await cursor.fetchall()
    if len(people) != 1:
        known = "nobody is" if not people else f"{len(people)} people are"
        raise LetterError(f"{known} known as {given!r}; give a person's id as `members` has it")
    return str(people[0][0])


async def _check_customer(connection: Connection, customer: str) -> None:
    cursor = await connection.execute(
        "SELECT FROM customer_facts WHERE customer = %s AND ended IS NOT TRUE LIMIT 1", (customer,)
    )
    if await cursor.fetchone() is None:
        raise LetterError(f"customer {customer!r} has not been described by the directory")


def _check_membership(known: Directory, name: str, route: Route) -> None:
    """She may have left, but was there: else a team would count her that nobody can look up."""
    moves = known.moves.get(route.person, {})
    hers = sorted(one for one in moves if memberships(moves[one], one))
    if route.customer not in hers:
        raise LetterError(
            f"{name}: the person belongs to {', '.join(hers) or 'no customer as yet'}, not to"
            f" {route.customer!r}; say one of hers, or let the directory tell that she joined"
        )
