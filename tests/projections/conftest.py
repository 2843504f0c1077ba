"""Where are views read? In an empty database of the test's own, which has been migrated."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections.migrate import migrate
from schemas.facts import Fact, Tick
from tests.projections.told import Connection, View, tell


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    migrate(database)
    with psycopg.connect(
        database,
        autocommit=True,
        options="-csearch_path=live,public",
        row_factory=psycopg.rows.dict_row,
    ) as connection:
        yield connection


@pytest.fixture
def view(connection: Connection) -> View:
    """Reads a view, or the columns of it that are named."""

    def read(name: str, *events: Fact | Tick) -> list[dict[str, Any]]:
        tell(connection, *events)
        return connection.execute(f"SELECT * FROM {name}").fetchall()

    return read
