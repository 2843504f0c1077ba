"""How does a real Postgres come up beside us, and never as root?"""

import hashlib
import os
import pwd
import secrets
import shutil
import signal
import struct
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.children import Account, Child, PartsError, end_process, started
from deploy.part import Part, ask, frame, quiet, run
from deploy.tools import POSTGRES, locate, version


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
        logs: Path | None = None,
    ) -> None:
        super().__init__(home, port, tell, logs)
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

    def _forget(self) -> None:
        self._password.unlink(missing_ok=True)

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
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "-U", "postgres"]
        options += ["--no-sync"] if self._scratch else []
        run([self._programs / "initdb", *options, self.data], self._account)
        password = secrets.token_urlsafe(18)
        # Single-user mode needs no connection, so the superuser never gets a password.
        sql = (
            f"CREATE ROLE laurel LOGIN CREATEDB CREATEROLE PASSWORD '{password}'\n"
            "CREATE DATABASE laurel OWNER laurel\n"
        )
        server = self._programs / "postgres"
        run([server, "--single", "-D", self.data, "postgres"], self._account, sql)
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
