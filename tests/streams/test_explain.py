"""Does `laurel explain` say what made each version of an alert, and what became of its card?"""

import re
from uuid import UUID

import pytest

from projections.migrate import migrate
from streams import cli, database
from streams.settings import Settings, load
from streams.slack import reply_id

ALERT = "3f1c6f0e-3a5b-5c1e-8a52-0c7a6fbb3d61"

HISTORY = """
INSERT INTO live.alerts VALUES (%(alert)s, 2, 'training_abandoned', 3, 'acme', 'p1|reporting',
    'resolved', '2026-01-19T09:10Z', '2026-01-19T10:00Z', '{lms#1,lms#7}',
    '{"course": "reporting", "module": "m2"}', true);
INSERT INTO live.alert_versions VALUES
    (%(alert)s, 1, 'open', '2026-01-19T09:10Z', '{lms#1}',
     '{"course": "reporting", "module": "m1"}', '2026-01-19T10:00Z', NULL, 4, 77),
    (%(alert)s, 2, 'resolved', '2026-01-19T09:10Z', '{lms#1,lms#7}',
     '{"course": "reporting", "module": "m2"}', '2026-01-25T12:05Z', 'lms#7', 4, 81);
INSERT INTO people (person, name) VALUES ('p1', 'Ada Byron');
INSERT INTO customer_facts (customer, source_id, at, name) VALUES ('acme', 'crm#1', now(), 'Acme');
INSERT INTO course_facts (course, source_id, at, name)
    VALUES ('reporting', 'crm#2', now(), 'Reporting');
"""


@pytest.fixture
def settings(database: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    migrate(database)
    monkeypatch.setenv("DATABASE_URL", database)
    return load()


@pytest.fixture(autouse=True)
def history(settings: Settings) -> None:
    with database.connect(settings) as connection:
        connection.execute(HISTORY.replace("%(alert)s", f"'{ALERT}'"))


def explain(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(["explain", ALERT, *words]) == 0
    return capsys.readouterr().out


def test_an_alert_is_explained_version_by_version(capsys: pytest.CaptureFixture[str]) -> None:
    said = explain(capsys)
    head, first, second = said.split("\n\n")
    assert "training_abandoned, version 3" in head
    assert "resolved, in version 2" in head
    assert "2026-01-19T09:10:00.000Z, when its condition became true" in head
    assert "2026-01-19T10:00:00.000Z, when Laurel knew" in head
    assert first.startswith("version 1: open\n")
    assert "by the clock" in first
    assert "timeline[4], offset 77" in first
    assert 'module = "m1"' in first
    assert "lms#7" not in first
    assert second.startswith("version 2: resolved\n")
    assert "by lms#7" in second
    assert "timeline[4], offset 81" in second
    assert re.search(r"because +lms#1\n +lms#7\n", second)


def test_names_are_shown_only_when_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Ada" not in explain(capsys)
    assert "Ada Byron of Acme, Reporting" in explain(capsys, "--names")


def test_a_card_that_was_never_heard_of_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert re.search(r"^card +none: ", explain(capsys), re.MULTILINE)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2, 1, 'pending', 'C1', '17.5', 1, NULL", "pending, shows version 1 of 2, C1 17.5"),
        ("2, 2, 'sent', 'C1', '17.5', 2, 'ok'", "sent, shows version 2 of 2"),
        ("1, 0, 'dead', NULL, NULL, 3, 'is_archived'", "dead, not posted, wanted: 1"),
    ],
)
def test_what_became_of_the_card_is_said(
    row: str, said: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.connect(settings) as connection:
        connection.execute(
            "INSERT INTO deliveries (alert, customer, looked, desired, posted, state, channel, ts,"
            f" attempts, outcome) VALUES ('{ALERT}', 'acme', 0, {row})"
        )
    text = explain(capsys)
    assert said in text
    assert ("is_archived" in text) == ("is_archived" in row)


def test_what_became_of_the_reply_in_its_thread_is_said(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.connect(settings) as connection:
        connection.execute(
            "INSERT INTO deliveries (alert, customer, looked, desired, posted, state, attempts, ts,"
            f" outcome, thread_of) VALUES ('{ALERT}', 'acme', 0, 1, 1, 'sent', 0, '17.5', 'ok',"
            f" NULL), ('{reply_id(UUID(ALERT))}', 'acme', 0, 1, 1, 'replied', 0, '17.6', 'ok',"
            f" '{ALERT}')"
        )
    assert re.search(r"^reply +replied, 17\.6; ", explain(capsys), re.MULTILINE)


@pytest.mark.parametrize(
    ("alert", "code", "said"),
    [
        ("nonsense", 2, "'nonsense' is no UUID"),
        ("00000000-0000-0000-0000-000000000000", 1, "there is no alert 00000000-"),
    ],
)
def test_an_alert_that_is_none_is_named(
    alert: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["explain", alert]) == code
    assert said in capsys.readouterr().err


def test_a_milestone_names_its_team_and_what_that_has_reached(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.connect(settings) as connection:
        connection.execute(
            """
            UPDATE live.alerts SET rule = 'team_milestone',
                subject = 'r|admin|any|course|reporting',
                "values" = '{"requirement": "r", "role": "admin", "level": "any",
                             "target_kind": "course", "target": "reporting"}'
            """
        )
    said = explain(capsys, "--names")
    assert "that is    the team of role admin and level any of Acme, Reporting\n" in said
