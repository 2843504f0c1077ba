"""How does a program we start keep to itself, and never outlive us?

Each child has a session of its own, so Ctrl-C in the terminal reaches only us.
The kernel ends it when we die, however we die.
What even that leaves (another kernel, a moment of overlap) the next start finds by pid and start
time, and ends.
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1

# The kernel's leash is held by the thread that forks, so one thread that stays does all of it.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


class PartsError(Exception):
    """A part could not be set up, started or found; the message says what to do."""


@dataclass(frozen=True)
class Account:
    """The operating system's user a child runs as."""

    uid: int
    gid: int


def started(pid: int) -> str | None:
    """When this process began, in the kernel's ticks; None when it is gone or only a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else fields[18]


def children_of(pid: int) -> list[int]:
    """The processes whose parent is this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                stat = (entry / "stat").read_text()
                if stat.rpartition(")")[2].split()[1] == str(pid):
                    found.append(int(entry.name))
    return found


def gone(pid: int, since: str | None, seconds: float) -> bool:
    """Wait until the process that began then is no more; False when it is still there."""
    deadline = time.monotonic() + seconds
    while since is not None and started(pid) == since:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class Lock:
    """A file only one process holds at a time; the kernel lets go of it when the holder dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def take(self, wait: bool = False) -> bool:
        """Take it, at once or when it is free; False when another process holds it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(file)
            return False
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file
        return True

    def holder(self) -> str:
        """The pid that was last written into it."""
        return self.path.read_text().strip()

    def release(self) -> None:
        """Let go of it; nothing happens when it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Child:
    """A program in a session of its own, its output going to a log or where ours goes."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path | None,
        *,
        record: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        account: Account | None = None,
        on_our_death: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.name = name
        self.log = log
        self.record = record
        with log.open("ab") if log else nullcontext() as output:
            self._process = _spawner.submit(
                lambda: subprocess.Popen(
                    [str(word) for word in command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output and subprocess.STDOUT,
                    env=None if environment is None else dict(environment),
                    cwd=folder,
                    start_new_session=True,
                    preexec_fn=_leash(os.getpid(), on_our_death),  # noqa: PLW1509, takes no lock
                    user=account.uid if account else None,
                    group=account.gid if account else None,
                    extra_groups=[] if account else None,
                )
            ).result()
        self.began = started(self.pid)
        record.write_text(f"{self.pid} {self.began}\n")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def ask(self, politely: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, without waiting for it."""
        self._process.send_signal(politely)

    def end(self, politely: signal.Signals = signal.SIGTERM, seconds: float = 20) -> None:
        """Ask it to end, insist after that many seconds, and return when it has."""
        self.ask(politely)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End it and all it started, at once; return when nothing of it runs."""
        family = [(pid, started(pid)) for pid in children_of(self.pid)]
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        for pid, since in family:
            _insist(pid, since, seconds=5)
        self.record.unlink(missing_ok=True)

    def last_words(self, lines: int = 20) -> str:
        """The last lines of its log, or where it said them."""
        if self.log is None:
            return "its words are above"
        words = self.log.read_text(errors="replace").splitlines()[-lines:]
        return f"{self.log} ends:\n" + "\n".join(words)


def end_left_over(record: Path, politely: signal.Signals = signal.SIGTERM) -> bool:
    """End the child an earlier, killed run recorded here; True when there was one still running."""
    try:
        pid, since = record.read_text().split()
    except (FileNotFoundError, ValueError):
        return False
    record.unlink()
    if started(int(pid)) != since:
        return False
    end_process(int(pid), since, politely)
    return True


def end_process(pid: int, since: str, politely: signal.Signals) -> None:
    """End a process that is not our child, and all that it started."""
    family = [(child, started(child)) for child in children_of(pid)]
    if not gone(pid, since, seconds=1):
        with suppress(ProcessLookupError):
            os.kill(pid, politely)
    for member, began in [(pid, since), *family]:
        _insist(member, began, seconds=5)


def _insist(pid: int, since: str | None, seconds: float) -> None:
    if gone(pid, since, seconds):
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    if not gone(pid, since, seconds=5):
        raise PartsError(f"process {pid} does not end; end it by hand: kill -9 {pid}")


def _leash(parent: int, number: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(number))
        # We may have died before the line above.
        if os.getppid() != parent:
            os._exit(1)

    return tie
