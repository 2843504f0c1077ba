"""How does the checkout get its own Python, with exactly the packages the lock names?

What Laurel is measured against goes into a second one, so that it cannot change the first.
"""

import hashlib
import importlib.util
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from deploy.children import Lock
from deploy.tools import Tool, follow, say

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "pyproject.toml"

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
VENV = Tool(
    "Python's venv",
    f"python{PYTHON}-venv",
    lambda: Path(sys.executable) if importlib.util.find_spec("ensurepip") else None,
)


@dataclass(frozen=True)
class Environment:
    """A folder with a Python, and the file that names its packages."""

    home: Path
    lock: Path

    def program(self, name: str) -> Path:
        """Where it has this command."""
        return self.home / "bin" / name

    @property
    def digest(self) -> str:
        """Another one, and it is made again."""
        return hashlib.sha256(self.lock.read_bytes() + PROJECT.read_bytes()).hexdigest()


OURS = Environment(ROOT / ".venv", ROOT / "requirements.lock")
PEERS = Environment(ROOT / ".venv-bench", ROOT / "requirements-bench.txt")


def set_up(made: Environment = OURS) -> None:
    """Make the environment, or do nothing when it is what the lock says."""
    lock = Lock(ROOT / ".parts" / "environment.lock")
    lock.take(wait=True)
    try:
        stamp = made.home / "laurel-stamp"
        wanted = [f"{ROOT} {sys.version}".replace("\n", " "), made.digest]
        found = stamp.read_text().splitlines() if stamp.exists() else []
        if found == wanted:
            return
        # A folder that moved, or another Python, leaves scripts that point to what is gone.
        if found[:1] not in ([], wanted[:1]):
            shutil.rmtree(made.home)
        _make(made)
        stamp.write_text("\n".join(wanted) + "\n")
    finally:
        lock.release()


def program(name: str) -> Path:
    """Where Laurel's own environment has this command."""
    return OURS.program(name)


def _make(made: Environment) -> None:
    folder = made.home.name
    if not made.program("pip").exists():
        say(f"making {folder}")
        subprocess.run([sys.executable, "-m", "venv", made.home], check=True)
    packages = sum("==" in line for line in made.lock.read_text().splitlines())
    say(f"installing {packages} packages into {folder}")
    # Compiling all of it would take ten seconds; Python compiles what is imported.
    options = ["--no-deps", "--no-compile", "--require-hashes", "--disable-pip-version-check"]
    follow(
        [made.program("pip"), "install", *options, "-r", made.lock],
        lambda line: line.startswith("Collecting"),
        packages,
        "packages",
    )
    if made is OURS:
        _install_ourselves()


def _install_ourselves() -> None:
    """Put the checkout on the path, and the project's commands among the programs.

    An editable install of several top-level packages hides new files; a path does not.
    """
    (OURS.home / "lib" / f"python{PYTHON}" / "site-packages" / "laurel.pth").write_text(f"{ROOT}\n")
    for name, target in tomllib.loads(PROJECT.read_text())["project"]["scripts"].items():
        module, function = target.split(":")
        call = f"import sys; from {module} import {function} as main; "
        call += f"sys.argv[0] = '{name}'; sys.exit(main())"
        # A folder's name may be too long or too odd for a script's first line to name its Python.
        script = f'#!/bin/sh\nexec {shlex.quote(str(program("python")))} -P -c "{call}" "$@"\n'
        program(name).write_text(script)
        program(name).chmod(0o755)
