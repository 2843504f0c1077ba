"""Does the command line do what it is asked, and say in one line what is wrong and where?"""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest
from kafka import KafkaAdminClient

from projections.revision import REVISION
from schemas.topics import EVENT_AT_MOST, TOPICS
from streams import cli
from streams.process import STOPPED
from tests.conftest import Broker
from tests.streams.system import Story, System

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)

ENROLLED = Story().event(
    "training.enrolled.v1", "2026-03-02T09:00:00Z", person={"id": "p-1"}, course="reporting"
)


class Said(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Laurel = Callable[..., Said]


@pytest.fixture
def system(kafka: Broker, database: str, tmp_path: Path) -> Iterator[System]:
    with System(kafka.bootstrap, database, tmp_path) as running:
        yield running


@pytest.fixture
def laurel(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Laurel:
    """Runs a command in this process, in the environment given."""

    def run(*words: object, env: dict[str, str] | None = None) -> Said:
        with monkeypatch.context() as patched:
            for name, value in (env or {}).items():
                patched.setenv(name, value)
            try:
                code = cli.main([str(word) for word in words])
            except SystemExit as end:
                code = int(end.code or 0)
        return Said(code, *capsys.readouterr())

    return run


def a_free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def leaves(parser: object, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every command as it is typed, and what it runs."""
    actions = getattr(parser, "_actions")  # noqa: B009 -- argparse has no other way to ask
    under = [action for action in actions if hasattr(action, "_name_parser_map")]
    run = getattr(parser, "_defaults").get("run")  # noqa: B009
    if run:
        yield words, run
    for action in under:
        for name, made in action.choices.items():
            yield from leaves(made, (*words, name))


COMMANDS = dict(leaves(cli.parser()))


def test_there_is_every_command_of_the_document() -> None:
    said = "worker publish play topics migrate positions dead-letters quarantine park rebuild"
    wanted = {*said.split(), "explain", "export", "settings", "serve", "tokens", "describe"}
    assert {words[0] for words in COMMANDS} == wanted


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_a_function_and_help(words: tuple[str, ...], laurel: Laurel) -> None:
    module, function = COMMANDS[words].split(":")
    assert callable(getattr(import_module(f"streams.{module}"), function))
    said = laurel(*words, "--help")
    assert said.code == 0
    assert "usage: laurel" in said.out


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("fly",),
        ("worker",),
        ("worker", "pilot"),
        ("export", "people"),
        ("play", "--step", "0h"),
    ],
)
def test_what_cannot_be_understood_is_refused(words: tuple[str, ...], laurel: Laurel) -> None:
    said = laurel(*words)
    assert said.code == 2
    assert "usage: laurel" in said.err


def test_a_wrong_setting_is_named_with_what_it_must_be(laurel: Laurel) -> None:
    said = laurel("settings", env={"LAUREL_BATCH": "many", "KAFKA_BOOTSTRAP": "here"})
    assert said.code == 2
    assert "LAUREL_BATCH: " in said.err
    assert "KAFKA_BOOTSTRAP: " in said.err
    assert "host:port" in said.err
    assert "many" not in said.err


def test_a_scratch_folder_that_cannot_be_made_is_named(laurel: Laurel) -> None:
    for kind in ("intake", "engine"):
        said = laurel("worker", kind, env={"LAUREL_DATA": "/dev/null/laurel"})
        assert said.code == 2
        assert said.err.startswith("laurel: LAUREL_DATA: /dev/null/laurel/")
        assert "name a folder that can" in said.err


def test_a_port_or_a_name_that_cannot_be_is_named(laurel: Laurel) -> None:
    said = laurel("topics", env={"KAFKA_BOOTSTRAP": "127.0.0.1:9092,127.0.0.1:65536"})
    assert said.code == 2
    assert "KAFKA_BOOTSTRAP: " in said.err
    assert "at most 65535" in said.err
    said = laurel("migrate", env={"DATABASE_URL": "postgresql://laurel:sesame@h:x/accounts"})
    assert said.code == 2
    assert "DATABASE_URL: " in said.err
    assert "a port that is no number" in said.err
    assert "sesame" not in said.err
    said = laurel("topics", env={"KAFKA_BOOTSTRAP": f"{'a' * 64}:9092"})
    assert said.code == 1
    assert "can be looked up" in said.err


def test_a_setting_that_is_none_of_ours_is_refused_by_its_name(laurel: Laurel) -> None:
    said = laurel("settings", env={"LAUREL_PARTITON": "3"})
    assert said.code == 2
    assert "LAUREL_PARTITON: no such setting" in said.err


def test_a_channel_named_as_people_name_it_is_refused_with_where_its_id_stands(
    laurel: Laurel,
) -> None:
    said = laurel("settings", env={"SLACK_FALLBACK_CHANNEL": "customer-success"})
    assert said.code == 2
    assert "SLACK_FALLBACK_CHANNEL: " in said.err
    assert "id, not name" in said.err
    assert "the channel's details" in said.err


def test_a_sender_without_a_channel_for_some_cards_does_not_start(laurel: Laurel) -> None:
    env = {"SLACK_BOT_TOKEN": "xoxb-open", "SLACK_FALLBACK_CHANNEL": ""}
    said = laurel("worker", "slack", env=env)
    assert said.code == 2
    assert "SLACK_FALLBACK_CHANNEL is not set" in said.err


def test_settings_are_shown_without_their_secrets(laurel: Laurel) -> None:
    url = "postgresql://laurel:sesame@127.0.0.1:5433/accounts"
    said = laurel("settings", env={"DATABASE_URL": url, "SLACK_BOT_TOKEN": "xoxb-open"})
    assert said.code == 0
    assert "sesame" not in said.out
    assert "xoxb-open" not in said.out
    assert "127.0.0.1:5433/accounts" in said.out
    for name in ("SLACK_BOT_TOKEN", "LAUREL_PARTITIONS", "LAUREL_PREFIX"):
        assert re.search(rf"^{name} ", said.out, re.MULTILINE)


@pytest.mark.parametrize("words", [("export", "alerts"), ("migrate",), ("quarantine", "list")])
def test_a_database_out_of_reach_is_named_without_its_password(
    words: tuple[str, ...], laurel: Laurel
) -> None:
    port = a_free_port()
    url = f"postgresql://laurel:sesame@127.0.0.1:{port}/laurel"
    said = laurel(*words, env={"DATABASE_URL": url})
    assert said.code == 1
    assert said.err.startswith(f"laurel: Postgres at 127.0.0.1:{port}/laurel: ")
    assert "sesame" not in said.err
    assert len(said.err.splitlines()) == 1


PLAYED = {"deliver_at": "2026-03-02T09:00:00Z", "topic": "intake.training", "event": ENROLLED}


@pytest.mark.parametrize(
    "words",
    [
        "topics",
        "worker engine",
        "serve",
        "publish -",
        "publish EVENTS",
        "play PLAY",
        "play --end",
        "positions",
        "positions set slack alerts all end",
        "park 0 0 --reason why",
        "rebuild",
    ],
)
def test_a_broker_out_of_reach_is_named(words: str, laurel: Laurel, tmp_path: Path) -> None:
    (tmp_path / "EVENTS").write_text(json.dumps(ENROLLED))
    (tmp_path / "PLAY").write_text(json.dumps(PLAYED))
    port = a_free_port()
    given = [str(tmp_path / word) if word.isupper() else word for word in words.split()]
    said = laurel(*given, env={"KAFKA_BOOTSTRAP": f"127.0.0.1:{port}"})
    assert said.code == 1
    assert f"127.0.0.1:{port}" in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("worker slack", "SLACK_BOT_TOKEN"),
        ("publish NOWHERE", "NOWHERE: No such file"),
        ("publish .", ".: Is a directory"),
        ("publish WRONG", "WRONG, line 1: "),
        ("play", "name a file"),
        ("play PLAY --end", "`--end` alone"),
        ("play NOWHERE", "NOWHERE: No such file"),
        ("play WRONG", "WRONG, line 1: "),
        ("play PLAY --step 999999d", "'999999d' is longer than"),
        ("positions set slack timeline all end", "slack reads alerts"),
        ("positions set slack alerts all last", "OFFSET 'last'"),
        ("positions set slack alerts all -1", "OFFSET"),
        ("positions set slack alerts one 0", "PARTITION 'one'"),
        ("park 0 last --reason why", "OFFSET: 'last'"),
        ("park one 0 --reason why", "PARTITION: 'one'"),
        ("park 0 0", "--reason"),
        ("rebuild --batch 0", "--batch: '0'"),
        ("rebuild --batch many", "--batch: 'many'"),
        ("quarantine list --limit 0", "--limit: '0'"),
        ("quarantine list --limit 99999999999999999999", "--limit: "),
        ("quarantine list --status replaying", "--status: "),
        ("quarantine list --older-than 999999d", "--older-than: "),
        ("quarantine show d1", "d1 is a dead letter"),
        ("dead-letters replay d1 d", "'d' names no row"),
        ("explain last", "'last' is no UUID"),
        ("tokens make Academy", "NAME 'Academy'"),
        ("tokens make academy --source urn:*:x", "--source 'urn:*:x'"),
    ],
)
def test_a_wrong_word_is_named_without_kafka_and_postgres(
    words: str, said: str, laurel: Laurel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "PLAY").write_text(json.dumps(PLAYED))
    (tmp_path / "WRONG").write_text("nonsense\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    away = f"127.0.0.1:{a_free_port()}"
    env = {"KAFKA_BOOTSTRAP": away, "DATABASE_URL": f"postgresql://laurel@{away}/laurel"}
    refused = laurel(*words.split(), env=env)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err


def test_a_database_without_tables_says_to_migrate(database: str, laurel: Laurel) -> None:
    said = laurel("export", "alerts", env={"DATABASE_URL": database})
    assert said.code == 1
    assert "run `laurel migrate`" in said.err


@pytest.mark.parametrize("revision", ["0001", "9999"])
def test_a_database_of_another_version_is_named_before_it_is_used(
    revision: str, system: System, laurel: Laurel
) -> None:
    with system.connect() as connection:
        connection.execute("UPDATE alembic_version SET version_num = %s", (revision,))
    for words in ("export alerts", "positions", "quarantine list", "serve", "play --end"):
        said = laurel(*words.split(), env=system.env)
        assert said.code == 1
        assert f"is at revision {revision}, this code needs {REVISION}: run " in said.err
    worker = system.start("engine")
    assert worker.await_exit() == STOPPED
    (line,) = worker.events("stopped")
    assert line["error"] == "DatabaseMismatch"


def test_what_kafka_refuses_is_said_in_its_own_words(system: System, laurel: Laurel) -> None:
    env = {**system.env, "LAUREL_PREFIX": "copied-", "LAUREL_REPLICATION": "3"}
    said = laurel("topics", env=env)
    assert said.code == 1
    assert "such as copied-intake.directory: Unable to replicate the partition 3 time" in said.err
    assert len(said.err) < 500


def test_migrating_and_making_topics_twice_changes_nothing(system: System, laurel: Laurel) -> None:
    env = {**system.env, "LAUREL_PREFIX": system.settings.laurel_prefix + "anew-"}
    assert laurel("migrate", env=env).code == 0
    made = laurel("topics", env=env)
    assert (made.code, made.out.count("made t")) == (0, len(TOPICS))
    again = laurel("topics", env=env)
    assert "0 were made, 0 positions began" in again.out
    client = KafkaAdminClient(bootstrap_servers=env["KAFKA_BOOTSTRAP"])
    client.delete_topics([env["LAUREL_PREFIX"] + topic.name for topic in TOPICS])
    client.close()


def test_a_reader_that_has_seen_enough_is_no_fault(system: System) -> None:
    command = [sys.executable, "-m", "streams.cli", "settings"]
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        command, env=system.env, stdout=write, stderr=subprocess.PIPE, check=False, text=True
    )
    os.close(write)
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr


def test_a_file_is_published_whole(system: System, laurel: Laurel, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    course = Story().event("course.described.v1", "2026-03-02T09:00:00Z", course="reporting")
    file.write_text(f"{json.dumps(ENROLLED)}\n\n{json.dumps(course)}\n")
    said = laurel("publish", file, env=system.env)
    assert (said.code, said.out) == (0, "2 events are on the intake topics\n")
    assert [json.loads(r.value) for r in system.records("intake.training")] == [ENROLLED]
    assert [json.loads(r.value) for r in system.records("intake.directory")] == [course]


def test_nothing_of_a_file_with_a_wrong_line_is_published(
    system: System, laurel: Laurel, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    wrong = {**ENROLLED, "data": {"person": {"id": "p-1"}}}
    file.write_text(f"{json.dumps(ENROLLED)}\n\n{json.dumps(wrong)}\n")
    said = laurel("publish", file, env=system.env)
    assert said.code == 2
    assert said.err == f"laurel: {file}, line 3, event 'e1': /data/course: Field required\n"
    assert system.records("intake.training") == []


def test_a_line_that_is_too_large_is_named_before_anything_is_published(
    system: System, laurel: Laurel, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    large = {**ENROLLED, "id": "large", "note": "x" * EVENT_AT_MOST}
    file.write_text(f"{json.dumps(ENROLLED)}\n{json.dumps(large)}\n")
    said = laurel("publish", file, env=system.env)
    assert said.code == 2
    assert said.err == (
        f"laurel: {file}, line 2, event 'large': the event has more than 1000000 bytes\n"
    )
    assert system.records("intake.training") == []


def test_a_topic_that_takes_too_little_at_once_is_named(system: System, laurel: Laurel) -> None:
    system.alter("intake.training", {"max.message.bytes": "1000000"})
    said = laurel("topics", env=system.env)
    assert said.code == 1
    assert "intake.training: max.message.bytes is 1000000, must be 1048588" in said.err


def test_what_comes_on_standard_input_is_published_up_to_the_wrong_line(system: System) -> None:
    lines = f"{json.dumps(ENROLLED)}\nnonsense\n"
    ended = subprocess.run(
        [sys.executable, "-m", "streams.cli", "publish", "-"],
        env=system.env,
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "standard input, line 2: " in ended.stderr
    assert "; the 1 events before it are on the intake topics" in ended.stderr
    assert len(system.records("intake.training")) == 1


def test_a_file_that_is_not_there_is_named(system: System, laurel: Laurel) -> None:
    for command in ("publish", "play"):
        said = laurel(command, "/nowhere/at.all", env=system.env)
        assert (said.code, said.err) == (2, "laurel: /nowhere/at.all: No such file or directory\n")


def test_positions_are_shown_with_their_lag(system: System, laurel: Laurel) -> None:
    system.append("timeline", 1, "k", b"x", b"y")
    said = laurel("positions", env=system.env)
    assert said.code == 0
    rows = [line.split() for line in said.out.splitlines()]
    assert ["engine", system.settings.topic("timeline"), "1", "0", "2"] in rows
    assert ["engine", system.settings.topic("timeline"), "0", "0", "0"] in rows


@pytest.mark.parametrize(
    "words", ["positions", "positions set slack alerts all end", "park 0 0 --reason why"]
)
def test_topics_that_are_missing_are_named_with_what_makes_them(
    words: str, kafka: Broker, laurel: Laurel
) -> None:
    prefix = f"none-{os.getpid()}-"
    env = {"KAFKA_BOOTSTRAP": kafka.bootstrap, "LAUREL_PREFIX": prefix}
    said = laurel(*words.split(), env=env)
    assert said.code == 1
    for topic in TOPICS:
        assert prefix + topic.name in said.err
    assert "are missing: run `laurel topics`" in said.err


def test_a_position_is_set_only_to_where_there_are_records(system: System, laurel: Laurel) -> None:
    system.append("intake.training", 1, "k", b"x", b"y")
    set_position = ("positions", "set", "intake")
    assert laurel(*set_position, "intake.training", 1, 2, env=system.env).code == 0
    assert system.positions("intake", "intake.training")[1] == 2
    for words, said in {
        ("intake.training", 1, 3): "begins at 0 and ends at 2; 3 lies outside",
        ("intake.training", 9, 0): "has partitions 0 to 2, not 9",
        ("intake.training", 1, "-1"): "no number",
        ("alerts", 1, 0): "intake reads intake.directory",
    }.items():
        refused = laurel(*set_position, *words, env=system.env)
        assert refused.code == 2
        assert said in refused.err
    assert system.positions("intake", "intake.training")[1] == 2


def test_lost_positions_are_set_for_all_partitions_at_once(system: System, laurel: Laurel) -> None:
    system.append("alerts", 2, "k", b"x")
    with system.connect() as connection:
        connection.execute("DELETE FROM positions WHERE app = 'slack'")
    topic = system.settings.topic("alerts")
    said = laurel("positions", "set", "slack", topic, "all", "end", env=system.env)
    assert said.code == 0
    assert f"{topic}[2] at 1; there was none" in said.out
    assert system.positions("slack", "alerts") == {0: 0, 1: 0, 2: 1}


def test_no_position_is_set_under_the_feet_of_a_worker(system: System, laurel: Laurel) -> None:
    system.append("intake.training", 1, "k", b"x")
    worker = system.start("intake")
    system.await_intake()
    words = ("positions", "set", "intake", "intake.training", 1, 0)
    refused = laurel(*words, env=system.env)
    assert (refused.code, refused.out) == (1, "")
    assert worker.name in refused.err
    assert "stop every intake worker first" in refused.err
    assert system.positions("intake", "intake.training")[1] == 1
    assert laurel("positions", "set", "slack", "alerts", 1, 0, env=system.env).code == 0
    system.dismiss("intake", worker)
    assert laurel(*words, env=system.env).code == 0
    assert system.positions("intake", "intake.training")[1] == 0


def test_the_engine_can_not_be_set_anywhere(system: System, laurel: Laurel) -> None:
    assert laurel("positions", "set", "engine", "timeline", 0, 0, env=system.env).code == 2


def test_a_parked_record_stands_among_the_dead_letters(system: System, laurel: Laurel) -> None:
    system.append("timeline", 1, "k", b"x", b"y")
    assert laurel("park", 1, 1, "--reason", "is no fact", env=system.env).code == 0
    assert system.rows('SELECT partition, "offset", reason FROM parked') == [(1, 1, "is no fact")]
    assert "is no fact" in laurel("dead-letters", "list", env=system.env).out
    assert laurel("park", 1, 1, "--reason", "again", env=system.env).code == 1


def test_what_is_not_there_or_was_folded_cannot_be_parked(system: System, laurel: Laurel) -> None:
    system.append("timeline", 1, "k", b"x", b"y")
    with system.connect() as connection:
        connection.execute("UPDATE positions SET next_offset = 1 WHERE app = 'engine'")
    for partition, offset, said in (
        (1, 0, "is folded up to 1"),
        (1, 2, "holds 0 to 1"),
        (7, 0, "0 to 2"),
    ):
        refused = laurel("park", partition, offset, "--reason", "why", env=system.env)
        assert refused.code == 2
        assert said in refused.err
    assert laurel("park", 1, 1, "--reason", " ", env=system.env).code == 2
    assert system.rows("SELECT count(*) FROM parked") == [(0,)]


@pytest.fixture
def waiting(system: System) -> System:
    """Two events in the quarantine and a dead letter."""
    with system.connect() as connection:
        for offset, reason in enumerate(("unknown", "ambiguous")):
            connection.execute(
                'INSERT INTO quarantine (topic, partition, "offset", bytes, reason, detail, names,'
                " recorded_at, seen_version, status)"
                " VALUES ('intake.training', 0, %s, %s, %s, 'nobody', '{}', %s, 0, 'waiting')",
                (offset, json.dumps(ENROLLED).encode(), reason, AT),
            )
        connection.execute(
            'INSERT INTO dead_letters (topic, partition, "offset", bytes, reason, detail,'
            " recorded_at, status)"
            " VALUES ('intake.training', 0, 2, 'garbled', 'json', 'no JSON', %s, 'waiting')",
            (AT,),
        )
    return system


def statuses(system: System) -> list[str]:
    rows = system.rows("SELECT status FROM quarantine ORDER BY id")
    return [row[0] for row in rows + system.rows("SELECT status FROM dead_letters")]


def test_what_waits_is_listed_and_shown(waiting: System, laurel: Laurel) -> None:
    listed = laurel("quarantine", "list", env=waiting.env).out
    assert re.search(r"^q1 .* unknown .* intake\.training\[0\]@0 ", listed, re.MULTILINE)
    assert re.search(r"^q2 .* ambiguous ", listed, re.MULTILINE)
    only = laurel("quarantine", "list", "--reason", "unknown", env=waiting.env).out
    assert "q2" not in only
    none = laurel("quarantine", "list", "--reason", "unheard", env=waiting.env).err
    assert "'unheard'; reasons there are: ambiguous, json, unknown" in none
    assert "q1" not in laurel("quarantine", "list", "--status", "discarded", env=waiting.env).out
    shown = laurel("dead-letters", "show", "d1", env=waiting.env).out
    assert "no JSON" in shown
    assert shown.endswith("garbled\n")


def test_rows_are_released_all_or_none(waiting: System, laurel: Laurel) -> None:
    said = laurel("quarantine", "release", "q1", "q9", env=waiting.env)
    assert said.code == 2
    assert "q9" in said.err
    assert statuses(waiting) == ["waiting", "waiting", "waiting"]
    assert laurel("quarantine", "release", "q1", "q2", env=waiting.env).code == 0
    assert laurel("dead-letters", "replay", "d1", env=waiting.env).code == 0
    assert statuses(waiting) == ["releasing", "releasing", "replaying"]


def test_rows_are_discarded_with_a_reason(waiting: System, laurel: Laurel) -> None:
    assert laurel("quarantine", "discard", "q1", env=waiting.env).code == 2
    assert laurel("quarantine", "discard", "q1", "--reason", "a test", env=waiting.env).code == 0
    assert statuses(waiting) == ["discarded", "waiting", "waiting"]


@pytest.mark.parametrize("row", ["d1", "12", "q", "qx", "q9"])
def test_a_row_of_another_kind_or_none_is_refused(
    row: str, waiting: System, laurel: Laurel
) -> None:
    said = laurel("quarantine", "discard", row, "--reason", "a test", env=waiting.env)
    assert said.code == 2
    assert row in said.err
    assert statuses(waiting) == ["waiting", "waiting", "waiting"]


def test_a_waiting_event_is_assigned_to_an_account_that_is_known(
    waiting: System, laurel: Laurel
) -> None:
    acme = ("--customer", "acme", "--person", "p-1")
    with waiting.connect() as connection:
        connection.execute("INSERT INTO links VALUES ('id', 'p-1', 'somebody')")
        connection.execute(
            "INSERT INTO customer_facts (customer, source_id, at) VALUES ('acme', 'crm#1', %s)",
            (AT,),
        )
    stranger = laurel("quarantine", "assign", "q1", *acme, env=waiting.env)
    assert stranger.code == 2
    assert "belongs to no customer as yet, not to 'acme'" in stranger.err
    with waiting.connect() as connection:
        connection.execute(
            "INSERT INTO membership_facts (person, customer, source_id, at, kind)"
            " VALUES ('somebody', 'acme', 'crm#2', %s, 'joined')",
            (AT,),
        )
    assign = ("quarantine", "assign", "q1", "--customer")
    refused = laurel(*assign, "nowhere", "--person", "p-1", env=waiting.env)
    assert refused.code == 2
    assert "'nowhere' has not been described" in refused.err
    said = laurel("quarantine", "assign", "q1", *acme, env=waiting.env)
    assert (said.code, said.err) == (0, "")
    assert waiting.rows("SELECT customer, person FROM routes") == [("acme", "somebody")]
    assert statuses(waiting) == ["releasing", "waiting", "waiting"]


def test_a_token_is_shown_once_and_only_its_hash_is_kept(system: System, laurel: Laurel) -> None:
    made = laurel("tokens", "make", "academy", "--source", "urn:lms:*", env=system.env)
    assert made.code == 0
    secret = made.out.strip().removeprefix("laurel_academy_")
    assert len(secret) == 43
    ((kept,),) = system.rows("SELECT to_jsonb(t)::text FROM tokens t")
    assert secret not in kept
    assert hashlib.sha256(secret.encode()).hexdigest() in kept
    again = laurel("tokens", "make", "academy", env=system.env)
    assert (again.code, again.out) == (2, "")
    assert "revoke it first" in again.err


def test_tokens_are_listed_and_taken_back(system: System, laurel: Laurel) -> None:
    laurel("tokens", "make", "academy", "--source", "urn:lms:*", "--source", "a", env=system.env)
    laurel("tokens", "make", "crm", env=system.env)
    rows = [line.split() for line in laurel("tokens", "list", env=system.env).out.splitlines()[1:]]
    assert [(row[0], row[2:]) for row in rows] == [("academy", ["urn:lms:*", "a"]), ("crm", ["*"])]
    assert laurel("tokens", "revoke", "crm", env=system.env).code == 0
    assert "crm" not in laurel("tokens", "list", env=system.env).out
    refused = laurel("tokens", "revoke", "crm", env=system.env)
    assert refused.code == 2
    assert "there is no token 'crm'" in refused.err
