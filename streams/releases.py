"""How often was something set free? A tick that knows of less than its partition is stale.

A ticker that falls asleep between reading the watermark and appending its tick would otherwise
speak of a time at which what was set free meanwhile is only half on the timeline.
"""

from .database import Connection

# After a restore or a rebuild the timeline may have heard of more than the clock's row.
_KNOWN = "greatest(releases, (SELECT max(positions.releases) FROM positions))"


async def count(connection: Connection) -> int:
    """How often, so far; ask before the watermark, so that it never claims too much."""
    cursor = await connection.execute(f"SELECT {_KNOWN} FROM clock")
    (found,) = await cursor.fetchall()
    return int(found[0])


async def begin(connection: Connection) -> None:
    """One more, within the transaction that marks what is set free."""
    await connection.execute(f"UPDATE clock SET releases = {_KNOWN} + 1")
