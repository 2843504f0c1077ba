"""How do a real Kafka and a real Postgres come up beside us, without containers?

Each lives under a folder of its own and listens on 127.0.0.1 only, on the port it had there before.
Kafka's jars come by Maven and are checked against our own checksums at every start.
"""

import hashlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.children import (
    Account,
    Child,
    Lock,
    PartsError,
    end_left_over,
    end_process,
    started,
)
from deploy.jars import LIBS, class_archive, fetch, java
from deploy.tools import POSTGRES, locate, version

# The quorum of one is named in the settings, so any fixed id serves.
CLUSTER_ID = "TGF1cmVsTGF1cmVsTGF1cg"

KAFKA_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "16777216",
}

# After a kill the controller waits out the session of the broker that was, 9 s unless told.
SCRATCH_SETTINGS = {"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500"}


def quiet(_: str) -> None:
    """Tell nobody."""


class Part:
    """What Kafka and Postgres have in common: a folder, a port that stays, one process."""

    name: str
    dies_by: signal.Signals
    ends_by: signal.Signals

    def __init__(self, home: Path, port: int | None, tell: Callable[[str], None]) -> None:
        self.home = home.resolve()
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

    @property
    def log(self) -> Path:
        """Where the process writes."""
        return self.home / f"{self.name}.log"

    def start(self, seconds: float = 60) -> None:
        """Set up what is not there yet, start, and return when it answers in its own protocol."""
        if self._child is not None:
            raise PartsError(f"{self.name} in {self.home} is running already")
        if not self._lock.take():
            raise PartsError(
                f"{self.name} in {self.home} is in use by process {self._lock.holder()}; "
                "stop that first"
            )
        try:
            if end_left_over(self.home / "pid", self.dies_by):
                self.tell(f"ended the {self.name} an earlier run left behind")
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
        record = self.home / "port"
        fixed = self._port or self._wanted
        if fixed is None and record.exists() and free(int(record.read_text())):
            fixed = int(record.read_text())
        port = fixed or free_port()
        if not free(port):
            raise PartsError(f"port {port}, which {self.name} in {self.home} needs, is taken")
        record.write_text(f"{port}\n")
        return port

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
            raise PartsError(f"{self.name} {what}; {self.log} ends:\n{self.child.tail()}")

    def _prepare(self) -> None:
        raise NotImplementedError

    def _launch(self) -> Child:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError


class Kafka(Part):
    """One broker in KRaft mode, on which `settings` go over the usual ones.

    A `scratch` broker starts sooner and runs slower.
    """

    name = "kafka"
    ends_by = signal.SIGTERM
    dies_by = signal.SIGTERM

    def __init__(
        self,
        home: Path,
        port: int | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        scratch: bool = False,
        tell: Callable[[str], None] = quiet,
        libs: Path = LIBS,
    ) -> None:
        super().__init__(home, port, tell)
        self._settings = dict(settings or {})
        self._scratch = scratch
        self._libs = libs
        self._archiving: Path | None = None

    @property
    def bootstrap(self) -> str:
        """What clients call bootstrap servers."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        super().stop()
        if self._archiving is not None and self._archiving.exists():
            self._archiving.replace(class_archive(self._libs))

    def _prepare(self) -> None:
        fetch(self._libs, self.tell)

    def _launch(self) -> Child:
        settings = self.home / "server.properties"
        controller = free_port()
        lines = KAFKA_SETTINGS | {
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "log.dirs": str(self.home / "data"),
        }
        lines |= (SCRATCH_SETTINGS if self._scratch else {}) | self._settings
        settings.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        if not (self.home / "data" / "meta.properties").exists():
            self._format(settings)
        speed = [*self._class_archive(), *(["-XX:TieredStopAtLevel=1"] if self._scratch else [])]
        command: list[str | Path] = [
            *java(self._libs, "-Xms128m", "-Xmx384m", *speed),
            "kafka.Kafka",
        ]
        command.append(settings)
        record = self.home / "pid"
        return Child(self.name, command, self.log, record=record, on_our_death=self.dies_by)

    def _class_archive(self) -> list[str]:
        archive = class_archive(self._libs)
        if archive.exists():
            self._archiving = None
            return [f"-XX:SharedArchiveFile={archive}"]
        # The first broker to stop in order leaves the archive, which halves the start of the next.
        self._archiving = archive.with_suffix(f".{os.getpid()}")
        return [f"-XX:ArchiveClassesAtExit={self._archiving}"]

    def _format(self, settings: Path) -> None:
        self.tell("formatting Kafka's storage")
        options = ["-Xmx128m", "-XX:TieredStopAtLevel=1", *self._shared_classes()]
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-g", "-c", str(settings)]
        run([*java(self._libs, *options), *tool])

    def _shared_classes(self) -> list[str]:
        archive = class_archive(self._libs)
        return [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []

    def _answers(self) -> bool:
        return kafka_answers(self.port)


class Postgres(Part):
    """One server with a role and a database `laurel`.

    A `scratch` server trusts every connection and does not wait for the disk: what it committed
    survives its own end, but not the machine's.
    """

    name = "postgres"
    ends_by = signal.SIGINT
    dies_by = signal.SIGQUIT

    def __init__(
        self,
        home: Path,
        port: int | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        scratch: bool = False,
        tell: Callable[[str], None] = quiet,
    ) -> None:
        super().__init__(home, port, tell)
        self._settings = dict(settings or {})
        self._scratch = scratch
        self._programs = Path()
        self._account: Account | None = None
        self.data = self.home / "data"

    @property
    def url(self) -> str:
        """Where the database is; the scratch server needs no password."""
        secret = "" if self._scratch else ":" + (self.home / "password").read_text()
        return f"postgresql://laurel{secret}@127.0.0.1:{self.port}/laurel"

    def restart(self, immediately: bool = False) -> None:
        """Stop it if it runs and start it again, as ever; immediately breaks every connection."""
        if immediately and self._child is not None:
            self._child.end(signal.SIGQUIT)
        super().restart()

    def remove(self) -> None:
        """Stop it and delete its data, which may lie outside its home."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)

    def _prepare(self) -> None:
        self._programs = locate(POSTGRES)
        self._account = unprivileged()
        self.data = self._reachable()
        if not (self._password.exists() and (self.data / "PG_VERSION").exists()):
            self._make()
        made, found = (self.data / "PG_VERSION").read_text().strip(), version(self._programs)
        if made != str(found):
            raise PartsError(
                f"the data in {self.data} are Postgres {made}'s, the programs in {self._programs} "
                f"are {found}'s; set PG_BIN to those of {made}, or delete the data to begin anew"
            )
        self._end_owner()

    @property
    def _password(self) -> Path:
        return self.home / "password"

    def _reachable(self) -> Path:
        """A folder the server's own account can enter, beside us where that can be."""
        if self._account is None or enters(self._account, self.home):
            return self.home / "data"
        name = hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
        elsewhere = Path("/var/tmp") / f"laurel-postgres-{name}"  # noqa: S108, only root is here
        self.tell(f"{self.home} is closed to Postgres' account; its data are in {elsewhere}")
        return elsewhere

    def _make(self) -> None:
        self.tell("making the database")
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        if self._account:
            os.chown(self.data, self._account.uid, self._account.gid)
        options: list[str] = [
            "-U",
            "postgres",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--auth=trust",
        ]
        options += ["--no-sync"] if self._scratch else []
        run([self._programs / "initdb", "-D", self.data, *options], self._account)
        password = secrets.token_urlsafe(18)
        # Single-user mode needs no connection, so the superuser never gets a password.
        sql = (
            f"CREATE ROLE laurel LOGIN CREATEDB CREATEROLE PASSWORD '{password}'\n"
            "CREATE DATABASE laurel OWNER laurel\n"
        )
        single: list[str | Path] = [
            self._programs / "postgres",
            "--single",
            "-D",
            self.data,
            "postgres",
        ]
        run(single, self._account, sql)
        method = "trust" if self._scratch else "scram-sha-256"
        (self.data / "pg_hba.conf").write_text(f"host all all 127.0.0.1/32 {method}\n")
        self._password.touch(mode=0o600)
        self._password.write_text(password)

    def _end_owner(self) -> None:
        """Postgres will not start while the pid in its lock lives, ours or by now a stranger's."""
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text().split()[0])
        if since := started(pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if str(self.data).encode() in words:
                end_process(pid, since, signal.SIGQUIT)
            else:
                lock.unlink()

    def _launch(self) -> Child:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            # A socket's path may have 107 bytes, which a checkout's folder easily exceeds.
            "unix_socket_directories": "",
            "timezone": "UTC",
        }
        settings |= {"fsync": "off", "full_page_writes": "off"} if self._scratch else {}
        settings |= self._settings
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return Child(
            self.name,
            [self._programs / "postgres", "-D", self.data, *options],
            self.log,
            record=self.home / "pid",
            folder=Path("/"),
            account=self._account,
            on_our_death=self.dies_by,
        )

    def _answers(self) -> bool:
        return postgres_answers(self.port)


def kafka_answers(port: int) -> bool:
    """Does it say in its metadata that a broker is up? It accepts connections a little earlier."""
    header = struct.pack(">hhih", 3, 4, 1, -1)
    answer = ask(port, frame(header + struct.pack(">ib", 0, 0)), size=16)
    return len(answer) == 16 and struct.unpack(">iiii", answer)[3] > 0


def postgres_answers(port: int) -> bool:
    """Does it ask who we are? While it starts or recovers it refuses instead."""
    who = b"user\0laurel\0database\0laurel\0\0"
    return ask(port, frame(struct.pack(">i", 196608) + who, inclusive=True), size=1) == b"R"


def unprivileged() -> Account | None:
    """Whom Postgres runs as: never root, so there its own user or nobody; else ourselves."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return Account(user.pw_uid, user.pw_gid)


def enters(account: Account, folder: Path) -> bool:
    """Can this account reach what is in this folder?"""
    done = subprocess.run(
        ["test", "-x", str(folder)],
        check=False,
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    )
    return done.returncode == 0


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
