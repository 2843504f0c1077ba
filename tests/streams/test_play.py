"""Does a play come out as if the time had really passed, also when its player dies?"""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from projections.exports import rows
from schemas.envelope import stamp
from schemas.topics import TIMELINE
from streams import clock, play_file
from streams.shell import Refused
from tests.conftest import Broker
from tests.streams.system import Running, Story, System, wait_for

HOUR = timedelta(hours=1)


def line(deliver_at: str, topic: str, event: dict[str, Any] | str) -> dict[str, Any]:
    value = {"raw": event} if isinstance(event, str) else {"event": event}
    return {"deliver_at": deliver_at, "topic": f"intake.{topic}", "key": "k", **value}


def story() -> list[dict[str, Any]]:
    """Ada falls silent and comes back; Bob, known only later, finishes in time; Cleo does not."""
    tell = Story().event

    def course(wire: str, time: str, person: str, **said: Any) -> dict[str, Any]:
        return tell(wire, time, person={"id": person}, course="reporting", **said)

    def joined(person: str) -> dict[str, Any]:
        whom = {"id": person}
        return tell("person.joined.v1", "2026-01-05T08:00:00Z", customer="acme", person=whom)

    def started(time: str, person: str) -> dict[str, Any]:
        return course("training.started.v1", time, person)

    start = "2026-01-05T08:00:00Z"
    described = tell("customer.described.v1", start, customer="acme", zone="UTC")
    listed = tell("course.described.v1", start, course="reporting")
    passed = course("training.completed.v1", "2026-01-17T12:00:00Z", "bob", score=80)
    module = course("module.completed.v1", "2026-01-25T12:00:00Z", "ada", module="m1")
    failed = course("training.failed.v1", "2026-01-28T06:30:00Z", "bob", score=10)
    return [
        line("2026-01-05T08:01:00Z", "directory", described),
        line("2026-01-05T08:01:00Z", "directory", listed),
        line("2026-01-05T08:02:00Z", "directory", joined("ada")),
        line("2026-01-05T09:11:00Z", "training", started("2026-01-05T09:10:00Z", "ada")),
        line("2026-01-06T09:11:00Z", "training", started("2026-01-06T09:10:00Z", "bob")),
        line("2026-01-06T09:16:00Z", "training", started("2026-01-06T09:15:00Z", "cleo")),
        line("2026-01-06T10:00:00Z", "training", "no event at all"),
        line("2026-01-07T07:00:00Z", "directory", joined("bob")),
        line("2026-01-17T12:00:00.001Z", "training", passed),
        line("2026-01-21T09:30:00Z", "directory", joined("cleo")),
        line("2026-01-25T12:05:00Z", "training", module),
        line("2026-01-26T06:00:00Z", "training", failed),
        line("2026-01-30T06:00:00Z", "directory", described),
    ]


ALERTS = [
    # Ada's, at her deadline; Cleo's, whose deadline had passed before she was known.
    ("2026-01-19T09:10:00.000Z", "2026-01-19T10:00:00.000Z", "resolved"),
    ("2026-01-20T09:15:00.000Z", "2026-01-21T10:00:00.000Z", "open"),
]


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path, LAUREL_BATCH="7") as running:
        yield running


def written(folder: Path, lines: list[dict[str, Any]]) -> Path:
    file = folder / "play.jsonl"
    file.write_text("".join(f"{json.dumps(said)}\n" for said in lines))
    return file


def player(system: System, *words: object, **env: str) -> Running:
    """A player in a process of its own."""
    running = Running(
        "player",
        [sys.executable, "-m", "streams.cli", "play", *map(str, words)],
        {**system.env, **env},
        system.folder / f"player-{len(list(system.folder.iterdir()))}.log",
    )
    system.workers.append(running)
    return running


def played(system: System, *words: object) -> subprocess.CompletedProcess[str]:
    """A play that is to end by itself, or to be refused."""
    command = [sys.executable, "-m", "streams.cli", "play", *map(str, words)]
    return subprocess.run(
        command, env=system.env, capture_output=True, text=True, check=False, timeout=120
    )


def clock_of(system: System) -> tuple[bool, datetime | None]:
    ((driven, now),) = system.rows("SELECT driven, now FROM clock")
    return driven, now


def exports(system: System) -> dict[str, list[dict[str, object]]]:
    with system.connect() as connection:
        return {kind: rows(connection, kind) for kind in ("alerts", "training", "attempts")}


def alerts(found: dict[str, list[dict[str, object]]]) -> list[tuple[object, ...]]:
    """Those raised by the play; once it is over the clock is real, and more falls due at once."""
    return sorted(
        (row["at"], row["raised_at"], row["status"])
        for row in found["alerts"]
        if str(row["raised_at"]) <= PLAYED_UNTIL
    )


PLAYED_UNTIL = "2026-01-30T06:00:00.000Z"
"""The end of the last step of the story."""


def start_workers(system: System) -> None:
    """Once the clock is driven, so that no tick of the real clock is before those of the play."""
    wait_for(lambda: clock_of(system)[0], "the clock to be driven")
    system.start("intake")
    system.start("engine")


def test_a_play_comes_out_as_if_the_time_had_passed(system: System, tmp_path: Path) -> None:
    playing = player(system, written(tmp_path, story()))
    start_workers(system)
    assert playing.await_exit(120) == 0, playing.tail()
    found = exports(system)
    assert alerts(found) == ALERTS
    ada, bob, cleo = sorted(found["training"], key=lambda row: str(row["started_at"]))
    assert (ada["status"], ada["modules"]) == ("in_progress", ["m1"])
    assert (bob["status"], bob["created_at"]) == ("completed", "2026-01-06T09:11:00.000Z")
    assert (cleo["status"], cleo["created_at"]) == ("abandoned", "2026-01-06T09:16:00.000Z")
    outcomes = [(row["outcome"], row["at"]) for row in found["attempts"]]
    assert ("passed", "2026-01-17T12:00:00.000Z") in outcomes
    # What lay in the future was taken in its time, between two deliveries.
    assert ("failed", "2026-01-28T06:30:00.000Z") in outcomes
    ((dead, heard),) = system.rows("SELECT reason, recorded_at FROM dead_letters")
    assert (dead, heard) == ("json", datetime(2026, 1, 6, 10, tzinfo=UTC))
    assert system.rows("SELECT count(*) FROM quarantine") == [(0,)]
    assert clock_of(system) == (False, None)


def test_only_steps_in_which_something_happens_are_played(system: System, tmp_path: Path) -> None:
    playing = player(system, written(tmp_path, story()))
    start_workers(system)
    assert playing.await_exit(120) == 0, playing.tail()
    ticks = {
        json.loads(record.value)["time"]
        for record in system.records(TIMELINE)
        if b"clock.ticked" in record.value
        and datetime.fromisoformat(json.loads(record.value)["time"]) < clock.real() - HOUR
    }
    assert ticks == {
        "2026-01-19T10:00:00.000Z",  # Ada's deadline passes
        "2026-01-21T10:00:00.000Z",  # Cleo is known, and her deadline has passed
        "2026-01-30T06:00:00.000Z",  # the last step
    }


def test_a_player_that_dies_is_resumed_where_it_was(system: System, tmp_path: Path) -> None:
    file = written(tmp_path, story())
    dying = player(system, file, FAILPOINT="play.delivered:exit:6")
    start_workers(system)
    assert dying.await_exit() == 137
    assert dying.events("failpoint")
    driven, stands_at = clock_of(system)
    assert driven
    assert stands_at == datetime(2026, 1, 19, 10, tzinfo=UTC)
    again = played(system, file)
    assert again.returncode == 2
    assert "the clock is driven and stands at 2026-01-19T10:00:00.000Z" in again.stderr
    resumed = played(system, file, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert alerts(exports(system)) == ALERTS
    assert system.rows("SELECT count(*) FROM dead_letters") == [(1,)]
    assert clock_of(system) == (False, None)


@pytest.mark.parametrize("point", ["play.driven", "play.delivered", "play.folded", "play.ticked"])
def test_wherever_a_player_dies_the_outcome_is_the_same(
    point: str, system: System, tmp_path: Path
) -> None:
    file = written(tmp_path, story())
    dying = player(system, file, FAILPOINT=f"{point}:exit:2")
    start_workers(system)
    assert dying.await_exit() == 137
    resumed = played(system, file, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    found = exports(system)
    assert alerts(found) == ALERTS
    assert len(found["attempts"]) == 2
    assert {row["created_at"] for row in found["training"]} == {
        "2026-01-05T09:11:00.000Z",
        "2026-01-06T09:11:00.000Z",
        "2026-01-06T09:16:00.000Z",
    }


def test_a_clock_left_standing_can_be_let_go(system: System) -> None:
    system.drive(datetime(2026, 1, 19, 10, tzinfo=UTC))
    said = played(system, "--end")
    assert (said.returncode, clock_of(system)) == (0, (False, None))
    assert "2026-01-19T10:00:00.000Z" in said.stdout


def test_what_cannot_be_played_is_refused_before_the_clock_is_touched(
    system: System, tmp_path: Path
) -> None:
    file = written(tmp_path, story())
    for words, said in {
        (): "name a file",
        (str(file), "--end"): "`--end` alone",
        (str(file), "--resume"): "nothing to resume",
    }.items():
        refused = played(system, *words)
        assert (refused.returncode, clock_of(system)) == (2, (False, None))
        assert said in refused.stderr
    ahead = [*story(), line(stamp(clock.real()), "training", "x")]
    refused = played(system, written(tmp_path, ahead))
    assert refused.returncode == 2
    assert "past the real clock" in refused.stderr
    assert clock_of(system) == (False, None)
    assert system.records("intake.directory") == []


def test_a_play_of_times_that_are_over_is_refused(system: System, tmp_path: Path) -> None:
    with system.connect() as connection:
        connection.execute("UPDATE positions SET ticked = '2026-01-05T10:00Z' WHERE app = 'engine'")
    refused = played(system, written(tmp_path, story()))
    assert refused.returncode == 2
    assert "has heard the clock say 2026-01-05T10:00:00.000Z" in refused.stderr
    assert clock_of(system) == (False, None)


def test_a_play_is_resumed_only_with_its_own_steps_and_file(system: System, tmp_path: Path) -> None:
    file = written(tmp_path, story())
    system.drive(datetime(2026, 1, 19, 10, tzinfo=UTC))
    refused = played(system, file, "--resume", "--step", "1d")
    assert refused.returncode == 2
    assert "no step of 1 day" in refused.stderr
    system.drive(datetime(2026, 3, 19, 10, tzinfo=UTC))
    refused = played(system, file, "--resume")
    assert refused.returncode == 2
    assert "not the play that was broken off" in refused.stderr


def test_two_plays_at_once_are_refused(system: System, tmp_path: Path) -> None:
    file = written(tmp_path, story())
    player(system, file)
    wait_for(lambda: clock_of(system)[0], "the clock to be driven")
    refused = played(system, file, "--resume")
    assert refused.returncode == 2
    assert "another play is under way" in refused.stderr


def test_without_positions_nothing_is_played(system: System, tmp_path: Path) -> None:
    with system.connect() as connection:
        connection.execute("DELETE FROM positions WHERE app = 'engine' AND partition = 2")
    refused = played(system, written(tmp_path, story()))
    assert refused.returncode == 2
    assert "run `laurel topics`" in refused.stderr
    assert clock_of(system) == (False, None)


def read(*lines: str) -> list[play_file.Line]:
    return play_file.read([text.encode() for text in lines], "a.jsonl", HOUR)


GOOD = json.dumps(line("2026-01-05T08:01:00Z", "training", "x"))
ALMOST = story()[0]


def odd(number: str) -> str:
    """A line whose event says more than Laurel reads, by a number that Python lets pass."""
    event = ALMOST["event"]
    more = {**event, "data": {**event["data"], "more": 0.5}}
    return json.dumps({**ALMOST, "event": more}).replace("0.5", number)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("nonsense", "JSON"),
        ("[]", "object"),
        (GOOD.replace("deliver_at", "at"), "/deliver_at: Field required"),
        (GOOD.replace("08:01:00Z", "08:01:00"), "/deliver_at: .*timezone"),
        (GOOD.replace("intake.training", "timeline"), "/topic: "),
        (GOOD.replace('"k"', "7"), "/key: "),
        (GOOD.replace('"raw": "x"', '"raw": "x", "event": {}'), "either `event` or `raw`"),
        (GOOD.replace(', "raw": "x"', ""), "either `event` or `raw`"),
        (GOOD.replace('"raw"', '"rwa"'), "/rwa: Extra inputs"),
        (json.dumps({**ALMOST, "event": {**ALMOST["event"], "id": ""}}), "/event: /id: "),
        (GOOD.replace('"2026-01-05T08:01:00Z"', "1767600060"), "/deliver_at: .*RFC 3339"),
        (odd("NaN"), "/event: /data/more: JSON has neither NaN nor Infinity"),
        (odd(str(2**64)), "/event: /data/more: the number has more than 64 bits"),
        (GOOD.replace('"x"', f'"{"x" * 1_000_001}"'), "/raw: .*more than 1000000 bytes"),
        (GOOD.replace('"k"', f'"{"k" * 10_001}"'), "/key: .*more than 10000 bytes"),
        (
            json.dumps({**ALMOST, "event": {**ALMOST["event"], "note": "x" * 1_000_000}}),
            "/event: the event has more than 1000000 bytes",
        ),
    ],
)
def test_a_wrong_line_is_named_with_its_field(wrong: str, said: str) -> None:
    with pytest.raises(Refused, match=rf"^a\.jsonl, line 3: .*{said}"):
        read(GOOD, "", wrong)


def test_a_file_without_lines_is_refused() -> None:
    with pytest.raises(Refused, match="nothing to play"):
        read("", " ")


def test_lines_are_delivered_in_the_order_of_their_times() -> None:
    late, early = GOOD.replace('"x"', '"late"').replace("08:01", "08:02"), GOOD
    assert [said.value for said in read(late, early)] == [b"x", b"late"]


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-01-05T08:00:00Z", "2026-01-05T08:00:00Z"),
        ("2026-01-05T08:00:00.001Z", "2026-01-05T09:00:00Z"),
        ("2026-01-05T08:59:59.999Z", "2026-01-05T09:00:00Z"),
        ("1969-12-31T23:30:00Z", "1970-01-01T00:00:00Z"),
    ],
)
def test_a_step_ends_at_a_whole_multiple_and_not_before_its_instants(at: str, end: str) -> None:
    assert play_file.step_of(datetime.fromisoformat(at), HOUR) == datetime.fromisoformat(end)
