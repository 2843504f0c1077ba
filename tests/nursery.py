"""How is a process of ours there at once? It is forked off one that has read the code already.

Starting Python and reading the code takes a worker ten times as long as all else it does before it
works, and the suite starts hundreds of them.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from runpy import run_module
from typing import Any

LOOK = 0.02

READ = ("streams.worker", "streams.rebuild", "streams.play", "streams.publishing")
"""What is imported before anything is ordered; not what is run, for Python frowns at that."""

Process = Any
"""A `subprocess.Popen`, or one of the nursery's that can be treated as such."""


def start(command: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
    """Start a program that says what it says to a file; Python's modules come out of the nursery.

    Not so where Python itself is to start otherwise than here.
    """
    python, *words = command
    if python == sys.executable and words[0] == "-m" and _ours(env) == _ours(os.environ):
        return _nursery().bear(words[1:], env, log)
    with log.open("wb") as file:
        return subprocess.Popen(
            command, env=dict(env), stdout=file, stderr=file, start_new_session=True
        )


def _ours(env: Mapping[str, str]) -> dict[str, str]:
    """What Python reads of an environment before it runs anything."""
    return {
        name: value
        for name, value in env.items()
        if name.startswith(("PYTHON", "LC_", "LANG", "TZ")) and name != "PYTHONDONTWRITEBYTECODE"
    }


@cache
def _nursery() -> "Nursery":
    return Nursery()


class Nursery:
    """The process, and how those that it forked have ended; it ends with this one."""

    def __init__(self) -> None:
        self.ended: dict[int, int] = {}
        self._born: list[int] = []
        self._said = threading.Condition()
        self._orders = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery"],
            # Compiled once, the code is read in half the time.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def bear(self, words: Sequence[str], env: Mapping[str, str], log: Path) -> "Born":
        """A process that runs the module that comes first, with the others as its arguments."""
        assert self._process.stdin is not None
        log.write_bytes(b"")
        with self._orders, self._said:
            order = {"words": words, "env": dict(env), "log": str(log)}
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            assert self._said.wait_for(lambda: self._born, 60), "the nursery does not answer"
            return Born(self, self._born.pop())

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


def main() -> None:
    """Fork what is ordered, and tell of ends, until nobody orders any more."""
    for name in READ:
        __import__(name)
    alive: set[int] = set()
    while True:
        if select.select([sys.stdin], [], [], LOOK)[0]:
            line = sys.stdin.readline()
            if not line:
                break
            pid = os.fork()
            if not pid:
                sys.exit(become(json.loads(line)))
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


def become(order: Mapping[str, Any]) -> int | str | None:
    """Be what is ordered from now on, as if it had been started so; returns how to exit."""
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, given in ((0, nothing), (1, log), (2, log)):
        os.dup2(given, ours)
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = list(order["words"])
    try:
        run_module(order["words"][0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code
    except BaseException:  # noqa: BLE001 -- as Python itself would say it
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
