"""What does `./dev run` start, show and stop?"""

import http.client
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from deploy.children import Child, Lock, PartsError
from deploy.crew import Crew
from deploy.environment import ROOT, program
from deploy.given import Lodging
from deploy.part import Part, kept_port
from deploy.parts import Kafka, Postgres
from deploy.tools import say

HOME = Path(os.environ.get("DEV_HOME") or ROOT / ".parts" / "run").resolve()
FALLBACK = "customer-success"
SETTINGS = (
    *("KAFKA_BOOTSTRAP", "DATABASE_URL", "LAUREL_PREFIX"),
    *("SLACK_API_URL", "SLACK_BOT_TOKEN", "SLACK_FALLBACK_CHANNEL"),
    *("LAUREL_DOOR", "LAUREL_TOKEN"),
)


def run(seed: int, *, leave: bool, keep: bool) -> int:
    """Start everything and play the sample; stay until Ctrl-C, or leave after it."""
    lock = Lock(HOME / "lock")
    if not lock.take():
        raise PartsError(f"./dev run is up in {HOME} already, as process {lock.holder()}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    began = time.monotonic()
    crew = Crew(HOME, os.environ)
    lodging = Lodging(HOME / "given", crew, os.environ)
    try:
        try:
            for name in crew.clear():
                say(f"ended {name}, which an earlier run left behind")
            sample = None if keep else begin_sample(crew, seed)
            slack = None if os.environ.get("SLACK_BOT_TOKEN") else begin_slack(crew, keep=keep)
            start_parts(crew, keep=keep)
            if slack:
                await_slack(crew, slack)
            lodging.make(keep=keep)
            start_laurel(crew)
            if sample:
                play(crew, slack, sample)
            arrived = check_sample(crew, slack, sample.path) if leave and sample else {}
            seconds = round(time.monotonic() - began, 1)
            if not leave:
                stay(crew, slack, start_door(crew))
        finally:
            # A second Ctrl-C must not leave half of it running.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            # The terminal may be gone.
            with suppress(OSError):
                say("stopping")
            crew.end()
        if leave:
            lodging.drop()
    finally:
        lock.release()
    if leave:
        say(json.dumps({**arrived, "seconds": seconds}))
    return 0


class LocalSlack:
    """The stand-in for Slack, and how many of its cards have been shown here."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.shown = 0
        self._last = 0

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://127.0.0.1:{self.port}/"

    def answers(self) -> bool:
        """Is it up?"""
        try:
            self._cards()
        except PartsError:
            return False
        return True

    def show(self) -> None:
        """Print what appeared there since the last time."""
        for card in self._cards():
            # A progress bar may stand in this line.
            say(("\r\033[K" if sys.stdout.isatty() else "") + card["printed"])
            self.shown += 1
            self._last = card["number"]

    def channel(self, name: str) -> str:
        """The id of the channel of that name, which is there from now on."""
        return str(self._ask("POST", "channels", {"name": name})[0]["id"])

    def _cards(self) -> list[dict[str, Any]]:
        width = min(100, shutil.get_terminal_size().columns)
        ansi = int(sys.stdout.isatty())
        wanted = f"cards?after={self._last}&width={width}&ansi={ansi}"
        cards: list[dict[str, Any]] = self._ask("GET", wanted)
        return cards

    def _ask(self, verb: str, what: str, wish: object = None) -> Any:
        # After --keep it draws all the cards of earlier runs at once.
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            line.request(verb, f"/_control/{what}", json.dumps(wish))
            return json.load(line.getresponse())
        except (OSError, http.client.HTTPException, ValueError) as error:
            said = f"no answer from the local Slack at {self.address}: {error}"
            raise PartsError(said) from error
        finally:
            line.close()


def start_parts(crew: Crew, *, keep: bool) -> None:
    """Start Kafka and Postgres where none are given, and tell the crew where they are."""
    parts: list[Part] = []
    kafka = Kafka(HOME / "kafka", tell=say, logs=crew.logs)
    postgres = Postgres(HOME / "postgres", tell=say, logs=crew.logs)
    if "KAFKA_BOOTSTRAP" not in os.environ:
        parts.append(kafka)
    if "DATABASE_URL" not in os.environ:
        parts.append(postgres)
    say("starting Kafka and Postgres")
    crew.join(parts, anew=not keep)
    if kafka in parts:
        crew.environment["KAFKA_BOOTSTRAP"] = kafka.bootstrap
    if postgres in parts:
        crew.environment["DATABASE_URL"] = postgres.url


def begin_slack(crew: Crew, *, keep: bool) -> LocalSlack:
    """Start the local Slack, and send the crew's messages there."""
    state = HOME / "slack.json"
    if not keep:
        state.unlink(missing_ok=True)
    slack = LocalSlack(kept_port(HOME / "slack.port"))
    crew.environment["SLACK_API_URL"] = f"{slack.address}api/"
    crew.environment["SLACK_BOT_TOKEN"] = token = "xoxb-local"  # noqa: S105, no secret
    words = ["--port", str(slack.port), "--token", token, "--channels", FALLBACK, "--users", "any"]
    words += ["--state", str(state)]
    crew.start("local-slack", [program("python"), "-m", "deploy.local_slack", *words])
    return slack


def await_slack(crew: Crew, slack: LocalSlack) -> None:
    """Wait until the local Slack is up, and name its channel to the crew."""
    await_answer(crew, slack.answers, f"the local Slack does not answer at {slack.address}")
    crew.environment["SLACK_FALLBACK_CHANNEL"] = slack.channel(FALLBACK)


def await_answer(crew: Crew, answers: Callable[[], bool], otherwise: str) -> None:
    """Wait until what was started answers; raises, saying what is otherwise."""
    deadline = time.monotonic() + 60
    while not answers():
        crew.watch()
        if time.monotonic() > deadline:
            raise PartsError(otherwise)
        time.sleep(0.05)


def start_laurel(crew: Crew) -> None:
    """Bring the database and the topics to what they must be, then start the workers."""
    say("migrating, making topics, starting the workers")
    crew.finish("migrate", [program("laurel"), "migrate"])
    crew.finish("topics", [program("laurel"), "topics"])
    for app in ("intake", "engine", "slack"):
        crew.start(app, [program("laurel"), "worker", app])


def start_door(crew: Crew) -> str:
    """Start the door, with a token of this run's own; what to open to see what came in."""
    place = f"127.0.0.1:{kept_port(HOME / 'door.port')}"
    # Not through the crew, whose logs would keep the token.
    made = subprocess.run(
        [program("laurel"), "tokens", "make", f"run-{int(time.time())}"],
        env=crew.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise PartsError(f"no token for the door: {made.stderr.strip()}")
    address, port = place.split(":")
    crew.environment |= {"LAUREL_DOOR_ADDRESS": address, "LAUREL_DOOR_PORT": port}
    crew.environment["LAUREL_DOOR"] = f"http://{place}"
    crew.environment["LAUREL_TOKEN"] = token = made.stdout.strip()
    crew.start("door", [program("laurel"), "serve"])

    def answers() -> bool:
        line = http.client.HTTPConnection(place, timeout=5)
        try:
            line.request("GET", "/readyz")
            return line.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            line.close()

    await_answer(crew, answers, f"the door is not ready at http://{place}/readyz")
    return f"http://run:{token}@{place}/"


@dataclass(frozen=True)
class Sample:
    """The file to be played, and who writes it."""

    path: Path
    maker: Child


def begin_sample(crew: Crew, seed: int) -> Sample:
    """Have the sample made while the parts start."""
    path = HOME / "sample.jsonl"
    words = ["--days", "60", "--seed", str(seed), "--out", str(path)]
    maker = crew.begin("sample", [program("python"), "-m", "tests.sample.generate", *words])
    return Sample(path, maker)


def play(crew: Crew, slack: LocalSlack | None, sample: Sample) -> None:
    """Play the sample, showing each card as it arrives."""
    crew.await_end(sample.maker)
    show = slack.show if slack else _nothing
    crew.finish("play", [program("laurel"), "play", sample.path], shown=True, meanwhile=show)
    show()


def check_sample(crew: Crew, slack: LocalSlack | None, sample: Path) -> dict[str, Any]:
    """What arrived, once the last card has; raises where it is not what the sample asks for."""
    say("waiting for the last cards, then comparing every row with what must come out")
    outcome = HOME / "outcome.json"
    words = ["-m", "tests.sample.check", str(sample), "--out", str(outcome)]
    words += ["--slack", slack.address] if slack else []
    show = slack.show if slack else _nothing
    outcome.unlink(missing_ok=True)
    try:
        crew.finish("check", [program("python"), *words], meanwhile=show)
    except PartsError:
        if outcome.exists():
            say(outcome.read_text().strip())
        raise
    show()
    arrived: dict[str, Any] = json.loads(outcome.read_text())
    return arrived


def stay(crew: Crew, slack: LocalSlack | None, door: str) -> None:
    """Say where everything is, and show what comes until Ctrl-C."""
    if slack:
        say(f"Slack:  {slack.address}")
    say(f"door:   {door}")
    say(f"logs:   {crew.logs}")
    say(f"laurel: `. {write_environment(crew)}` lets {program('laurel')} reach this run")
    say("everything is up; Ctrl-C stops it")
    with suppress(KeyboardInterrupt):
        while True:
            crew.watch()
            if slack:
                slack.show()
            time.sleep(0.3)


def write_environment(crew: Crew) -> Path:
    """Write what a shell must know to reach this run; it holds secrets of this run."""
    path = HOME / "environment.sh"
    path.touch(mode=0o600)
    names = (name for name in SETTINGS if name in crew.environment)
    lines = (f"export {name}={shlex.quote(crew.environment[name])}\n" for name in names)
    path.write_text("".join(lines))
    return path


def _nothing() -> None:
    """There is nothing to show."""


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
