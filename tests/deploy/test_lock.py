"""Does the lock name all that is installed, and nothing of the machine it was made on?"""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PEERS = (ROOT / "requirements-bench.txt").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> set[str]:
    return {normal(name) for name in re.findall(r"^([\w.-]+)==", LOCK, re.MULTILINE)}


def test_every_dependency_is_locked() -> None:
    declared = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    names = {normal(re.split(r"[\[<>=~! ]", entry)[0]) for entry in declared}
    assert names <= locked()


@pytest.mark.parametrize("lock", [LOCK, PEERS], ids=["ours", "peers"])
def test_every_locked_package_has_its_hashes(lock: str) -> None:
    for block in re.split(r"\n(?=\S)", lock.strip()):
        assert "--hash=sha256:" in block, block


@pytest.mark.parametrize("lock", [LOCK, PEERS], ids=["ours", "peers"])
def test_a_lock_names_no_address_and_no_folder(lock: str) -> None:
    assert not re.search(r"://|--index|--find-links|--extra-index|\s/\w", lock)


def test_no_installed_package_takes_one_of_our_names() -> None:
    ours = {"deploy", "handlers", "projections", "schemas", "streams", "tests"}
    for distribution in distributions():
        tops = {file.parts[0] for file in distribution.files or [] if len(file.parts) > 1}
        assert not tops & ours, f"{distribution.name} brings {tops & ours}"


def test_dev_needs_nothing_but_python() -> None:
    # -S leaves out every installed package.
    command = [sys.executable, "-S", str(ROOT / "dev"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "test" in done.stdout
