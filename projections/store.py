"""What does the engine read and write in the one transaction of a batch?"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson
import psycopg
from sqlalchemy import Table

from handlers.usage import Told
from schemas.alerts import AlertChanged

from . import counts, decided, tables
from .rows import Rows

StateKey = tuple[str, str]

BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)

ID_BYTES = 16

IN_ONE_ROW = 1000
"""Ids of so many records lie in one row of a day, however small their batches were."""

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """A state as it stands in the database, not yet decoded."""

    key: StateKey
    version: int
    state: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Written:
    """A state to write; `exact` sets `due_at` as given, else an earlier one may stay."""

    key: StateKey
    version: int
    state: str
    due_at: datetime | None
    exact: bool


class Store:
    """The engine's tables, for one partition within one transaction."""

    def __init__(
        self, connection: psycopg.AsyncConnection[Any], topic: str, partition: int
    ) -> None:
        self._cursor = connection.cursor(binary=True)
        self.topic = topic
        self.partition = partition

    async def lock(self) -> tuple[Any, ...] | None:
        """Lock the position row; what it says, in this order, and the offsets that are parked."""
        await self._cursor.execute(
            """
            -- where does this partition stand, and which records are passed over?
            SELECT next_offset, log_time, ticked, releases, generation,
                   (SELECT array_agg("offset") FROM parked
                    WHERE parked.partition = positions.partition
                      AND parked."offset" >= positions.next_offset)
            FROM positions WHERE app = 'engine' AND topic = %s AND partition = %s FOR UPDATE
            """,
            (self.topic, self.partition),
        )
        return await self._cursor.fetchone()

    async def move(
        self, old: int, new: int, log_time: datetime, ticked: datetime, releases: int
    ) -> bool:
        """Compare-and-set the position; False where another owner moved it."""
        await self._cursor.execute(
            "UPDATE positions SET next_offset = %s, log_time = %s, ticked = %s, releases = %s"
            " WHERE app = 'engine' AND topic = %s AND partition = %s AND next_offset = %s",
            (new, log_time, ticked, releases, self.topic, self.partition, old),
        )
        return self._cursor.rowcount == 1

    async def load(self, keys: Collection[StateKey]) -> list[Stored]:
        """The states stored under these keys; those that never were are left out."""
        await self._cursor.execute(
            """
            SELECT s.handler, s.key, s.version, s.state, s.due_at
            FROM unnest(%b::text[], %b::text[]) AS wanted (handler, key)
            JOIN states s ON s.partition = %s AND s.handler = wanted.handler
                         AND s.key = wanted.key
            """,
            ([key[0] for key in keys], [key[1] for key in keys], self.partition),
        )
        return [Stored((row[0], row[1]), *row[2:]) for row in await self._cursor.fetchall()]

    async def keys(self, handler: str, start: str) -> list[str]:
        """The keys of the states stored for a handler that begin so."""
        await self._cursor.execute(
            """
            SELECT key FROM states
            WHERE partition = %s AND handler = %s AND starts_with(key, %s)
            """,
            (self.partition, handler, start),
        )
        return [row[0] for row in await self._cursor.fetchall()]

    async def due(self, now: datetime, after: Stored | None, limit: int) -> list[Stored]:
        """The next states whose stored deadline has passed, by (deadline, handler, key)."""
        bound = (after.due_at, *after.key) if after else (BEFORE_ALL, "", "")
        await self._cursor.execute(
            """
            SELECT handler, key, version, state, due_at FROM states
            WHERE partition = %s AND due_at <= %s AND (due_at, handler, key) > (%s, %s, %s)
            ORDER BY due_at, handler, key LIMIT %s
            """,
            (self.partition, now, *bound, limit),
        )
        return [Stored((row[0], row[1]), *row[2:]) for row in await self._cursor.fetchall()]

    async def write_states(self, states: Sequence[Written]) -> None:
        """Write states, in the order of their keys so that no two transactions deadlock.

        A stored deadline that lies earlier than the new one stays: a tick finds that it moved, and
        the row need not change its place in the index at every activity.
        """
        if not states:
            return
        states = sorted(states, key=lambda state: state.key)
        await self._cursor.execute(
            """
            INSERT INTO states AS s (partition, handler, key, version, state, due_at)
            SELECT %s, handler, key, version, state, due_at
            FROM unnest(%s::text[], %s::text[], %s::int2[], %s::text[], %s::timestamptz[])
                AS new (handler, key, version, state, due_at)
            ON CONFLICT (partition, handler, key) DO UPDATE SET
                version = excluded.version, state = excluded.state,
                due_at = CASE WHEN s.due_at <= excluded.due_at
                              AND NOT (s.handler || '|' || s.key) = ANY(%b::text[])
                         THEN s.due_at ELSE excluded.due_at END
            """,
            (
                self.partition,
                *counts.columns([(*s.key, s.version, s.state, s.due_at) for s in states]),
                [f"{state.key[0]}|{state.key[1]}" for state in states if state.exact],
            ),
        )

    async def write_rows(self, rows: Iterable[Rows]) -> None:
        """Write each read model's rows as the states of this batch say they are."""
        said: dict[str, list[Rows]] = {}
        for group in rows:
            said.setdefault(group.table, []).append(group)
        for name, groups in said.items():
            groups.sort(key=lambda group: tuple(group.key.values()))
            whole = [{**group.key, **row} for group in groups for row in group.rows]
            if whole:
                await self._cursor.execute(UPSERTS[name], (as_json(whole),))
            gone = [
                {**group.key, "kept": len(group.rows)}
                for group in groups
                if name == "attempts" or not group.rows
            ]
            if gone:
                await self._cursor.execute(DELETES[name], (as_json(gone),))

    async def counts(self, wanted: Mapping[str, Collection[counts.Key]]) -> counts.Rows:
        """The rows of usage that stand under these keys; None where there is none."""
        return await counts.load(self._cursor, wanted)

    async def write_counts(self, rows: Told) -> None:
        """Write the rows of usage that changed."""
        await counts.write(self._cursor, rows)

    async def write_alerts(self, changes: Sequence[tuple[int, AlertChanged]]) -> None:
        """Write alerts, each of their versions, and an outbox row for each that is to be sent."""
        await decided.write(self._cursor, self.partition, changes)

    async def remembered(self) -> AsyncIterator[tuple[date, bytes]]:
        """The packed ids that are still remembered, so few at a time that no session waits long."""
        last = date.min, 0
        while True:
            await self._cursor.execute(
                """
                SELECT day, next_offset, hashes FROM remembered
                WHERE partition = %s AND (day, next_offset) > (%s, %s)
                ORDER BY day, next_offset LIMIT %s
                """,
                (self.partition, *last, ROWS_AT_ONCE),
            )
            rows = await self._cursor.fetchall()
            if not rows:
                return
            for day, found in groupby(rows, itemgetter(0)):
                yield day, b"".join([row[2] for row in found])
            last = rows[-1][:2]

    async def write_remembered(
        self, fresh: Mapping[date, bytes], gone: Collection[date], next_offset: int
    ) -> None:
        """Let go of whole days, then store this batch's ids."""
        if gone:
            await self._cursor.execute(
                "DELETE FROM remembered WHERE partition = %s AND day = ANY(%s)",
                (self.partition, sorted(gone)),
            )
        if fresh:
            await self._cursor.executemany(
                "INSERT INTO remembered (partition, day, next_offset, hashes)"
                " VALUES (%s, %s, %s, %s)",
                [(self.partition, day, next_offset, ids) for day, ids in sorted(fresh.items())],
            )

    async def merge_remembered(self, days: Collection[date], old: int, new: int) -> None:
        """Where the position comes past a multiple of `IN_ONE_ROW`, make one row a day of the last.

        So small batches leave few rows too; what is large enough already stays as it is.
        """
        start = old - old % IN_ONE_ROW
        if new < start + IN_ONE_ROW:
            return
        await self._cursor.execute(
            """
            WITH small AS (
                DELETE FROM remembered
                WHERE partition = %s AND day = ANY(%s) AND next_offset >= %s AND next_offset <= %s
                  AND length(hashes) < %s
                RETURNING day, next_offset, hashes
            )
            INSERT INTO remembered (partition, day, next_offset, hashes)
            SELECT %s, day, max(next_offset), string_agg(hashes, '' ORDER BY next_offset)
            FROM small GROUP BY day
            """,
            (self.partition, list(days), start, old, IN_ONE_ROW * ID_BYTES, self.partition),
        )


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as the one parameter of `UPSERTS` and `DELETES`: one statement however many they are."""
    return orjson.dumps(rows, default=str).decode()


def _columns(table: Table) -> str:
    return ", ".join(
        f'"{column.name}" {column.type.compile(dialect=counts.DIALECT)}' for column in table.columns
    )


def _upsert(table: Table) -> str:
    key = [column.name for column in table.primary_key]
    rest = [column.name for column in table.columns if column.name not in key]
    columns = ", ".join(f'"{name}"' for name in (*key, *rest))
    kept = ", ".join(f'"{name}"' for name in key)
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in rest)
    return (
        f"INSERT INTO {table.name} ({columns})"
        f" SELECT {columns} FROM json_to_recordset(%b::json) AS said ({_columns(table)})"
        f" ON CONFLICT ({kept}) DO UPDATE SET {changes}"
    )


def _delete(table: Table) -> str:
    """Delete what stands beyond the rows that were said: by ordinal, or all where none was."""
    whose = [column.name for column in table.primary_key if column.name != "ordinal"]
    key = " AND ".join(f'stands."{name}" = said."{name}"' for name in whose)
    beyond = "stands.ordinal >= said.kept" if "ordinal" in table.c else "said.kept = 0"
    return (
        f"DELETE FROM {table.name} AS stands"
        f" USING json_to_recordset(%b::json) AS said ({_columns(table)}, kept int)"
        f" WHERE {key} AND {beyond}"
    )


ROW_TABLES = (tables.training, tables.attempts, tables.certificates, tables.teams)
UPSERTS = {table.name: _upsert(table) for table in ROW_TABLES}
DELETES = {table.name: _delete(table) for table in ROW_TABLES}
