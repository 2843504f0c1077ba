"""How does a test come to the door? With a token, over HTTP, at a process of its own."""

import http.client
import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from schemas.door import BATCH, EVENTS_PATH, STRUCTURED

from .system import Running, System


class Answer(NamedTuple):
    """What the door said."""

    status: int
    headers: Message
    text: str

    @property
    def said(self) -> Any:
        return json.loads(self.text)

    @property
    def pointers(self) -> list[str]:
        """Where the faults are that a problem names."""
        return [error["pointer"] for error in self.said["errors"]]


def make_token(system: System, name: str, *sources: str) -> str:
    """A token that an operator makes."""
    words = [word for source in sources for word in ("--source", source)]
    command = [sys.executable, "-m", "streams.cli", "tokens", "make", name, *words]
    made = subprocess.run(command, env=system.env, stdout=subprocess.PIPE, check=True, text=True)
    return made.stdout.strip()


class Door:
    """`laurel serve`, started, and ended with its system."""

    def __init__(self, system: System, **env: str) -> None:
        self.system = system
        number = len(system.workers) + 1
        self.process = Running(
            "door",
            [sys.executable, "-m", "streams.cli", "serve"],
            {**system.env, "LAUREL_DOOR_PORT": "0", **env},
            system.folder / f"door-{number}.log",
        )
        system.workers.append(self.process)
        said = self.process.await_event("listening", setting="LAUREL_DOOR")
        self.address: str = said["address"]
        self.token = make_token(system, f"visitor-{number}")

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask it something, as nobody in particular."""
        line = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=60)
        try:
            line.request(method, path, body, dict(headers or {}))
            answer = line.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            line.close()

    def post(
        self, body: bytes, kind: str = STRUCTURED, token: str | None = None, **headers: str
    ) -> Answer:
        """Send a body with a token, the visitor's unless another is given."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        said = {"Authorization": f"Bearer {token or self.token}", "Content-Type": kind, **named}
        return self.ask("POST", EVENTS_PATH, body, said)

    def send(self, *events: Mapping[str, Any], token: str | None = None) -> Answer:
        """Send events as a batch."""
        return self.post(json.dumps(events).encode(), BATCH, token)

    def page(self, path: str = "/", token: str | None = None) -> Answer:
        """Open the page as a browser does."""
        login = b64encode(f"anyone:{token or self.token}".encode()).decode()
        return self.ask("GET", path, headers={"Authorization": f"Basic {login}"})
