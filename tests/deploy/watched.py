"""How does a test watch Laurel as its operators do? By Prometheus, and by Grafana's login.

What Grafana and Prometheus would be given is taken from the files in `deploy/`.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import psycopg
import yaml

from deploy.part import free_port
from deploy.prometheus_programs import locate
from deploy.tools import POSTGRES
from deploy.tools import locate as locate_tool
from schemas.topics import DIRECTORY, TRAINING
from tests.conftest import Broker, Server
from tests.local_slack import LocalSlack
from tests.streams.accounts import Lms, ago
from tests.streams.system import Running, System, wait_for
from tests.streams.visitor import Door

DEPLOY = Path(__file__).parents[2] / "deploy"
WINDOW = "20s"


@dataclass
class Watched:
    """A running Laurel of which something of everything is known, and who watches it.

    The door is one of the workers here.
    """

    system: System
    workers: list[Running]
    prometheus: str = ""
    lms: Lms = field(default_factory=lambda: Lms("watched"))
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def tell(self) -> None:
        """Set the stage: an account and what is required there; somebody unknown; no event."""
        lms = self.lms
        required = lms.told("requirement.described.v1", None, requirement="r1", course=lms.course)
        people = [lms.joined(name, lms.name) for name in ("ada", "bob")]
        self.system.publish(DIRECTORY, lms.described(lms.name), lms.offered(), required, *people)
        self.system.await_intake()
        stranger = lms.started("stranger", ago(hours=1))
        self.system.publish(TRAINING, lms.started("ada", ago(days=1)), stranger, b"no event")

    def tell_more(self) -> None:
        """Somebody new earns a certificate, which raises an alert."""
        person = f"p{next(self._numbers)}"
        self.system.publish(DIRECTORY, self.lms.joined(person, self.lms.name))
        last_day = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
        paper = {"certificate": self.lms.certificate, "number": person, "last_day": last_day}
        self.system.publish(TRAINING, self.lms.completed(person, ago(minutes=1), certificate=paper))

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus answers to this now; raises where it is no PromQL."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def ask(self, page: str, **words: str) -> Any:
        with urlopen(f"{self.prometheus}/api/v1/{page}?{urlencode(words)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        """What Postgres answers to Grafana's login."""
        url = urlsplit(self.system.env["DATABASE_URL"])
        address = f"postgresql://grafana:secret@{url.hostname}:{url.port}{url.path}"
        with psycopg.connect(address) as connection:
            return connection.execute(sql.encode()).fetchall()


@contextmanager
def watched(kafka: Broker, server: Server, folder: Path) -> Iterator[Watched]:
    """All of it, up and spoken to; `server` is a Postgres of its own, for it gets a login."""
    admit_grafana(server.url)
    with (
        LocalSlack("--users", "any", "--rate-limits", "off", "--channels", "general") as slack,
        System(
            kafka.bootstrap,
            server.url,
            folder,
            SLACK_API_URL=slack.api,
            SLACK_BOT_TOKEN="xoxb-local",
            SLACK_FALLBACK_CHANNEL=slack.channel("general"),
        ) as system,
    ):
        workers = [system.start(kind) for kind in ("intake", "engine", "slack")]
        made = Watched(system, [*workers, Door(system).process])
        made.tell()
        yield made


def admit_grafana(url: str) -> None:
    """Do what Postgres' image does with the folder that it is given."""
    parts = urlsplit(url)
    environment = {
        **os.environ,
        "PATH": f"{locate_tool(POSTGRES)}:{os.environ['PATH']}",
        "PGHOST": str(parts.hostname),
        "PGPORT": str(parts.port),
        "POSTGRES_USER": "laurel",
        "POSTGRES_DB": "laurel",
        "GRAFANA_PASSWORD": "secret",
    }
    for script in sorted((DEPLOY / "postgres").iterdir()):
        subprocess.run([script], env=environment, check=True)


@contextmanager
def prometheus(made: Watched, folder: Path) -> Iterator[None]:
    """Our configuration, but for whom it asks and how often, in the real Prometheus."""
    found = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    found["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    found["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in found["rule_files"]]
    (job,) = found["scrape_configs"]
    del job["dns_sd_configs"]
    listen = [one.await_event("listening", setting="LAUREL_METRICS") for one in made.workers]
    addresses = [str(said["address"]) for said in listen]
    job["static_configs"] = [{"targets": [urlsplit(address).netloc for address in addresses]}]
    configuration = folder / "prometheus.yml"
    configuration.write_text(yaml.safe_dump(found))
    port = free_port()
    command = [
        str(locate() / "prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    running = Running("prometheus", command, os.environ, folder / "prometheus.log")
    made.prometheus = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _is_ready(made.prometheus), "Prometheus to be ready")
        yield
    finally:
        running.close()


def _is_ready(address: str) -> bool:
    with suppress(OSError), urlopen(f"{address}/-/ready", timeout=5) as answer:
        return bool(answer.status == HTTPStatus.OK)
    return False


def dashboard() -> list[dict[str, Any]]:
    """The panels that ask something."""
    found = json.loads((DEPLOY / "grafana" / "laurel.json").read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    """Every alarm."""
    found = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())
    return [rule for group in found["groups"] for rule in group["rules"]]


def promql() -> list[str]:
    """Every question of the dashboard to Prometheus, as Grafana would ask it."""
    return [
        re.sub(r"\$__rate_interval", WINDOW, target["expr"])
        for panel in dashboard()
        for target in panel["targets"]
        if panel["datasource"]["type"] == "prometheus"
    ]


def sql() -> list[str]:
    """Every question of the dashboard to Postgres."""
    return [
        target["rawSql"]
        for panel in dashboard()
        for target in panel["targets"]
        if panel["datasource"]["uid"] == "laurel"
    ]
