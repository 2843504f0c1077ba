"""What do the parts share: a folder, a port that stays, one process, an answer to wait for."""

import secrets
import signal
import socket
import struct
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.children import Account, Child, Lock, PartsError, end_left_over


def quiet(_: str) -> None:
    """Tell nobody."""


class Part(ABC):
    """What Kafka and Postgres have in common: a folder, a port that stays, one process."""

    name: str
    dies_by: signal.Signals
    ends_by: signal.Signals

    def __init__(
        self, home: Path, port: int | None, tell: Callable[[str], None], logs: Path | None
    ) -> None:
        self.home = home.resolve()
        self.log = (logs or self.home) / f"{self.name}.log"
        self.tell = tell
        self._wanted = port
        self._port: int | None = None
        self._child: Child | None = None
        self._lock = Lock(self.home / "lock")

    @property
    def port(self) -> int:
        """The port it listens on, the same after every start."""
        if self._port is None:
            raise PartsError(f"{self.name} in {self.home} has not been started")
        return self._port

    @property
    def child(self) -> Child:
        """The running process."""
        if self._child is None:
            raise PartsError(f"{self.name} in {self.home} is not running")
        return self._child

    def start(self, *, anew: bool = False, seconds: float = 60) -> None:
        """Set up what is not there yet, start, and return when it answers in its own protocol.

        Anew means without the data it had.
        """
        if self._child is not None:
            raise PartsError(f"{self.name} in {self.home} is running already")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if not self._lock.take():
            raise PartsError(
                f"{self.name} in {self.home} is in use by process {self._lock.holder()}; "
                "stop that first"
            )
        try:
            if end_left_over(self.home / "pid", self.dies_by):
                self.tell(f"ended the {self.name} an earlier run left behind")
            if anew:
                self._forget()
            self._prepare()
            self._port = self._choose_port()
            self._child = self._launch()
            self._await_answer(seconds)
        except BaseException:
            self._let_go()
            raise

    def stop(self) -> None:
        """End it in order, and return when it has; nothing happens when it is not running."""
        if self._child is not None:
            self._child.end(self.ends_by)
        self._let_go()

    def kill(self) -> None:
        """End it as a crash would, and return when nothing of it runs."""
        self.child.kill()
        self._let_go()

    def restart(self) -> None:
        """Stop it if it runs and start it again, on the same port, with the same data."""
        self.stop()
        self.start()

    def _let_go(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None
        self._lock.release()

    def _choose_port(self) -> int:
        fixed = self._port or self._wanted
        if fixed is None:
            return kept_port(self.home / "port")
        if not free(fixed):
            raise PartsError(f"port {fixed}, which {self.name} in {self.home} needs, is taken")
        (self.home / "port").write_text(f"{fixed}\n")
        return fixed

    def _await_answer(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self.child.status is not None:
                what = f"ended with status {self.child.status}"
            elif time.monotonic() > deadline:
                what = f"does not answer after {seconds:.0f} s"
            else:
                time.sleep(0.02)
                continue
            raise PartsError(f"{self.name} {what}; {self.child.last_words()}")

    @abstractmethod
    def _forget(self) -> None:
        """Drop the data."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make what a start needs and does not find."""

    @abstractmethod
    def _launch(self) -> Child:
        """Start the process."""

    @abstractmethod
    def _answers(self) -> bool:
        """Does it speak its protocol yet?"""


def run(command: Sequence[str | Path], account: Account | None = None, words: str = "") -> None:
    """Run a program to its end; its output is shown only if it fails."""
    done = subprocess.run(
        command,
        input=words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode:
        raise PartsError(f"{command[0]} failed with status {done.returncode}:\n{done.stdout}")


def free(port: int) -> bool:
    """Does nobody listen there?"""
    with socket.socket() as probe:
        # What earlier connections leave behind does not hinder a server either.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port nobody listens on, below those the kernel lends to clients.

    One of theirs could be lent away while a server restarts, even to a client looking for it.
    """
    while True:
        port = 20000 + secrets.randbelow(12768)
        if free(port):
            return port


def kept_port(record: Path) -> int:
    """The port recorded here, while nobody else has it, else a new one, recorded."""
    if record.exists() and free(port := int(record.read_text())):
        return port
    port = free_port()
    record.write_text(f"{port}\n")
    return port


def frame(message: bytes, inclusive: bool = False) -> bytes:
    """The message behind its length, which Postgres counts in and Kafka does not."""
    return struct.pack(">i", len(message) + (4 if inclusive else 0)) + message


def ask(port: int, message: bytes, size: int) -> bytes:
    """The first bytes of what is answered there; fewer when nobody answers."""
    answer = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as line:
        line.sendall(message)
        while len(answer) < size and (more := line.recv(size - len(answer))):
            answer += more
    return answer
