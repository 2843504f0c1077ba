"""Which real parts do the tests run on?

One Kafka and one Postgres serve the whole session; what a test kills, it makes for itself.
`SERVICES=docker` takes them from images instead, and fails where there is no engine.
`KAFKA_BOOTSTRAP` and `DATABASE_URL` name existing ones, and contradict that.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import randrange
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from deploy.children import Lock
from deploy.parts import Kafka, Postgres
from tests import containers

# Drawn once, before pytest-xdist starts its workers, so that all collect the same tests.
os.environ.setdefault(
    "LAUREL_SAMPLE_SEEDS", ",".join(["1", *(str(randrange(10**6)) for _ in range(3))])
)


def pytest_configure() -> None:
    """Refuse parts of two kinds before anything is run on those that were not meant."""
    given = [name for name in ("KAFKA_BOOTSTRAP", "DATABASE_URL") if os.environ.get(name)]
    if given and in_docker():
        raise pytest.UsageError(
            f"SERVICES=docker asks for containers, and {' and '.join(given)} for parts that run"
            " already; unset one or the other"
        )


def pytest_report_header() -> str:
    """With what was drawn, a run can be repeated."""
    return f"LAUREL_SAMPLE_SEEDS={os.environ['LAUREL_SAMPLE_SEEDS']}"


class Broker(Protocol):
    """A Kafka to talk to."""

    @property
    def bootstrap(self) -> str: ...


class Server(Protocol):
    """A Postgres to talk to."""

    @property
    def url(self) -> str: ...


class Own(Protocol):
    """What a test may do to a part of its own."""

    def kill(self) -> None: ...
    def restart(self) -> None: ...


class OwnBroker(Broker, Own, Protocol):
    """A Kafka to be rough with."""


class OwnServer(Server, Own, Protocol):
    """A Postgres to be rough with; restarted immediately, it breaks every connection."""

    def restart(self, immediately: bool = False) -> None: ...


class Given:
    """Parts that ran before us."""

    def __init__(self, bootstrap: str = "", url: str = "") -> None:
        self.bootstrap = bootstrap
        self.url = url


def in_docker() -> bool:
    """Was it asked for containers?"""
    wanted = os.environ.get("SERVICES", "native")
    assert wanted in ("native", "docker"), f"SERVICES is {wanted!r}, but may be native or docker"
    return wanted == "docker"


@pytest.fixture(scope="session")
def parts_home() -> Iterator[Path]:
    """A folder for the session's parts, which Postgres' account may enter."""
    temporary = Path(tempfile.gettempdir())
    for old in temporary.glob("laurel-tests-*/lock"):
        lock = Lock(old)
        if os.access(old, os.W_OK) and lock.take():
            # What a killed session left; another may be clearing it too.
            shutil.rmtree(old.parent, ignore_errors=True)
            lock.release()
    home = Path(tempfile.mkdtemp(prefix="laurel-tests-"))
    home.chmod(0o755)
    lock = Lock(home / "lock")
    lock.take()
    yield home
    shutil.rmtree(home)
    lock.release()


@pytest.fixture(scope="session")
def kafka(parts_home: Path) -> Iterator[Broker]:
    """The session's broker; name topics and groups uniquely, and leave it running."""
    if given := os.environ.get("KAFKA_BOOTSTRAP"):
        yield Given(bootstrap=given)
        return
    broker = containers.Kafka() if in_docker() else Kafka(parts_home / "kafka", scratch=True)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def postgres(parts_home: Path) -> Iterator[Server]:
    """The session's server; leave it running."""
    if given := os.environ.get("DATABASE_URL"):
        yield Given(url=given)
        return
    server = containers.Postgres() if in_docker() else Postgres(parts_home / "pg", scratch=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def make_kafka(parts_home: Path) -> Iterator[Callable[..., OwnBroker]]:
    """Makes started brokers of the test's own, to kill and restart; takes broker settings."""
    with ExitStack() as made:

        def make(settings: dict[str, str] | None = None) -> OwnBroker:
            home = own_folder(parts_home, "kafka")
            broker = (
                containers.Kafka(settings)
                if in_docker()
                else Kafka(home, scratch=True, settings=settings)
            )
            made.callback(broker.stop)
            broker.start()
            return broker

        yield make


@pytest.fixture
def make_postgres(parts_home: Path) -> Iterator[Callable[..., OwnServer]]:
    """Makes started servers of the test's own, to kill and restart; takes server settings."""
    with ExitStack() as made:

        def make(settings: dict[str, str] | None = None) -> OwnServer:
            server = own_postgres(parts_home, settings)
            made.callback(server.stop)
            server.start()
            return server

        yield make


def own_postgres(
    parts_home: Path, settings: dict[str, str] | None = None
) -> containers.Postgres | Postgres:
    """A server of its own, to be started and stopped."""
    if in_docker():
        return containers.Postgres(settings)
    return Postgres(own_folder(parts_home, "postgres"), scratch=True, settings=settings)


def own_folder(parts_home: Path, name: str) -> Path:
    """A new folder, which Postgres' account may enter."""
    home = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parts_home))
    home.chmod(0o755)
    return home


_numbers = itertools.count(1)


@contextmanager
def empty_database(server: Server) -> Iterator[str]:
    """The URL of a new database on this server."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield urlunsplit(urlsplit(server.url)._replace(path=f"/{name}"))
        # WITH (FORCE) would also end autovacuum, which is not ours to end; DROP itself may.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND usename = current_user",
            (name,),
        )
        connection.execute(SQL("DROP DATABASE {}").format(Identifier(name)))


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    with empty_database(postgres) as url:
        yield url
