"""What time is it? Edges ask Postgres, where the clock is real or driven (design: one clock)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.envelope import milliseconds

from .database import Connection


@dataclass(frozen=True, slots=True)
class Time:
    """The time that edges act by, and whether a player drives it."""

    now: datetime
    driven: bool


def real() -> datetime:
    """The machine's clock, for leases, back-offs and watchdogs, and for the clock while real."""
    return milliseconds(datetime.now(UTC))


async def read(connection: Connection) -> Time:
    """The time as the one row in Postgres has it."""
    cursor = await connection.execute("SELECT driven, now FROM clock")
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return Time(real(), driven=False)
    return Time(row[1], driven=True)


async def drive(connection: Connection, now: datetime) -> None:
    """Set the clock; from here on it stands until it is driven again or let go."""
    await connection.execute(
        "INSERT INTO clock (one, driven, now) VALUES (true, true, %s)"
        " ON CONFLICT (one) DO UPDATE SET driven = true, now = excluded.now",
        (now,),
    )


async def let_go(connection: Connection) -> None:
    """Make the clock real again."""
    await connection.execute("UPDATE clock SET driven = false, now = NULL")
