"""How is a worker there again at once? It is forked off a process that has imported everything.

Starting Python and reading the code takes ten times as long as all else, and a storm does it often.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from streams import cli
from tests.storm import worker
from tests.streams.system import Running

LOOK = 0.02


class Nursery:
    """The process, and how those that it forked have ended."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.ended: dict[int, int] = {}
        self._born: list[int] = []
        self._said = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.storm.nursery"],
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def bear(self, kind: str, env: Mapping[str, str], log: Path) -> "Born":
        """A worker of that kind."""
        assert self._process.stdin is not None
        with self._said:
            order = {"kind": kind, "env": dict(env), "log": str(log)}
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            assert self._said.wait_for(lambda: self._born, 30), "the nursery does not answer"
            return Born(self, self._born.pop())

    def close(self) -> None:
        """End it, and all it has borne."""
        self._process.communicate()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._said:
                if "born" in said:
                    self._born.append(said["born"])
                else:
                    self.ended[said["pid"]] = said["code"]
                self._said.notify_all()


class Born:
    """A process of the nursery's, to be treated as one's own (`subprocess.Popen`)."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self.pid = pid

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        return self._nursery.ended.get(self.pid)

    def wait(self, timeout: float = 60) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(LOOK / 4)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Forked(Running):
    """A worker out of the nursery."""

    def __init__(
        self, nursery: Nursery, name: str, kind: str, env: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.path = log
        self._file = log.open("wb")
        self.process: Any = nursery.bear(kind, env, log)


def main() -> None:
    """Fork what is ordered, and tell of ends, until nobody orders any more."""
    alive: set[int] = set()
    while True:
        if select.select([sys.stdin], [], [], LOOK)[0]:
            line = sys.stdin.readline()
            if not line:
                break
            order = json.loads(line)
            pid = os.fork()
            if not pid:
                become(order)
            alive.add(pid)
            say(born=pid)
        for pid in list(alive):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                alive.remove(pid)
                say(pid=pid, code=os.waitstatus_to_exitcode(status))
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


def say(**values: int) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def become(order: Mapping[str, Any]) -> NoReturn:
    """Be a worker from now on, as if it had been started so."""
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, given in ((0, nothing), (1, log), (2, log)):
        os.dup2(given, ours)
    os.environ.clear()
    os.environ.update(order["env"])
    kind = order["kind"]
    sys.argv[1:] = ["worker", kind]
    code: object = 1
    try:
        if kind in worker.KINDS:
            worker.main(kind)
        else:
            code = cli.main(["worker", kind])
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
