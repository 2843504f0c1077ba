"""How does a test get a local Slack of its own, set it up, spoil it and see what people see?"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from slack_sdk import WebClient

TOKEN = "xoxb-local"
ROOT = Path(__file__).parent.parent


class LocalSlack:
    """The program `deploy.local_slack` on a free port, with the options given."""

    def __init__(self, *options: str, environment: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local_slack", *options],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        announced = self._process.stdout.readline()
        if not announced:
            raise RuntimeError(f"local Slack ended with {self._process.wait()} at the start")
        self.url = announced.split()[-1]
        self.api = f"{self.url}api/"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """End it by its own pid, and say how it ended."""
        if self._process.poll() is None:
            self._process.send_signal(sign)
        code = self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def client(self, timeout: int = 10) -> WebClient:
        return WebClient(TOKEN, base_url=self.api, retry_handlers=[], timeout=timeout)

    def get(self, path: str) -> Any:
        return json.loads(self.text(path))

    def text(self, path: str) -> str:
        return self.send("GET", path)[1]

    def control(self, path: str, wish: Any) -> Any:
        """What `POST /_control/PATH` answers; raises with the reason when it is refused."""
        status, answer = self.send("POST", f"_control/{path}", wish)
        if status != 200:
            raise ValueError(answer)
        return json.loads(answer)

    def clear(self, path: str) -> None:
        assert self.send("DELETE", f"_control/{path}")[0] == 200

    def send(self, verb: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **headers}
        request = Request(self.url + path, data, sent, method=verb)
        try:
            with urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def channel(self, name: str) -> str:
        """The id of the channel of that name, which is there from now on."""
        return str(self.control("channels", {"name": name})[0]["id"])

    def messages(self, channel: str) -> list[dict[str, Any]]:
        """What stands in that channel, oldest first."""
        channels = self.get("_control/messages")["channels"]
        found: list[dict[str, Any]] = next(
            one["messages"] for one in channels if channel in (one["id"], one["name"])
        )
        return found
