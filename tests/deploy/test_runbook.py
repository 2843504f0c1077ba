"""Is the runbook true? Its metrics, its alarms, its settings, and every command in it."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from psycopg.errors import InsufficientPrivilege

from schemas.topics import ALERTS, TIMELINE, TRAINING, App
from streams import metrics, stop, workers
from streams.metrics import Reading
from streams.settings import Settings
from tests.conftest import Broker, OwnServer
from tests.deploy.typed import blocks, commands, environment, mentioned, run
from tests.deploy.watched import DEPLOY, Watched, rules, watched
from tests.streams.accounts import ago
from tests.streams.system import wait_for

README = (DEPLOY / "README.md").read_text()
TEXT = (DEPLOY.parent / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)["services"]


def declared() -> Iterator[str]:
    """Every metric, as a row of the table."""
    for metric in vars(metrics).values():
        if isinstance(metric, Reading):
            row = metric.name, "gauge", metric.labels, metric.meaning
        elif isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            suffix = "_total" if family.type == "counter" else ""
            name, labels = family.name + suffix, tuple(metric._labelnames)
            row = name, family.type, labels, family.documentation
        else:
            continue
        name, kind, labels, meaning = row
        yield f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {meaning} |"


def test_every_metric_stands_in_the_table_as_it_is_declared() -> None:
    assert re.findall(r"^\| `laurel_.*$", README, re.MULTILINE) == list(declared())


def test_every_alarm_has_its_section() -> None:
    assert re.findall(r"^### (\w+)$", README, re.MULTILINE) == [rule["alert"] for rule in rules()]


def test_settings_and_errors_that_it_names_are_there() -> None:
    passed = {name for one in COMPOSE.values() for name in one.get("environment", ())}
    for name in re.findall(r"`((?:LAUREL|SLACK)_[A-Z_]+)`", README):
        assert name.lower() in Settings.model_fields, name
    assert {"KAFKA_BOOTSTRAP", "DATABASE_URL"} <= passed
    section = README.partition("### LaurelWorkerRestarts")[2].partition("###")[0]
    named = set(re.findall(r"`([A-Z]\w+[a-z])`", section))
    assert workers.WORKERS, "which bring what each kind of worker stops for"
    assert named == {kind.__name__ for kind in stop.Stop.__subclasses__()}


def test_what_stands_in_the_file_beside_compose_is_what_compose_asks_for() -> None:
    secrets, workers = (
        re.findall(r"^(\w+)=", block, re.MULTILINE) for block in blocks(README, "ini")
    )
    assert set(secrets) == set(re.findall(r"\$\{(\w+):\?", TEXT))
    assert set(workers) == set(re.findall(r"\$\{(\w+):-", TEXT))
    for name in workers:
        kind = name.removesuffix("_WORKERS").lower()
        assert COMPOSE[kind]["command"] == ["worker", kind]
        assert COMPOSE[kind]["scale"] == f"${{{name}:-1}}"


class Operator:
    """Does what the page says, with what it leaves open filled in.

    There is no engine for compose: its lines are read, must name services that are there, and are
    done to the workers of the test. Her shell knows no address; the containers do.
    """

    def __init__(self, laurel: Watched) -> None:
        self.laurel = laurel
        self.inside = environment(laurel.system.env)
        self.shell = {
            name: value
            for name, value in self.inside.items()
            if name not in COMPOSE["laurel"]["environment"] and not name.startswith("PG")
        }
        self.functions: set[str] = set()
        self.done: list[str] = []

    def do(self, line: str) -> None:
        line = self._filled(line)
        match shlex.split(line, comments=True):
            case ["docker", "compose", "logs", "--tail", _, service]:
                assert service in COMPOSE
            case ["docker", "compose", "stop", *kinds]:
                self._stop(kinds)
            case ["docker", "compose", "up", *options]:
                # A scale that is only typed is undone by the next one that leaves it out. Who is up
                # now is started at the end: she would be stopped again before.
                assert set(options) <= {"--build", "--detach"}
            case ["docker", "compose", "run", "--rm", "--build", service]:
                self._run(shlex.join(["laurel", *COMPOSE[service]["command"]]), self.inside)
            case ["docker", "compose", "exec", "-T", "postgres", *_]:
                self._run(line.partition(" postgres ")[2], self.inside | self._beside_postgres())
            case ["laurel()", "{", "docker", "compose", "run", "--rm", service, "$@;", "}"]:
                assert COMPOSE[service]["image"] == "laurel"
                self.functions.add("laurel")
            case ["laurel", *_]:
                assert "laurel" in self.functions
                self._run(line, self.inside)
            case _:
                self._run(line, self.shell)
        if line not in self.done:
            self.done.append(line)

    def _beside_postgres(self) -> dict[str, str]:
        """What its container finds without being told: the server, and who may log in."""
        url = urlsplit(self.laurel.system.env["DATABASE_URL"])
        owner = COMPOSE["postgres"]["environment"]
        assert (url.username, url.path) == (owner["POSTGRES_USER"], f"/{owner['POSTGRES_DB']}")
        return {"PGHOST": str(url.hostname), "PGPORT": str(url.port)}

    def _run(self, line: str, env: Mapping[str, str]) -> None:
        run(line, env, self.laurel.system.folder)
        self.done.append(line)

    def _filled(self, line: str) -> str:
        system, lms = self.laurel.system, self.laurel.lms
        line = line.replace("CUSTOMER", lms.name).replace("PERSON", lms.email("ada"))
        for letter, table in (("q", "quarantine"), ("d", "dead_letters")):
            # A batch that was begun again leaves a number out.
            ids = [row[0] for row in system.rows(f"SELECT id FROM {table} ORDER BY id")]
            for number, id in reversed([*enumerate(ids, start=1)]):
                line = re.sub(rf"\b{letter}{number}\b", f"{letter}{id}", line)
        if "ALERT_ID" in line:
            line = line.replace("ALERT_ID", str(system.rows("SELECT alert FROM live.alerts")[0][0]))
        if "PARTITION" in line:
            place = self._poisoned() if "park" in line else (0, system.ends(TRAINING)[0])
            line = line.replace("PARTITION", str(place[0])).replace("OFFSET", str(place[1]))
        return line

    def _poisoned(self) -> tuple[int, int]:
        """Where the engine stops, because somebody else wrote to its topic."""
        system = self.laurel.system
        end = system.ends(TIMELINE)[0]
        system.append(TIMELINE, 0, "k", b"no fact")
        (engine,) = (one for one in self.laurel.workers if one.name == "engine-one")
        assert engine.await_exit() == 70
        assert f"`laurel park 0 {end} " in engine.tail()
        self._stop(["engine"])
        return 0, end

    def _stop(self, kinds: list[str]) -> None:
        assert set(kinds) <= COMPOSE.keys()
        for kind in get_args(App):
            going = [one for one in self.laurel.workers if one.name == f"{kind}-one"]
            if kind in kinds:
                if going:
                    self.laurel.system.dismiss(kind, *going)
                self.laurel.workers = [one for one in self.laurel.workers if one not in going]

    def finish(self) -> None:
        running = {one.name for one in self.laurel.workers}
        for kind in get_args(App):
            if f"{kind}-one" not in running:
                self.laurel.workers.append(self.laurel.system.start(kind))


@pytest.fixture
def laurel(
    kafka: Broker, make_postgres: Callable[..., OwnServer], tmp_path: Path
) -> Iterator[Watched]:
    with watched(kafka, make_postgres(), tmp_path) as made:
        yield made


@pytest.mark.timeout(600)
def test_every_command_does_what_it_says(laurel: Watched) -> None:
    """And after backup, restoration and rebuild the same is known, and no card stands twice."""
    system, operator = laurel.system, Operator(laurel)
    for _ in range(3):
        laurel.tell_more()
    settle(laurel, 3)
    system.publish(TRAINING, laurel.lms.started("another", ago(hours=1)), b"no event either")
    for table in ("dead_letters", "quarantine"):
        rows = f"SELECT FROM {table}"
        wait_for(lambda rows=rows: len(system.rows(rows)) == 2, f"two {table}")  # type: ignore[misc]
    admit_an_analyst(laurel)
    before = seen(laurel)
    for block in commands(README):
        for line in block:
            operator.do(line)
    operator.finish()
    for command in mentioned(README, "laurel", "docker compose"):
        assert any(line.startswith(command) for line in operator.done), command
    assert any("laurel rebuild" in line for line in operator.done)
    assert any("pg_restore" in line for line in operator.done)
    laurel.tell_more()
    settle(laurel, 4)
    for were, are in zip(before, seen(laurel), strict=True):
        assert len(are) > len(were)
        assert [one for one in are if one in were] == were


def admit_an_analyst(laurel: Watched) -> None:
    """She reads the views and no table."""
    (statement,) = blocks(README, "sql")
    url = urlsplit(laurel.system.env["DATABASE_URL"])
    with psycopg.connect(url.geturl()) as owner:
        owner.execute(statement.replace("…", "secret").encode())
    ann = urlunsplit(url._replace(netloc=f"ann:secret@{url.hostname}:{url.port}"))
    with psycopg.connect(ann) as connection:
        connection.execute("SELECT FROM user_training")
        with pytest.raises(InsufficientPrivilege):
            connection.execute("SELECT FROM live.training")


def settle(laurel: Watched, cards: int) -> None:
    """Wait until all is folded, relayed and sent."""
    system = laurel.system
    shown = "SELECT FROM deliveries WHERE state = 'sent' AND posted = desired"
    wait_for(lambda: len(system.rows(shown)) == cards, f"{cards} cards")
    system.await_intake()
    system.await_engine()
    wait_for(lambda: system.positions("slack", ALERTS) == system.ends(ALERTS), "all to be noted")
    wait_for(lambda: len(system.rows(shown)) == cards, "the cards to be mended")


def seen(laurel: Watched) -> tuple[list[Any], ...]:
    """What was decided, what was said of it in Kafka, and which messages Slack has."""
    versions = "SELECT * FROM alert_versions ORDER BY alert, version"
    cards = "SELECT alert, channel, ts FROM deliveries ORDER BY alert"
    said = [record.value for record in laurel.system.records(ALERTS)]
    return laurel.system.rows(versions), said, laurel.system.rows(cards)
