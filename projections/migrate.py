"""How does a database become Laurel's? Migrations for tables, then the views, made anew."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from .views import VIEWS

LOCK = 7_205_759_403
"""Advisory lock: two migrations at once wait for each other."""

READER = "laurel_reader"
"""The role that may read the views, and no table; logins of analysts and Grafana are put in it."""


def migrate(url: str) -> str:
    """Bring the database up to this version of the code; returns the revision it then has.

    Raises `ProgrammingError` of `InsufficientPrivilege` where it may not make the reader's role.
    """
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(text("SET LOCAL search_path = public"))
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS live"))
        command.upgrade(config(connection), "head")
        make_views(connection)
        admit_reader(connection)
        row = connection.execute(text("SELECT version_num FROM alembic_version")).one()
        return str(row[0])


def config(connection: Connection) -> Config:
    """Alembic's configuration, without a file."""
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    alembic.attributes["connection"] = connection
    return alembic


def make_views(connection: Connection) -> None:
    """Drop and make every view; readers wait a moment, and never see one missing."""
    connection.execute(text("SET LOCAL search_path = live, public"))
    for name in reversed(VIEWS):
        connection.execute(text(f"DROP VIEW IF EXISTS public.{name}"))
    for name, query in VIEWS.items():
        connection.exec_driver_sql(f"CREATE VIEW public.{name} AS {query}")


def admit_reader(connection: Connection) -> None:
    """Grant the views, which were just made anew, to the reader; the server has one for all."""
    roles = text("SELECT FROM pg_roles WHERE rolname = :name")
    if not connection.execute(roles, {"name": READER}).all():
        # Another database of the server may be making it at this moment.
        connection.exec_driver_sql(
            f"DO $$ BEGIN CREATE ROLE {READER} NOLOGIN;"
            " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
    connection.exec_driver_sql(f"GRANT SELECT ON {', '.join(VIEWS)} TO {READER}")


def sqlalchemy_url(url: str) -> str:
    """The same database by SQLAlchemy's name for psycopg 3."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]
