"""What does it storm over? A broker and a Postgres of its own, and a proxy on every way to them."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from deploy.broker import SETTINGS
from deploy.part import free_port
from deploy.parts import Kafka, Postgres
from schemas.topics import App
from tests.storm.ears import KafkaEar, PostgresEar, SlackEar
from tests.storm.proxy import Hub, Proxy, Strike, calm
from tests.storm.story import Story, tell

APPS: tuple[App, ...] = ("intake", "engine", "slack")
EACH = 2
"""Workers of each kind."""

PLAIN = "sslmode=disable&gssencmode=disable"
"""What is encrypted, a proxy's ear cannot follow."""


@dataclass
class Ways:
    """The proxies of one worker."""

    kafka: Proxy = field(default_factory=lambda: Proxy(KafkaEar))
    postgres: Proxy = field(default_factory=lambda: Proxy(PostgresEar))
    slack: Proxy = field(default_factory=lambda: Proxy(SlackEar))

    def all(self) -> tuple[Proxy, Proxy, Proxy]:
        return self.kafka, self.postgres, self.slack

    def strike(self, strike: Strike = calm) -> None:
        """From now on this says what happens on them."""
        for proxy in self.all():
            proxy.strike = strike

    def environment(self, url: str) -> dict[str, str]:
        """Where a worker finds everything, so that nothing goes past the proxies."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        place = f"{login}@127.0.0.1:{self.postgres.port}"
        return {
            "KAFKA_BOOTSTRAP": f"127.0.0.1:{self.kafka.port}",
            "DATABASE_URL": urlunsplit(parts._replace(netloc=place, query=PLAIN)),
            "SLACK_API_URL": f"http://127.0.0.1:{self.slack.port}/api/",
        }


class World:
    """The parts of a run, which its storms share, and the stories that are told in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ways = {(app, n): Ways() for app in APPS for n in range(EACH)}
        self.postgres = Postgres(home / "postgres", scratch=True)
        self.kafka = self._kafka(home / "kafka")
        self._stories: dict[tuple[int, bool], Story] = {}
        self._numbers = itertools.count(1)

    def _kafka(self, home: Path) -> Kafka:
        """A broker that tells each worker to find it behind that worker's own proxy."""
        port, controller = free_port(), free_port()
        listeners = [("PLAINTEXT", port, port)]
        for number, ways in enumerate(self.ways.values()):
            ways.kafka.target = free_port()
            listeners.append((f"WORKER{number}", ways.kafka.target, ways.kafka.port))
        ours = [*listeners, ("CONTROLLER", controller, controller)]
        settings = {
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name, _, _ in ours),
            "listeners": ",".join(f"{name}://127.0.0.1:{own}" for name, own, _ in ours),
            "advertised.listeners": ",".join(
                f"{name}://127.0.0.1:{told}" for name, _, told in listeners
            ),
            "num.network.threads": "1",
        }
        return Kafka(home, port, scratch=True, settings=SETTINGS | settings)

    def story(self, seed: int, whole: bool) -> Story:
        """The story of a seed; many storms may go over one."""
        if (seed, whole) not in self._stories:
            self._stories[seed, whole] = tell(seed, self.home, whole)
        return self._stories[seed, whole]

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database; the server may be another by its end."""
        name = f"storm_{next(self._numbers)}"
        self._administer(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield urlunsplit(urlsplit(self.postgres.url)._replace(path=f"/{name}"))
        self._administer(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    def _administer(self, statement: Composed) -> None:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(statement)

    def folder(self, name: str) -> Path:
        """A new folder."""
        made = self.home / f"{next(self._numbers):02}-{name}"
        made.mkdir()
        return made


@contextmanager
def world(keep: Path | None = None) -> Iterator[World]:
    """Everything up; `keep`: where logs are to stay, if they are."""
    home = keep or Path(tempfile.mkdtemp(prefix="laurel-storm-"))
    home.mkdir(exist_ok=True, parents=True)
    home.chmod(0o755)
    made, hub = World(home), Hub()
    try:
        with ThreadPoolExecutor() as starters:
            for started in [starters.submit(part.start) for part in (made.kafka, made.postgres)]:
                started.result()
        for ways in made.ways.values():
            ways.postgres.target = made.postgres.port
            hub.open(ways.all())
        yield made
    finally:
        hub.close()
        made.postgres.stop()
        made.kafka.stop()
        if keep is None:
            shutil.rmtree(home, ignore_errors=True)
