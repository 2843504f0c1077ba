"""Does a run notice what ends by itself, and end all it started, even when it is killed?"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.children import PartsError, started
from deploy.crew import Crew

ROOT = Path(__file__).parents[2]
SLEEP = [sys.executable, "-c", "import time; time.sleep(30)"]
DEAF = [
    sys.executable,
    "-uc",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf'); time.sleep(30)",
]

OWNER = """
import os, sys, time
from pathlib import Path
from deploy.crew import Crew
crew = Crew(Path(sys.argv[1]), os.environ)
crew.clear()
crew.start("sleeper", [sys.executable, "-c", "import time; time.sleep(300)"])
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    made = Crew(tmp_path, os.environ, patience=0.5)
    made.clear()
    yield made
    made.end()


def recorded(home: Path, name: str) -> tuple[int, str]:
    pid, since = (home / "pids" / name).read_text().split()
    return int(pid), since


def running(process: tuple[int, str]) -> bool:
    return started(process[0]) == process[1]


def await_true(what: str, path: Path) -> None:
    deadline = time.monotonic() + 20
    while not (path.exists() and what in path.read_text()):
        assert time.monotonic() < deadline, f"{path} never says {what!r}"


def test_what_ends_by_itself_is_named_with_its_last_words(crew: Crew) -> None:
    crew.start("sleeper", SLEEP)
    crew.start("worker", [sys.executable, "-c", "import sys; sys.exit('out of luck')"])
    with pytest.raises(PartsError, match=r"worker ended with status 1;(?s:.*)out of luck"):
        crew.finish("step", SLEEP)


def test_a_worker_that_ends_without_an_error_is_missed_too(crew: Crew) -> None:
    crew.start("worker", [sys.executable, "-c", ""])
    with pytest.raises(PartsError, match="worker ended with status 0"):
        crew.finish("step", SLEEP)


def test_a_step_that_fails_is_named_with_its_last_words(crew: Crew) -> None:
    script = "import sys; print('no such table'); sys.exit(3)"
    with pytest.raises(PartsError, match=r"migrate ended with status 3;(?s:.*)no such table"):
        crew.finish("migrate", [sys.executable, "-c", script])


def test_a_step_that_succeeds_lets_the_run_go_on(crew: Crew) -> None:
    crew.start("sleeper", SLEEP)
    seen: list[int] = []
    crew.finish("step", [sys.executable, "-c", ""], meanwhile=lambda: seen.append(1))
    crew.watch()
    assert seen


def test_the_end_spares_nobody(crew: Crew, tmp_path: Path) -> None:
    crew.start("sleeper", SLEEP)
    crew.start("deaf", DEAF)
    await_true("deaf", tmp_path / "logs" / "deaf.log")
    processes = [recorded(tmp_path, name) for name in ("sleeper", "deaf")]
    assert all(map(running, processes))
    crew.end()
    assert not any(map(running, processes))


def test_nothing_outlives_a_killed_run(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == "up\n"
        sleeper = recorded(tmp_path, "sleeper")
        assert running(sleeper)
        owner.kill()
    deadline = time.monotonic() + 10
    while running(sleeper):
        assert time.monotonic() < deadline


def test_what_an_earlier_run_left_is_ended_and_named(crew: Crew, tmp_path: Path) -> None:
    with subprocess.Popen(DEAF, start_new_session=True) as left:
        since = started(left.pid)
        (tmp_path / "pids" / "engine").write_text(f"{left.pid} {since}\n")
        assert crew.clear() == ["engine"]
        assert started(left.pid) is None
    assert crew.clear() == []


def test_a_stranger_with_a_recorded_pid_is_left_alone(crew: Crew, tmp_path: Path) -> None:
    (tmp_path / "pids" / "engine").write_text(f"{os.getpid()} 1\n")
    assert crew.clear() == []
