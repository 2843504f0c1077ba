"""How do the rows of usage get out of Postgres and back? Whole columns at a time, by key."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from handlers.usage import Day, Feature, Known, Told, Total, User

from . import tables

ROWS: dict[str, tuple[Table, type[Any]]] = {
    "totals": (tables.usage_totals, Total),
    "days": (tables.usage_days, Day),
    "users": (tables.usage_users, User),
    "features": (tables.usage_features, Feature),
}
"""For each part of `handlers.usage.Told`: its table, whose key comes first, and its row."""

DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]

Key = tuple[Any, ...]
Rows = Mapping[str, Mapping[Key, Any]]


@dataclass
class Counts:
    """The rows of usage that are known of a partition; None: there is no such row as yet."""

    _rows: dict[str, dict[Key, Any]] = field(default_factory=lambda: {name: {} for name in ROWS})

    @property
    def known(self) -> Known:
        return Known(**self._rows)

    def missing(self, told: Told) -> dict[str, list[Key]]:
        """The keys, by table, of rows that are to be loaded."""
        parts = told._asdict().items()
        return {name: [key for key in part if key not in self._rows[name]] for name, part in parts}

    def learn(self, rows: Rows) -> None:
        """Take in what was loaded, or what stands now that a transaction is committed."""
        for name, found in rows.items():
            self._rows[name].update(found)

    def shrink(self, at_most: int) -> None:
        """Forget a table of which more rows are known than this."""
        for rows in self._rows.values():
            if len(rows) > at_most:
                rows.clear()


async def load(
    cursor: psycopg.AsyncCursor[Any], wanted: Mapping[str, Collection[Key]]
) -> dict[str, dict[Key, Any]]:
    """What stands under these keys; None where nothing does."""
    found: dict[str, dict[Key, Any]] = {}
    for name, keys in wanted.items():
        if keys:
            table, row = ROWS[name]
            size = len(table.primary_key)
            await cursor.execute(_SELECT[name], columns(keys))
            found[name] = dict.fromkeys(keys)
            found[name].update((read[:size], row(*read[size:])) for read in await cursor.fetchall())
    return found


async def write(cursor: psycopg.AsyncCursor[Any], rows: Told) -> None:
    """Write rows, each table's in the order of its keys, so that no two transactions deadlock."""
    for name, changed in rows._asdict().items():
        if changed:
            whole = sorted((*key, *row) for key, row in changed.items())
            await cursor.execute(_UPSERT[name], columns(whole))


def columns(rows: Collection[tuple[Any, ...]]) -> list[str]:
    """Rows, at least one, as one array a column, for `unnest`; cheaper than psycopg's own.

    A JSON array and Postgres' text of one differ in their brackets, and in how they write control
    characters, which no id and no JSON holds.
    """
    parts = (orjson.dumps(part, default=str) for part in zip(*rows, strict=True))
    return [f"{{{part[1:-1].decode()}}}" for part in parts]


def _arrays(table: Table, *, key_only: bool) -> str:
    columns = [c for c in table.columns if c.primary_key or not key_only]
    return ", ".join(f"%s::{c.type.compile(dialect=DIALECT)}[]" for c in columns)


def _select(table: Table) -> str:
    key = ", ".join(column.name for column in table.primary_key)
    rest = ", ".join(column.name for column in table.columns if not column.primary_key)
    return (
        f"SELECT {key}, {rest} FROM unnest({_arrays(table, key_only=True)}) AS wanted ({key})"
        f" JOIN {table.name} USING ({key})"
    )


def _upsert(table: Table) -> str:
    key = ", ".join(column.name for column in table.primary_key)
    rest = [column.name for column in table.columns if not column.primary_key]
    changes = ", ".join(f"{name} = excluded.{name}" for name in rest)
    return (
        f"INSERT INTO {table.name} ({key}, {', '.join(rest)})"
        f" SELECT * FROM unnest({_arrays(table, key_only=False)})"
        f" ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )


_SELECT = {name: _select(table) for name, (table, _) in ROWS.items()}
_UPSERT = {name: _upsert(table) for name, (table, _) in ROWS.items()}
