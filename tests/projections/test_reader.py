"""What may analysts and Grafana read? The views, whatever was migrated since, and nothing else."""

import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Identifier

from projections.migrate import READER, migrate
from projections.tables import metadata
from projections.views import VIEWS
from tests.conftest import OwnServer


def may_read(url: str, relation: str) -> bool:
    """Whether the reader can, by trying."""
    schema, _, name = relation.rpartition(".")
    with psycopg.connect(url) as connection:
        connection.execute(SQL("SET ROLE {}").format(Identifier(READER)))
        try:
            connection.execute(
                SQL("SELECT * FROM {}").format(Identifier(schema or "public", name))
            ).fetchall()
        except InsufficientPrivilege:
            return False
    return True


@pytest.fixture
def readable(database: str) -> str:
    """A database twice migrated, whose owner is among the readers."""
    for _ in range(2):
        migrate(database)
    with psycopg.connect(database) as connection:
        connection.execute(SQL("GRANT {} TO CURRENT_USER").format(Identifier(READER)))
    return database


def test_the_reader_reads_every_view(readable: str) -> None:
    assert [view for view in VIEWS if not may_read(readable, view)] == []


def test_the_reader_reads_no_table(readable: str) -> None:
    tables = [*metadata.tables, "alembic_version"]
    assert "people" in tables
    assert [table for table in tables if may_read(readable, table)] == []


def test_the_reader_changes_nothing(readable: str) -> None:
    with psycopg.connect(readable) as connection:
        owned = connection.execute(
            "SELECT relname FROM pg_class, aclexplode(relacl) AS granted"
            " WHERE granted.grantee = %s::regrole AND privilege_type <> 'SELECT'",
            (READER,),
        ).fetchall()
        makes = "has_schema_privilege(%s, 'public', 'CREATE')"
        may = connection.execute(f"SELECT {makes}", (READER,)).fetchone()
    assert (owned, may) == ([], (False,))


def test_who_may_not_make_the_role_is_told_who_may(make_postgres: Callable[..., OwnServer]) -> None:
    server = make_postgres()
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN")
        connection.execute("GRANT plain TO CURRENT_USER")
        connection.execute("CREATE DATABASE plain OWNER plain")
    url = server.url.replace("laurel@", "plain@").removesuffix("laurel") + "plain"
    command = [sys.executable, "-m", "streams.cli", "migrate"]
    done = subprocess.run(
        command, env={"DATABASE_URL": url}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert f"`CREATE ROLE {READER} NOLOGIN`" in done.stderr
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(SQL("CREATE ROLE {} NOLOGIN").format(Identifier(READER)))
    migrate(url)
