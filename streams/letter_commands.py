"""How does an operator see and settle what waits or was refused? From the shell, row by row."""

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from schemas.envelope import stamp

from . import letters
from .database import Connection, connect, parameters
from .letters import Letter, LetterError
from .set_aside import Kind, parse_name
from .settings import Settings
from .shell import Refused, complain, say, table

WORDS: dict[Kind, str] = {"q": "a row of the quarantine", "d": "a dead letter"}


def _with(settings: Settings, act: Callable[[Connection], Awaitable[None]]) -> None:
    """Do something on a connection of its own; what letters refuse is refused here."""

    connect(settings).close()

    async def run() -> None:
        url, given = settings.database_url.get_secret_value(), parameters(settings)
        connection: Connection
        async with await psycopg.AsyncConnection.connect(
            url,
            autocommit=True,
            **given,  # type: ignore[arg-type]
        ) as connection:
            await act(connection)

    try:
        asyncio.run(run())
    except LetterError as fault:
        raise Refused(str(fault)) from None


def listing(settings: Settings, options: Namespace) -> None:
    """The oldest rows, without their bytes; among dead letters also what the engine passes over."""

    async def act(connection: Connection) -> None:
        rows = await letters.listing(
            connection,
            options.kind,
            reason=options.reason,
            status=None if options.status == "all" else options.status,
            older_than=options.older_than,
            limit=options.limit,
        )
        table(
            ("row", "recorded at", "reason", "status", "where", "detail"),
            [
                (row.name, stamp(row.recorded_at), row.reason, row.status, _place(row), row.detail)
                for row in rows
            ],
        )
        if not rows and options.reason:
            there = {count.reason for count in await letters.counts(connection)}
            names = ", ".join(sorted(there)) or "none, because nothing was set aside yet"
            complain(f"no such row has the reason {options.reason!r}; reasons there are: {names}")
        if options.kind == "d":
            await _parked(connection)

    _with(settings, act)


async def _parked(connection: Connection) -> None:
    cursor = await connection.execute(
        'SELECT partition, "offset", parked_at, reason FROM parked ORDER BY partition, "offset"'
    )
    rows = await cursor.fetchall()
    if rows:
        say()
        table(
            ("timeline partition", "offset", "parked at", "reason"),
            [(partition, offset, stamp(at), reason) for partition, offset, at, reason in rows],
        )


def show(settings: Settings, options: Namespace) -> None:
    """One row, with the bytes as they were sent."""
    _check_kind(options)

    async def act(connection: Connection) -> None:
        (name,) = options.names
        letter, value = await letters.show(connection, name)
        shown: list[tuple[str, Any]] = [
            ("row", letter.name),
            ("where", _place(letter)),
            ("recorded at", stamp(letter.recorded_at)),
            ("status", letter.status),
            ("reason", letter.reason),
            ("detail", letter.detail),
        ]
        if letter.due_at:
            shown.append(("due at", stamp(letter.due_at)))
        for head, text in shown:
            say(f"{head + ':':13}{text}")
        say()
        say("(its bytes are not kept)" if value is None else value.decode(errors="replace"))

    _with(settings, act)


def replay(settings: Settings, options: Namespace) -> None:
    """Let rows be read again; the next sweep publishes them."""
    _check_kind(options)

    async def act(connection: Connection) -> None:
        count = await letters.replay(connection, options.names)
        say(f"{count} rows are read again with the next sweep")

    _with(settings, act)


def discard(settings: Settings, options: Namespace) -> None:
    """Pass over rows, saying why."""
    _check_kind(options)

    async def act(connection: Connection) -> None:
        async with connection.transaction():
            for name in options.names:
                await letters.discard(connection, name, options.reason)
        say(f"{len(options.names)} rows are discarded")

    _with(settings, act)


def assign(settings: Settings, options: Namespace) -> None:
    """Say whose a waiting event is and whom it speaks of, and let it go on."""
    _check_kind(options)

    async def act(connection: Connection) -> None:
        (name,) = options.names
        route = await letters.assign(connection, name, options.customer, options.person)
        say(f"{name} goes on with the next sweep, to customer {route.customer}, {route.person}")

    _with(settings, act)


def _check_kind(options: Namespace) -> None:
    for name in options.names:
        if name[:1] in WORDS and name[:1] != options.kind:
            raise Refused(f"{name} is {WORDS[name[0]]}, and this is about {WORDS[options.kind]}")
        if parse_name(name) is None:
            raise Refused(
                f"{name!r} names no row; rows are called {options.kind}1, {options.kind}2 …"
            )


def _place(letter: Letter) -> str:
    return f"{letter.topic}[{letter.partition}]@{letter.offset}"
