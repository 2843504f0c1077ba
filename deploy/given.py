"""Which names does a run have to itself on a Kafka or a Postgres that it was given?

Such parts outlive a run, so each new one gets a topic prefix and a database of its own.
They stay for `--keep`, until the next run that begins anew.
"""

import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.children import PartsError
from deploy.crew import Crew
from deploy.environment import program

URL = re.compile(r"(postgres(?:ql)?://[^/?]*)(?:/[^?]*)?(\?.*)?")


class Lodging:
    """A database and topics on given parts; nothing where none is given."""

    def __init__(self, record: Path, crew: Crew, given: Mapping[str, str]) -> None:
        self._record = record
        self._crew = crew
        names = ("KAFKA_BOOTSTRAP", "DATABASE_URL")
        self._given = {name: given[name] for name in names if name in given}
        self._prefix = given.get("LAUREL_PREFIX", "")

    def make(self, *, keep: bool) -> None:
        """Make what is missing and tell the crew; without `keep`, the last run's goes first."""
        if not self._given:
            return
        if not keep:
            self.drop()
        if not self._record.exists():
            # The time is for whoever finds it there, the rest for two that begin together.
            now = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
            self._record.write_text(f"laurel-run-{now}-{secrets.token_hex(3)}\n")
        name = self._name()
        if "DATABASE_URL" in self._given:
            self._borrow("make", "--database", name)
            self._crew.environment["DATABASE_URL"] = database_url(self._given["DATABASE_URL"], name)
        if "KAFKA_BOOTSTRAP" in self._given:
            self._crew.environment["LAUREL_PREFIX"] = self._topics(name)

    def drop(self) -> None:
        """Drop what was made; nobody may use it any more."""
        if not self._given or not self._record.exists():
            return
        name = self._name()
        words = ["--database", name] if "DATABASE_URL" in self._given else []
        words += ["--topics", self._topics(name)] if "KAFKA_BOOTSTRAP" in self._given else []
        self._borrow("drop", *words)
        self._record.unlink()

    def _name(self) -> str:
        return self._record.read_text().strip()

    def _topics(self, name: str) -> str:
        return f"{self._prefix}{name}-"

    def _borrow(self, *words: str) -> None:
        # Addresses hold passwords, which a command line would show to everyone here.
        self._crew.environment.update(self._given)
        self._crew.finish("borrow", [program("python"), "-m", "deploy.borrow", *words])


def database_url(given: str, name: str) -> str:
    """The address of another database on the same server."""
    found = URL.fullmatch(given)
    if found is None:
        raise PartsError("DATABASE_URL must read postgresql://user:password@host:port/database")
    return f"{found[1]}/{name}{found[2] or ''}"
