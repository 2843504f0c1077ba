"""Has each run names of its own on given parts, and does it clear away those and no others?"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient

from deploy.children import PartsError
from deploy.crew import Crew
from deploy.given import Lodging, database_url
from tests.conftest import Broker, Server

ROOT = Path(__file__).parents[2]
OURS = f"given-{os.getpid()}-"


class Parts:
    """A server and a broker as their owner sees them."""

    def __init__(self, url: str, bootstrap: str) -> None:
        self.given = {"DATABASE_URL": url, "KAFKA_BOOTSTRAP": bootstrap, "LAUREL_PREFIX": OURS}
        self._kafka = KafkaAdminClient(bootstrap_servers=bootstrap)

    def databases(self) -> set[str]:
        with psycopg.connect(self.given["DATABASE_URL"]) as connection:
            return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}

    def topics(self) -> set[str]:
        return {name for name in self._kafka.list_topics() if name.startswith(OURS)}

    def make_topic(self, name: str) -> None:
        made = {name: {"num_partitions": 1, "replication_factor": 1}}
        self._kafka.create_topics(made, wait_for_metadata=True)

    def close(self) -> None:
        if left := self.topics():
            self._kafka.delete_topics(list(left))
        self._kafka.close()


@pytest.fixture
def parts(kafka: Broker, postgres: Server) -> Iterator[Parts]:
    made = Parts(postgres.url, kafka.bootstrap)
    yield made
    made.close()


@pytest.fixture
def crew(tmp_path: Path) -> Crew:
    made = Crew(tmp_path, os.environ)
    made.clear()
    return made


def begin(parts: Parts, crew: Crew, tmp_path: Path, *, keep: bool = False) -> tuple[Lodging, str]:
    """As a run does: lodging, with a topic; and what its database is called."""
    lodging = Lodging(tmp_path / "given", crew, parts.given)
    lodging.make(keep=keep)
    name = crew.environment["DATABASE_URL"].rpartition("/")[2]
    return lodging, name


def test_a_second_run_finds_nothing_of_the_first(parts: Parts, crew: Crew, tmp_path: Path) -> None:
    lodging, first = begin(parts, crew, tmp_path)
    parts.make_topic(topic := crew.environment["LAUREL_PREFIX"] + "timeline")
    assert first in parts.databases()
    lodging, second = begin(parts, crew, tmp_path)
    assert first not in parts.databases()
    assert second in parts.databases()
    assert parts.topics() == set()
    assert not topic.startswith(crew.environment["LAUREL_PREFIX"])
    lodging.drop()
    assert second not in parts.databases()


def test_what_is_kept_is_found_under_its_names(parts: Parts, crew: Crew, tmp_path: Path) -> None:
    _, name = begin(parts, crew, tmp_path)
    parts.make_topic(topic := crew.environment["LAUREL_PREFIX"] + "timeline")
    with psycopg.connect(crew.environment["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept ()")
    lodging, again = begin(parts, crew, tmp_path, keep=True)
    assert again == name
    assert parts.topics() == {topic}
    assert topic.startswith(crew.environment["LAUREL_PREFIX"])
    with psycopg.connect(crew.environment["DATABASE_URL"]) as connection:
        connection.execute("SELECT FROM kept")
    lodging.drop()


def test_only_the_runs_own_are_dropped(parts: Parts, crew: Crew, tmp_path: Path) -> None:
    parts.make_topic(another := f"{OURS}timeline")
    lodging, name = begin(parts, crew, tmp_path)
    parts.make_topic(crew.environment["LAUREL_PREFIX"] + "timeline")
    # Someone who still looks at it does not keep it there.
    with psycopg.connect(crew.environment["DATABASE_URL"]):
        lodging.drop()
    assert name not in parts.databases()
    assert parts.given["DATABASE_URL"].rpartition("/")[2] in parts.databases()
    assert parts.topics() == {another}


def test_only_what_is_given_is_shared_out(parts: Parts, crew: Crew, tmp_path: Path) -> None:
    del parts.given["DATABASE_URL"]
    crew.environment["DATABASE_URL"] = "postgresql://local/laurel"
    lodging = Lodging(tmp_path / "given", crew, parts.given)
    lodging.make(keep=False)
    assert crew.environment["DATABASE_URL"] == "postgresql://local/laurel"
    assert crew.environment["LAUREL_PREFIX"] != OURS
    lodging.drop()


def test_parts_of_the_runs_own_keep_their_plain_names(crew: Crew, tmp_path: Path) -> None:
    before = dict(crew.environment)
    Lodging(tmp_path / "given", crew, {}).make(keep=False)
    assert crew.environment == before
    assert not (tmp_path / "given").exists()


@pytest.mark.parametrize(
    ("given", "own"),
    [
        ("postgresql://u:p%2F@h:5433/laurel", "postgresql://u:p%2F@h:5433/n"),
        ("postgres://h", "postgres://h/n"),
        ("postgresql:///laurel?host=/run/pg", "postgresql:///n?host=/run/pg"),
        ("postgresql://h/?sslmode=require", "postgresql://h/n?sslmode=require"),
    ],
)
def test_only_the_name_changes_in_an_address(given: str, own: str) -> None:
    assert database_url(given, "n") == own


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(PartsError, match="postgresql://"):
        database_url("host=h dbname=laurel", "n")


def test_tests_that_are_given_parts_refuse_to_take_containers_as_well() -> None:
    given = {"SERVICES": "docker", "DATABASE_URL": "postgresql://127.0.0.1/given"}
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    outside.pop("KAFKA_BOOTSTRAP", None)
    command = [sys.executable, "-m", "pytest", "--collect-only", __file__]
    done = subprocess.run(
        command, env=outside | given, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert "SERVICES=docker asks for containers, and DATABASE_URL for parts" in done.stderr
