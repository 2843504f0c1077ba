"""Do the measurements run through, and do they refuse what lost an event?

What they find on a machine that does other things besides is not asked here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import TIMELINE
from tests.bench import intake, oracle, producers, workload
from tests.bench.arena import Arena
from tests.bench.field import FIELD
from tests.bench.lateness import waited
from tests.bench.race import Course, Failed, race
from tests.bench.scale import together
from tests.bench.workload import Line, Shape

EVENTS = 3000
MANY = 30_000
"""So many that several workers are not done before they can be timed."""


def measure(made: Arena, program: str, *options: str) -> tuple[str, list[str]]:
    """What a program prints, and what it calls invalid."""
    env = {**os.environ, "KAFKA_BOOTSTRAP": made.bootstrap, "DATABASE_URL": made.url}
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{program}", "--given", *options],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    invalid = [line for line in done.stdout.splitlines() if line.startswith("invalid: ")]
    assert done.returncode == (1 if invalid else 0), done.stderr
    return done.stdout, invalid


def as_json(printed: str) -> Any:
    return json.loads(printed.splitlines()[-1])


def a_course_that_lacks_one(made: Arena, events: int = EVENTS) -> tuple[Course, Path]:
    """A small one, of which a record that counts was lost on its way to the topic."""
    path = made.folder / "workload"
    workload.write(path, Shape(events))
    lost = next(
        number
        for number, line in enumerate(workload.read(path))
        if number > EVENTS // 2 and b"usage.recorded" in line.value
    )
    lines = [line for number, line in enumerate(workload.read(path)) if number != lost]
    prefix = made.topics("test")
    return Course(prefix, events, made.fill(prefix, TIMELINE, lines)), path


def test_the_race_runs_through_and_its_rows_are_the_oracles(made: Arena, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    options = ["--events", str(EVENTS), "--rounds", "1", "--only", "abf", "--seconds", "2"]
    printed, invalid = measure(made, "engine", *options, "--json", str(told))
    found = json.loads(told.read_text())["contestants"]
    assert all("too busy" in fault for fault in invalid), invalid
    assert found.keys() == {"-", "a", "b", "f"}
    for letter, one in found.items():
        assert one["fault"] == ""
        assert one["median"]["app_us"] > 0
        if letter != "-":
            assert 0 < one["lateness"]["p50"] <= one["lateness"]["p99"]
    assert "f/a: " in printed
    assert "f/b: " in printed


@pytest.mark.parametrize("letter", ["b", "f"])
def test_a_lost_event_is_a_wrong_row(made: Arena, letter: str) -> None:
    course, path = a_course_that_lacks_one(made)
    contestant = next(one for one in FIELD if one.letter == letter)
    wanted = oracle.totals(path, EVENTS, once=contestant.once)
    with pytest.raises(Failed, match="has wrong rows"):
        race(made, contestant, course, wanted)


def test_several_workers_run_through(made: Arena) -> None:
    options = ["--events", str(MANY), "--workers", "2", "--rounds", "1"]
    printed, invalid = measure(made, "scale", *options)
    assert invalid == []
    assert len(as_json(printed)["runs"]["2"]) == 1


def test_several_workers_do_not_hide_a_lost_event(made: Arena) -> None:
    course, path = a_course_that_lacks_one(made, MANY)
    with pytest.raises(Failed, match="wrong rows"):
        together(made, course, 2, oracle.totals(path, MANY, once=True))


def test_intake_is_measured(made: Arena) -> None:
    options = ["--events", "400", "--customers", "20", "--rounds", "1"]
    printed, invalid = measure(made, "intake", *options)
    assert invalid == []
    runs = as_json(printed)["runs"]
    assert [runs["usage"][0]["events"], runs["training"][0]["events"]] == [400, 200]


def test_intake_is_refused_where_events_do_not_come_to_the_timeline(
    made: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = producers.directory

    def without_the_last(customers: int) -> Iterator[Line]:
        return islice(whole(customers), (customers - 1) * (producers.PEOPLE + 1))

    monkeypatch.setattr(producers, "directory", without_the_last)
    with pytest.raises(Failed, match="of 400 events of usage came to the timeline"):
        intake.forward(made, 20, 400)


def test_latency_is_measured_up_to_slack(made: Arena) -> None:
    printed, invalid = measure(made, "latency", "--rates", "300", "--seconds", "3")
    assert invalid == []
    waits = as_json(printed)["seconds"]["300.0"]
    assert all(0 < min(each) < 30 for each in waits.values())
    assert waits["alert"][0] < waits["Slack"][-1]


def test_a_probe_without_a_row_is_not_left_out() -> None:
    due = {f"probe-{number}": float(number) for number in range(10)}
    there = {probe: at + 0.5 for probe, at in due.items()}
    assert waited(due, there) == [0.5] * 8
    del there["probe-7"]
    with pytest.raises(Failed, match="1 of 8 probes came to nothing, such as probe-7"):
        waited(due, there)
