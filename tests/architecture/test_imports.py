"""Do imports run one way, and is every package name our own?"""

import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("deploy", "handlers", "projections", "schemas", "streams", "tests")


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code, to be spoiled."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in OURS:
        shutil.copytree(ROOT / package, tmp_path / package)
    return tmp_path


def test_imports_run_one_way() -> None:
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("schemas/ids.py", "import handlers"),
        ("handlers/days.py", "import projections"),
        ("handlers/days.py", "import time"),
        ("handlers/days.py", "import psycopg"),
        ("projections/rows.py", "import streams"),
        ("schemas/ids.py", "import os"),
        ("deploy/parts.py", "import schemas"),
    ],
)
def test_an_import_the_wrong_way_is_found(copy: Path, path: str, line: str) -> None:
    with (copy / path).open("a") as file:
        file.write(f"\n{line}\n")
    found = lint(copy)
    assert found.returncode == 1, found.stdout
    assert "BROKEN" in found.stdout


def test_no_installed_distribution_ships_a_package_of_our_names() -> None:
    shipped = packages_distributions()
    clashes = {name: shipped[name] for name in OURS if set(shipped.get(name, [])) - {"laurel"}}
    assert not clashes


def test_our_packages_are_those_of_this_folder() -> None:
    for name in OURS:
        package = __import__(name)
        assert Path(str(package.__file__)).parent == ROOT / name
