"""Is the runbook true? Its metrics, its alarms, its settings, and every command in it."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from deploy.tools import POSTGRES, locate
from schemas.topics import ALERTS, App
from streams import metrics, stop, workers
from streams.metrics import Reading
from streams.settings import Settings
from tests.conftest import Broker, OwnServer
from tests.deploy.watched import DEPLOY, Watched, rules, watched
from tests.streams.system import wait_for

README = (DEPLOY / "README.md").read_text()
COMPOSE = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())["services"]


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
    for name in re.findall(r"export ((?:\w+=\S+ ?)+)", README)[0].split():
        assert name.partition("=")[0] in passed, name
    section = README.partition("### LaurelWorkerRestarts")[2].partition("###")[0]
    named = set(re.findall(r"`([A-Z]\w+[a-z])`", section))
    assert workers.WORKERS, "which bring what each kind of worker stops for"
    assert named == {kind.__name__ for kind in stop.Stop.__subclasses__()}


def commands() -> Iterator[list[str]]:
    """The commands of each block, in the order of the page."""
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        found, begun = [], ""
        for line in block.splitlines():
            begun += f"{line}\n"
            try:
                shlex.split(begun, comments=True)
            except ValueError:
                continue  # it goes on in the next line
            found.append(begun.strip())
            begun = ""
        assert not begun, begun
        yield found


class Operator:
    """Does what the page says; what it says to compose is done to the workers of the test."""

    def __init__(self, laurel: Watched) -> None:
        self.laurel = laurel
        system = laurel.system
        folders = (Path(sys.executable).parent, locate(POSTGRES), os.environ["PATH"])
        self.env = {**system.env, "PATH": os.pathsep.join(map(str, folders))}
        self.done: list[str] = []

    def do(self, line: str) -> None:
        match shlex.split(line, comments=True):
            case ["docker", "compose", "stop", *kinds]:
                self._stop(kinds)
            case ["docker", "compose", "up", *options]:
                self._up([word for word in options if "=" in word])
            case ["docker", "compose", "run", "--rm", "--build", service]:
                self._run(shlex.join(["laurel", *COMPOSE[service]["command"]]))
            case ["export", *_]:
                return
            case _:
                self._run(line)
        self.done.append(line)

    def _run(self, line: str) -> None:
        folder = self.laurel.system.folder
        command = ["bash", "-euc", line]
        done = subprocess.run(
            command, env=self.env, cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    def _stop(self, kinds: list[str]) -> None:
        assert set(kinds) <= COMPOSE.keys()
        for kind in get_args(App):
            going = [one for one in self.laurel.workers if one.name == f"{kind}-one"]
            if kind in kinds:
                self.laurel.system.dismiss(kind, *going)
                self.laurel.workers = [one for one in self.laurel.workers if one not in going]

    def _up(self, scaled: list[str]) -> None:
        """What is said to be up is started at the end: it would be stopped again before."""
        assert {one.partition("=")[0] for one in scaled} <= set(get_args(App))

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
    wait_for(lambda: system.rows("SELECT FROM dead_letters") != [], "the dead letter")
    before = seen(laurel)
    for block in commands():
        for line in block:
            operator.do(line)
    operator.finish()
    assert any("laurel rebuild" in line for line in operator.done)
    assert any("pg_restore" in line for line in operator.done)
    laurel.tell_more()
    settle(laurel, 4)
    for were, are in zip(before, seen(laurel), strict=True):
        assert len(are) > len(were)
        assert [one for one in are if one in were] == were


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
