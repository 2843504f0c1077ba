"""Where are Java, Maven and Postgres on this machine, and who installs what lacks?"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deploy.children import PartsError


def say(line: str) -> None:
    """Tell the person at the terminal, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Tool:
    """A program we need, how to find it, and the Debian package that brings it."""

    name: str
    package: str
    find: Callable[[], Path | None]


def find_java() -> Path | None:
    """Java 17 or later: under JAVA_HOME, else on the PATH."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if found is None:
        return None
    words = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    number = re.search(r'version "(\d+)', words)
    return Path(found) if number and int(number[1]) >= 17 else None


def find_maven() -> Path | None:
    """Maven on the PATH."""
    found = shutil.which("mvn")
    return Path(found) if found else None


def find_postgres() -> Path | None:
    """Postgres' programs, 15 or later: in PG_BIN, else the newest of Debian's, else the PATH's."""
    chosen = os.environ.get("PG_BIN")
    folders = [Path(chosen)] if chosen else _debian_postgres()
    if not chosen and (found := shutil.which("initdb")):
        folders.append(Path(found).resolve().parent)
    for folder in folders:
        if (folder / "initdb").exists() and version(folder) >= 15:
            return folder
    return None


def version(folder: Path) -> int:
    """The major version of the programs in this folder."""
    words = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    number = re.search(r"\d+", words)
    return int(number[0]) if number else 0


def _debian_postgres() -> list[Path]:
    found = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if p.parent.name.isdigit()]
    return sorted(found, key=lambda folder: int(folder.parent.name), reverse=True)


JAVA = Tool("Java 17 or later", "openjdk-17-jre-headless", find_java)
MAVEN = Tool("Maven", "maven", find_maven)
POSTGRES = Tool("PostgreSQL 15 or later", "postgresql", find_postgres)


@cache
def locate(tool: Tool) -> Path:
    """Where this tool is; installed first, where we may, when it lacks."""
    found = tool.find()
    if found is None:
        install([tool])
        found = tool.find()
    if found is None:
        raise PartsError(f"{tool.package} is installed, but {tool.name} is still not found")
    return found


def install(tools: list[Tool], tell: Callable[[str], None] = say) -> None:
    """Install these by apt-get as root on Debian or Ubuntu; elsewhere raise, naming the command."""
    names = " and ".join(tool.name for tool in tools)
    packages = [tool.package for tool in tools]
    command = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise PartsError(
            f"{names} not found; install what your system calls {', '.join(packages)}"
            f" (on Debian or Ubuntu: {command}), then start again"
        )
    if os.geteuid() != 0:
        raise PartsError(f"{names} not found; run: sudo {command}")
    tell(f"{names} not found: {command}")
    apt_get("update")
    if POSTGRES in tools:
        _without_a_cluster()
    apt_get("install", "--no-install-recommends", *packages)


def apt_get(*words: str) -> None:
    """Run apt-get without questions; its output is shown, because downloads take a while."""
    answers = {"DEBIAN_FRONTEND": "noninteractive", "UCF_FORCE_CONFFOLD": "1"}
    done = subprocess.run(
        ["apt-get", "-q", "-y", *words],
        env=os.environ | answers,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise PartsError(f"apt-get {' '.join(words)} failed; its words are above")


def follow(
    command: Sequence[str | Path], counts: Callable[[str], bool], total: int, what: str
) -> None:
    """Run a long program, saying now and then how many of its lines counted."""
    said: list[str] = []
    counted = 0
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        for line in program.stdout or []:
            said.append(line)
            counted += counts(line)
            if counts(line) and counted % 10 == 0:
                say(f"  {counted} of {total} {what}")
    if program.returncode:
        raise PartsError(f"{Path(command[0]).name} failed:\n" + "".join(said[-20:]))


def _without_a_cluster() -> None:
    """Debian's package makes and starts a database of its own unless its settings say otherwise."""
    settings = Path("/etc/postgresql-common/createcluster.conf")
    if not settings.exists():
        settings.parent.mkdir(exist_ok=True)
        settings.write_text("create_main_cluster = false\n")
