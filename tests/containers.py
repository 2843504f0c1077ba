"""How do the same Kafka and Postgres come from images, when SERVICES=docker asks for that?"""

import time
from collections.abc import Callable

from testcontainers.core.container import DockerContainer

from deploy.broker import CLUSTER_ID, SCRATCH_SETTINGS, SETTINGS, kafka_answers
from deploy.part import free_port
from deploy.server import postgres_answers


class Part:
    """A container that can be treated as roughly as a process of ours."""

    image: str

    def __init__(self, answers: Callable[[int], bool], inside: int | None = None) -> None:
        self.port = free_port()
        self._answers = answers
        self._container = DockerContainer(self.image)
        self._container.with_bind_ports(inside or self.port, self.port)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._container.start()
        self._await_answer()

    def stop(self) -> None:
        """Stop and remove it."""
        self._container.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self._container.get_wrapped_container().kill()

    def restart(self) -> None:
        """Start it again, on the same port, with the same data."""
        self._container.get_wrapped_container().restart()
        self._await_answer()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + 120
        while not self._answers(self.port):
            assert time.monotonic() < deadline, f"{self.image} does not answer on port {self.port}"
            time.sleep(0.1)


class Kafka(Part):
    """The broker's own image."""

    image = "apache/kafka:4.3.1"

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        super().__init__(kafka_answers)
        lines = SETTINGS | SCRATCH_SETTINGS
        # One port inside and outside, because the broker also calls itself by what it advertises.
        lines |= {
            "controller.quorum.voters": "1@127.0.0.1:9093",
            "listeners": f"PLAINTEXT://:{self.port},CONTROLLER://:9093",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
        }
        for key, value in (lines | (settings or {})).items():
            self._container.with_env("KAFKA_" + key.upper().replace(".", "_"), value)
        self._container.with_env("CLUSTER_ID", CLUSTER_ID)

    @property
    def bootstrap(self) -> str:
        """What clients call bootstrap servers."""
        return f"127.0.0.1:{self.port}"


class Postgres(Part):
    """The server's own image."""

    image = "postgres:17-alpine"

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        super().__init__(postgres_answers, inside=5432)
        for key in ("USER", "PASSWORD", "DB"):
            self._container.with_env(f"POSTGRES_{key}", "laurel")
        lines = {"fsync": "off", "full_page_writes": "off"} | (settings or {})
        options = [f"-c {key}={value}" for key, value in lines.items()]
        self._container.with_command(" ".join(["postgres", *options]))

    def restart(self, immediately: bool = False) -> None:
        """Start it again; immediately breaks every connection."""
        if immediately:
            self._container.get_wrapped_container().kill("SIGQUIT")
        super().restart()

    @property
    def url(self) -> str:
        """Where the database is."""
        return f"postgresql://laurel:laurel@127.0.0.1:{self.port}/laurel"
