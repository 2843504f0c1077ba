"""What have processes used? Read from /proc, and from Postgres what it wrote to its log."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    # The name may hold blanks; what follows it does not.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def parent(pid: int) -> int:
    """Who started it."""
    return int(_stat(pid)[1])


def cpu(pid: int) -> float:
    """CPU seconds that a process has used, with all its threads."""
    stat = _stat(pid)
    return (int(stat[11]) + int(stat[12])) / TICK


def family_cpu(pid: int) -> float:
    """CPU seconds of a server and of its processes, those that have ended included."""
    stat = _stat(pid)
    spent = sum(int(stat[field]) for field in (11, 12, 13, 14)) / TICK
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                child = _stat(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(child[1]) == pid:
                spent += (int(child[11]) + int(child[12])) / TICK
    return spent


def peak_memory(pid: int) -> int:
    """Bytes a process has held at most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/{pid}/status names no VmHWM; has process {pid} ended?")


@dataclass(frozen=True)
class Reading:
    """What had been used at an instant: CPU seconds, and bytes of Postgres' log."""

    at: float
    app: float
    postgres: float
    wal: int


def server_pid(connection: psycopg.Connection[Any]) -> int:
    """The server behind a connection, which must run on this machine."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    try:
        words = Path(f"/proc/{row[0]}/cmdline").read_bytes()
    except FileNotFoundError:
        words = b""
    if not words.startswith(b"postgres"):
        raise RuntimeError("Postgres is not on this machine, so its CPU time cannot be read")
    return parent(row[0])


def wal(connection: psycopg.Connection[Any]) -> int:
    """Bytes the server has written to its log, ever."""
    row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").fetchone()
    assert row is not None
    return int(row[0])
