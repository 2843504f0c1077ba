"""What did a rebuild have to make the same? Everything that follows from the timeline, comparably.

The deadline of a state is compared rather than the stored `due_at`, which may lie early; ids as a
sorted set per partition and day, since their rows depend on how records came in batches.
"""

from datetime import date, datetime
from typing import Any

import psycopg
from pydantic import TypeAdapter
from sqlalchemy import Table

from handlers import HANDLERS

from .tables import REBUILT, remembered, states

ID_BYTES = 16

_HANDLERS = {handler.NAME: (TypeAdapter[Any](handler.State), handler) for handler in HANDLERS}

Connection = psycopg.Connection[tuple[Any, ...]]
Rows = list[tuple[Any, ...]]


def canonical_dump(connection: Connection) -> dict[str, Rows]:
    """Every rebuilt table in the order of its keys, and the engine's positions."""
    dump = {
        table.name: _rows(connection, table)
        for table in REBUILT
        if table not in (states, remembered)
    }
    dump["states"] = _states(connection)
    dump["remembered"] = _remembered(connection)
    dump["positions"] = connection.execute(
        "SELECT topic, partition, topic_id, next_offset, log_time, ticked, releases FROM positions"
        " WHERE app = 'engine' ORDER BY topic, partition"
    ).fetchall()
    return dump


def _rows(connection: Connection, table: Table) -> Rows:
    """Sorted here by their keys, which come first, so that no collation matters."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    found = connection.execute(f"SELECT {columns} FROM {table.fullname}").fetchall()
    return sorted(found, key=lambda row: row[: len(table.primary_key)])


def _states(connection: Connection) -> Rows:
    found = connection.execute("SELECT partition, handler, key, version, state FROM states")
    rows = [(*row, _deadline(row[1], row[4])) for row in found]
    return sorted(rows, key=lambda row: row[:3])


def _deadline(name: str, state: str) -> datetime | None:
    adapter, handler = _HANDLERS[name]
    return handler.deadline(adapter.validate_json(state))


def _remembered(connection: Connection) -> Rows:
    ids: dict[tuple[int, date], set[bytes]] = {}
    found = connection.execute("SELECT partition, day, hashes FROM remembered")
    for partition, day, packed in found:
        known = ids.setdefault((partition, day), set())
        known.update(packed[i : i + ID_BYTES] for i in range(0, len(packed), ID_BYTES))
    return [(*place, tuple(sorted(ids[place]))) for place in sorted(ids)]
