"""Is the first page true? Every command in it does what it says."""

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.children import started
from deploy.crew import Crew
from deploy.given import Lodging
from schemas.exports import EXPORTS
from schemas.topics import DIRECTORY
from tests.conftest import Broker, Server
from tests.deploy.typed import commands, environment, run
from tests.streams.accounts import Lms, ago
from tests.streams.system import System, wait_for

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
(RUN, TEST), (STORM, PLANT), EVERYDAY = commands(README)
CARD = "┌─ "


@pytest.fixture
def given(kafka: Broker, postgres: Server, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where `./dev` finds parts that run already and keeps what it makes; dropped at the end."""
    parts = {"KAFKA_BOOTSTRAP": kafka.bootstrap, "DATABASE_URL": postgres.url}
    home = tmp_path / "run"
    # The pytest that `./dev test` starts is nobody's worker, and takes these parts, no containers.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ours.pop("SERVICES", None)
    yield {**ours, **parts, "DEV_HOME": str(home), "SLACK_BOT_TOKEN": ""}
    crew = Crew(home, os.environ)
    crew.clear()
    Lodging(home / "given", crew, parts).drop()


@pytest.mark.timeout(300)
def test_a_run_prints_cards_and_leaves_nothing_when_it_is_interrupted(
    given: Mapping[str, str], tmp_path: Path
) -> None:
    with typed(RUN, given, tmp_path / "said") as (process, said):
        wait_for(lambda: CARD in said.read_text() or process.poll(), "the first card", seconds=240)
        assert CARD in said.read_text(), said.read_text()
        records = list(Path(given["DEV_HOME"], "pids").iterdir())
        made = {record.name: record.read_text().split() for record in records}
        assert made.keys() >= {"local-slack", "intake", "engine", "slack", "play"}
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130, said.read_text()
    assert {name for name, (pid, since) in made.items() if started(int(pid)) == since} == set()


def test_tests_are_run_and_counted(given: Mapping[str, str]) -> None:
    """The suite is what runs this, so of it one quick file is asked for."""
    quick = "tests/streams/test_allowance.py"
    line, _, _ = TEST.partition("#")
    assert re.search(r"\b[1-9]\d* passed", run(f"{line} {quick}", given, ROOT))


@pytest.mark.parametrize("line", [STORM, PLANT], ids=["storm", "plant"])
def test_what_lasts_long_is_understood(line: str, given: Mapping[str, str]) -> None:
    """It lasts longer than the suite, so it is only asked how it would go."""
    command, _, _ = line.partition(" all ")
    assert f"usage: {command}" in run(f"{command} all --help", given, ROOT)


def test_every_export_is_named() -> None:
    (line,) = (line for line in EVERYDAY if line.startswith("laurel export"))
    kind, *more = re.findall(r"\w+", line.removeprefix("laurel export").replace("also", ""))
    assert {kind, *more} >= EXPORTS.keys()


@pytest.mark.timeout(300)
def test_everyday_commands_do_what_they_say(kafka: Broker, database: str, tmp_path: Path) -> None:
    lms = Lms("readme")
    with System(kafka.bootstrap, database, tmp_path, LAUREL_DOOR_PORT="0") as system:
        env = environment(system.env)
        system.start("intake")
        system.start("engine")
        people = lms.described(lms.name), lms.offered(), lms.joined("ada", lms.name)
        system.publish(DIRECTORY, *people)
        system.await_intake()
        event = lms.certified("ada", ago(minutes=1))
        (tmp_path / "events.jsonl").write_text(f"{json.dumps(event)}\n")
        said = {}
        for line in EVERYDAY:
            word = shlex.split(line, comments=True)[1]
            if word == "serve":
                said[word] = served(line, env, tmp_path)
            elif word == "explain":
                ((alert,),) = wait_for(
                    lambda: system.rows("SELECT alert FROM live.alerts"), "the alert"
                )
                said[word] = run(line.replace("ALERT_ID", str(alert)), env, tmp_path)
            else:
                said[word] = run(line, env, tmp_path)
        for kind in EXPORTS:
            run(f"laurel export {kind}", env, tmp_path)
    promised = {
        "publish": "1 events are on the intake topics",
        "serve": "listening",
        "tokens": "laurel_academy_",
        "explain": "certification_earned",
        "positions": "intake.training",
        "settings": "KAFKA_BOOTSTRAP",
    }
    assert {word: text for word, text in promised.items() if text not in said[word]} == {}


@contextmanager
def typed(
    line: str, env: Mapping[str, str], output: Path, folder: Path = ROOT
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """What stays until Ctrl-C, in a terminal's stead, and the file with what it says."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["bash", "-euc", line],
            env=env,
            cwd=folder,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            yield process, output
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def served(line: str, env: Mapping[str, str], folder: Path) -> str:
    """What a server says until it is interrupted, once it listens."""
    with typed(line, env, folder / "served", folder) as (process, said):
        wait_for(lambda: "listening" in said.read_text(), f"`{line}` to listen")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 0, said.read_text()
    return said.read_text()
