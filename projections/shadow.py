"""How does what a rebuild made take the place of what is read? Row by row, in one transaction.

Rows move rather than tables, so that views, grants and indexes stay and no reader has to wait.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Table

from .tables import REBUILT, outbox, positions, remembered, states

SCHEMA = "shadow"

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Difference:
    """How many rows of a table are there no more, are new, and say something else."""

    table: str
    gone: int
    new: int
    changed: int


def make(connection: Connection, topic: str, topic_id: str, partitions: Iterable[int]) -> None:
    """Tables for all that the engine writes, at the beginning; what a broken one left is dropped.

    Nothing is sent from an outbox here. After a crash of Postgres nobody needs any of it, so it is
    spared the log.
    """
    connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    for table in (*REBUILT, positions, outbox):
        connection.execute(
            f"CREATE UNLOGGED TABLE {SCHEMA}.{table.name} (LIKE {table.fullname} INCLUDING ALL)"
        )
    for partition in partitions:
        connection.execute(
            f"INSERT INTO {SCHEMA}.positions (app, topic, partition, topic_id, next_offset)"
            " VALUES ('engine', %s, %s, %s, 0)",
            (topic, partition, topic_id),
        )


def reached(connection: Connection) -> dict[int, int]:
    """How far each partition is folded."""
    rows = connection.execute(f"SELECT partition, next_offset FROM {SCHEMA}.positions")
    return {row[0]: row[1] for row in rows}


def analyze(connection: Connection) -> None:
    """Tell Postgres how large the tables are that are to be compared."""
    for table in REBUILT:
        connection.execute(f"ANALYZE {SCHEMA}.{table.name}")


def differences(connection: Connection) -> list[Difference]:
    """Where the two do not say the same: by bytes, ids as a set, stored deadlines left out."""
    found = []
    for table in REBUILT:
        query = REMEMBERED_DIFFER if table is remembered else _differ(table)
        found += [Difference(table.name, *row) for row in connection.execute(query)]
    return [each for each in found if each.gone or each.new or each.changed]


def unsent(connection: Connection) -> list[tuple[Any, ...]]:
    """Alerts that were not raised before: (id, rule, customer, subject, raised at)."""
    return connection.execute(
        f"""
        -- of which alerts would people have been told, had this code been there before?
        SELECT alert, rule, customer, subject, raised_at FROM {SCHEMA}.alerts AS new
        WHERE notify AND NOT EXISTS (SELECT FROM live.alerts AS old WHERE old.alert = new.alert)
        ORDER BY raised_at, alert
        """
    ).fetchall()


def swap(connection: Connection) -> None:
    """Give every table the rows of its shadow, and positions a new generation; drop the shadow."""
    for table in REBUILT:
        connection.execute(_delete(table))
        connection.execute(_write(table))
    connection.execute(POSITIONS)
    connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


POSITIONS = f"""
-- where does each partition stand? (those that stood somewhere stand there still)
INSERT INTO public.positions AS old
SELECT * FROM {SCHEMA}.positions
ON CONFLICT (app, topic, partition) DO UPDATE SET
    topic_id = excluded.topic_id, next_offset = excluded.next_offset,
    log_time = excluded.log_time, ticked = excluded.ticked, releases = excluded.releases,
    generation = old.generation + 1
"""


def _ids(schema: str) -> str:
    return f"""
    SELECT DISTINCT partition, day, substring(hashes FROM start FOR 16) AS id
    FROM {schema}.remembered, generate_series(1, length(hashes), 16) AS start
    """


REMEMBERED_DIFFER = f"""
-- how many ids does one know and the other not? (their rows depend on how records came in batches)
WITH old AS ({_ids("live")}), new AS ({_ids(SCHEMA)})
SELECT (SELECT count(*) FROM (TABLE old EXCEPT TABLE new) AS gone),
       (SELECT count(*) FROM (TABLE new EXCEPT TABLE old) AS new), 0
"""


def _columns(table: Table, *, key: bool) -> list[str]:
    return [f'"{column.name}"' for column in table.columns if column.primary_key is key]


def _same_key(table: Table) -> str:
    return " AND ".join(f"old.{name} = new.{name}" for name in _columns(table, key=True))


def _otherwise(names: Sequence[str]) -> str:
    """Whether a row says something else; as text, because 92.5 equals 92.50."""
    old, new = (", ".join(f"{row}.{name}" for name in names) for row in ("old", "new"))
    return f"ROW({old})::text <> ROW({new})::text"


def _differ(table: Table) -> str:
    first, *_ = _columns(table, key=True)
    # Stored deadlines may lie early, and are what the state says otherwise.
    names = [name for name in _columns(table, key=False) if (table, name) != (states, '"due_at"')]
    return f"""
    -- how many rows are gone, new and changed?
    SELECT count(*) FILTER (WHERE new.{first} IS NULL), count(*) FILTER (WHERE old.{first} IS NULL),
           count(*) FILTER (WHERE old.{first} = new.{first} AND {_otherwise(names)})
    FROM {table.fullname} AS old FULL JOIN {SCHEMA}.{table.name} AS new ON {_same_key(table)}
    """


def _delete(table: Table) -> str:
    return f"""
    DELETE FROM {table.fullname} AS old
    WHERE NOT EXISTS (SELECT FROM {SCHEMA}.{table.name} AS new WHERE {_same_key(table)})
    """


def _write(table: Table) -> str:
    key, rest = _columns(table, key=True), _columns(table, key=False)
    changes = ", ".join(f"{name} = excluded.{name}" for name in rest)
    columns = ", ".join((*key, *rest))
    return f"""
    INSERT INTO {table.fullname} ({columns})
    SELECT {", ".join(f"new.{name}" for name in (*key, *rest))}
    FROM {SCHEMA}.{table.name} AS new LEFT JOIN {table.fullname} AS old ON {_same_key(table)}
    WHERE old.{key[0]} IS NULL OR {_otherwise(rest)}
    ON CONFLICT ({", ".join(key)}) DO UPDATE SET {changes}
    """
