"""How does a database become Laurel's? Migrations for tables, then the views, made anew."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from .views import VIEWS

LOCK = 7_205_759_403
"""Advisory lock: two migrations at once wait for each other."""


def migrate(url: str) -> str:
    """Bring the database up to this version of the code; returns the revision it then has."""
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(text("SET LOCAL search_path = public"))
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS live"))
        command.upgrade(config(connection), "head")
        make_views(connection)
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


def sqlalchemy_url(url: str) -> str:
    """The same database by SQLAlchemy's name for psycopg 3."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]
