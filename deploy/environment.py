"""How does the checkout get its own Python, with exactly the packages the lock names?"""

import hashlib
import importlib.util
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from deploy.children import Lock
from deploy.tools import Tool, follow, say

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
PROJECT = ROOT / "pyproject.toml"

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
VENV = Tool(
    "Python's venv",
    f"python{PYTHON}-venv",
    lambda: Path(sys.executable) if importlib.util.find_spec("ensurepip") else None,
)


def set_up() -> None:
    """Make the environment, or do nothing when it is what the lock says."""
    lock = Lock(ROOT / ".parts" / "environment.lock")
    lock.take(wait=True)
    try:
        stamp = HOME / "laurel-stamp"
        wanted = [f"{ROOT} {sys.version}".replace("\n", " "), _digest()]
        found = stamp.read_text().splitlines() if stamp.exists() else []
        if found == wanted:
            return
        # A folder that moved, or another Python, leaves scripts that point to what is gone.
        if found[:1] not in ([], wanted[:1]):
            shutil.rmtree(HOME)
        _make()
        stamp.write_text("\n".join(wanted) + "\n")
    finally:
        lock.release()


def program(name: str) -> Path:
    """Where the environment has this command."""
    return HOME / "bin" / name


def _digest() -> str:
    return hashlib.sha256(LOCK.read_bytes() + PROJECT.read_bytes()).hexdigest()


def _make() -> None:
    if not program("pip").exists():
        say("making .venv")
        subprocess.run([sys.executable, "-m", "venv", HOME], check=True)
    packages = sum("==" in line for line in LOCK.read_text().splitlines())
    say(f"installing {packages} packages into .venv")
    # Compiling all of it would take ten seconds; Python compiles what is imported.
    options = ["--no-deps", "--no-compile", "--require-hashes", "--disable-pip-version-check"]
    follow(
        [program("pip"), "install", *options, "-r", LOCK],
        lambda line: line.startswith("Collecting"),
        packages,
        "packages",
    )
    _install_ourselves()


def _install_ourselves() -> None:
    """Put the checkout on the path, and the project's commands among the programs.

    An editable install of several top-level packages hides new files; a path does not.
    """
    (HOME / "lib" / f"python{PYTHON}" / "site-packages" / "laurel.pth").write_text(f"{ROOT}\n")
    for name, target in tomllib.loads(PROJECT.read_text())["project"]["scripts"].items():
        module, function = target.split(":")
        call = f"import sys; from {module} import {function} as main; "
        call += f"sys.argv[0] = '{name}'; sys.exit(main())"
        # A folder's name may be too long or too odd for a script's first line to name its Python.
        script = f'#!/bin/sh\nexec {shlex.quote(str(program("python")))} -P -c "{call}" "$@"\n'
        program(name).write_text(script)
        program(name).chmod(0o755)
