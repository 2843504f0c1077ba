"""Does every example of the producer's guide do what the guide says?"""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from handlers.directory import AHEAD, LONGEST_WAIT
from schemas.door import LARGEST_EVENT, MOST_EVENTS, PROBLEMS
from schemas.envelope import parse, wire_names
from schemas.topics import TIMELINE
from streams.settings import Settings
from tests.conftest import Broker
from tests.streams.system import System, wait_for
from tests.streams.visitor import Door

HOUR = timedelta(hours=1)
GUIDE = (Path(__file__).parents[2] / "schemas" / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)

# What the examples that are taken speak of, by hand; `start-4713` is the one that is refused.
TAKEN = {
    *("urn:crm:main#acme-1", "urn:crm:main#acme-ada-1", "urn:lms:academy#reporting-1"),
    *("urn:lms:academy#start-4711", "urn:lms:academy#module-4712"),
    *("urn:lms:academy#completion-4714", "urn:lms:academy#grant-4715"),
    *("urn:crm:main#role-4716", "urn:lms:academy#enrolment-4717"),
}


def test_the_example_of_an_event_is_one() -> None:
    ((_, event),) = [block for block in BLOCKS if block[0] == "json"]
    assert parse(event).name == "urn:lms:academy#start-4711"


def test_every_event_and_every_answer_is_named() -> None:
    for wire in wire_names():
        assert f"`{wire}`" in GUIDE
    for status in PROBLEMS:
        assert re.search(rf"^\| .*\b{status}\b", GUIDE, re.MULTILINE)


def test_limits_are_those_that_hold() -> None:
    fields = Settings.model_fields
    body, rate = (
        fields[f"laurel_door_{name}"].default for name in ("body_bytes", "events_per_second")
    )
    limits = (
        f"A batch has {MOST_EVENTS:,} events at most, an event {LARGEST_EVENT:,} bytes, a body"
        f" {body:,} bytes; a token may send {rate:,.0f} events a second in the long run"
    )
    assert limits in GUIDE
    ahead = (
        f"What lies more than {AHEAD // HOUR} hours ahead waits until its time;"
        f" what lies more than {LONGEST_WAIT.days} days ahead is a dead letter."
    )
    assert ahead in GUIDE


def test_every_example_does_what_it_says(kafka: Broker, database: str, tmp_path: Path) -> None:
    with System(kafka.bootstrap, database, tmp_path) as system:
        door = Door(system)
        system.start("intake")
        env = {
            **system.env,
            "LAUREL_DOOR": door.address.rstrip("/"),
            "LAUREL_TOKEN": door.token,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        commands = {"sh": ["bash", "-euc"], "python": [sys.executable, "-c"]}
        said = ""
        for language, text in BLOCKS:
            if language == "text":
                assert said.strip() == text.strip()
            elif language in commands:
                command = [*commands[language], text]
                ran = subprocess.run(
                    command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False
                )
                assert ran.returncode == 0, ran.stderr
                said = ran.stdout

        def causes() -> set[str]:
            facts = [json.loads(record.value) for record in system.records(TIMELINE)]
            return {fact.get("origin", f"{fact['source']}#{fact['id']}") for fact in facts}

        wait_for(lambda: causes() >= TAKEN, "all that was taken to be on the timeline")
        assert causes() == TAKEN
        assert system.rows("SELECT count(*) FROM dead_letters") == [(0,)]
