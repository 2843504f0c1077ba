"""How does a worker talk to Postgres? One pool, with limits below the session timeout."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from projections.revision import mismatch

from .settings import Settings
from .stop import DatabaseMismatch

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
Pool = AsyncConnectionPool[Connection]

APPLICATION = "laurel"
"""What Postgres calls our sessions."""

PASSING = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
)
"""Faults that may pass by themselves: restarts, cut connections, locks, a frozen past."""


def lasts(fault: Exception) -> bool:
    """Whether it is one of these by its kind and yet will not pass: a limit of Postgres is met."""
    return (getattr(fault, "sqlstate", None) or "").startswith("54")


def parameters(settings: Settings, schema: str = "live") -> dict[str, str]:
    """libpq parameters: search path, and limits that free a frozen owner's locks in time."""
    limit = int(settings.transaction_seconds * 1000)
    # Nobody waits for what a rebuild locks, and its batches take longer.
    idle = limit if schema == "live" else 0
    options = {
        "search_path": f"{schema},public",
        "timezone": "UTC",
        # Compiling a query that reads a few rows can take seconds; it runs in milliseconds.
        "jit": "off",
        "lock_timeout": limit,
        "idle_in_transaction_session_timeout": idle,
        "tcp_user_timeout": limit,
    }
    return {
        "options": " ".join(f"-c{name}={value}" for name, value in options.items()),
        "connect_timeout": "5",
        "tcp_user_timeout": str(limit),
        "application_name": APPLICATION,
    }


@asynccontextmanager
async def open_pool(
    settings: Settings, size: int = 8, wait: float = 30, *, schema: str = "live"
) -> AsyncIterator[Pool]:
    """A pool of connections, waited for so many seconds; cut ones are replaced when found."""
    pool: Pool = AsyncConnectionPool(
        settings.database_url.get_secret_value(),
        kwargs=parameters(settings, schema),
        min_size=1,
        max_size=size,
        open=False,
        timeout=wait,
        reconnect_timeout=5,
    )
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


def connect(settings: Settings) -> psycopg.Connection[tuple[Any, ...]]:
    """One connection for a command; autocommit. Raises `DatabaseMismatch` as `check` does."""
    connection = psycopg.connect(
        settings.database_url.get_secret_value(),
        autocommit=True,
        **parameters(settings),  # type: ignore[arg-type]
    )
    try:
        found = connection.execute(_REVISION).fetchone()
    except psycopg.errors.UndefinedTable:
        found = None
    try:
        _fits(found)
    except DatabaseMismatch:
        connection.close()
        raise
    return connection


async def check(pool: Pool) -> None:
    """Raises `DatabaseMismatch` where the database is not the one this code was written for."""
    async with pool.connection() as connection:
        try:
            found = await (await connection.execute(_REVISION)).fetchone()
        except psycopg.errors.UndefinedTable:
            found = None
        _fits(found)


_REVISION = "SELECT version_num FROM public.alembic_version"


def _fits(found: tuple[Any, ...] | None) -> None:
    wrong = mismatch(found[0] if found else None)
    if wrong:
        raise DatabaseMismatch(wrong)
