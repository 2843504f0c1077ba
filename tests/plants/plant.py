"""What is a planted fault, and does a test catch it in a copy of the tree?"""

import os
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from tests.plants.forked import run

ROOT = Path(__file__).parents[2]

REPORT = "report.xml"

FAILED = 1
"""Pytest's exit status where tests ran and some failed; others say that it could not run them."""

CATCHES = ("assert", "AssertionError", "Failed: DID NOT RAISE")
"""How the message of a failure begins that shows a test at work; a stumble begins otherwise."""


class Stale(Exception):
    """The tree no longer has the text in which this fault is planted."""


@dataclass(frozen=True, kw_only=True)
class Plant:
    """One fault: a text of the tree and what is put in its place.

    `breaks`: what the design says otherwise; `caught_by`: files or ids of tests, the first of
    which fails; `error`: the exception with which it does, where that is no assertion.
    """

    name: str
    breaks: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]
    error: str = ""

    def planted(self, root: Path = ROOT) -> str:
        """The file with the fault in it; raises `Stale`."""
        text = (root / self.file).read_text(encoding="utf-8")
        if (times := text.count(self.old)) != 1:
            raise Stale(
                f"{self.name}: {self.file} has the old text {times} times instead of once;"
                " see what became of it, and plant the fault there"
            )
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Caught:
    """What came of a run: the test that failed and how, or why there is none."""

    test: str
    how: str
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether a test caught it."""
        return bool(self.test)


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the tree as it stands, whatever of it is committed, on the same environment."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with TemporaryDirectory(prefix="laurel-plant-") as folder:
        home = Path(folder)
        for name in filter(None, os.fsdecode(listed).split("\0")):
            if (ROOT / name).is_file():
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, home / name)
        for name in (".venv", ".parts"):
            if (ROOT / name).exists():
                (home / name).symlink_to(ROOT / name)
        yield home


def plant(fault: Plant, copy: Path, parts: Mapping[str, str]) -> Caught:
    """Plant a fault in a copy, see which test catches it, take it out again; raises `Stale`."""
    began = time.monotonic()
    file, planted = copy / fault.file, fault.planted(copy)
    kept = file.rename(file.with_suffix(".kept"))
    file.write_text(planted, encoding="utf-8")
    try:
        status, said = _pytest(copy, fault.caught_by, parts, "-x")
    finally:
        # With the time it had, by which Python knows that what it compiled before is good again.
        kept.replace(file)
    test, how = _judged(status, said, copy, fault.error)
    return Caught(test, how, time.monotonic() - began)


def fails_anyway(tests: Collection[str], copy: Path, parts: Mapping[str, str]) -> str:
    """What pytest says where some of these tests do not pass though nothing is planted."""
    status, said = _pytest(copy, tests, parts)
    return said if status else ""


def _pytest(
    copy: Path, tests: Collection[str], parts: Mapping[str, str], *options: str
) -> tuple[int, str]:
    """Its exit status, and what it says."""
    log = copy / "pytest.log"
    options = ("-q", "-p", "no:cacheprovider", f"--junitxml={copy / REPORT}", *options)
    # Workers that tests start take the copy's code by its path, and compile it once.
    env = {**parts, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": ""}
    status = run(copy, (*options, *tests), env, log)
    return status, log.read_text(errors="replace")


def _judged(status: int, said: str, copy: Path, error: str) -> tuple[str, str]:
    """The test that caught it and its message, or no test and what happened instead."""
    if status == 0:
        return "", "all of its tests passed"
    if status != FAILED:
        return "", f"pytest ended with {status}:\n{said}"
    for case in ElementTree.parse(copy / REPORT).iter("testcase"):
        failure = case.find("failure")
        if failure is not None:
            how = failure.get("message", "")
            if how.startswith((*CATCHES, error) if error else CATCHES):
                return f"{case.get('classname')}::{case.get('name')}", how
            return "", f"{case.get('name')} stumbled: {how}"
    return "", f"no test failed by itself:\n{said}"
