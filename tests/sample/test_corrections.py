"""Does the expectation take back what was never so, as a person would who reads the play?"""

from datetime import timedelta
from typing import Any

import pytest

from tests.sample.rows import rows, summary
from tests.sample.script import DAY, HOUR, NOON, Script, stamp

DUE = NOON + 14 * DAY
MOMENT = timedelta(milliseconds=1)


def course(script: Script, days: float = 40) -> dict[str, Any]:
    (row,) = rows(script.played(NOON + days * DAY), "training")
    return row


def scores(script: Script) -> list[tuple[str, str | None]]:
    """Outcome and score of each attempt."""
    return [(row["outcome"], row["score"]) for row in rows(script.played(), "attempts")]


def completed(script: Script, days: float, heard: float | None = None, **data: Any) -> str:
    told = NOON + (days if heard is None else heard) * DAY
    return script.told("training.completed.v1", NOON + days * DAY, told, **data)


@pytest.mark.parametrize("heard", [0.5, 2])
def test_a_completion_withdrawn_by_name_was_never_made_whichever_is_heard_first(
    heard: float,
) -> None:
    script = Script()
    script.told("training.started.v1", NOON)
    end = completed(script, 1, score=90)
    script.unmade(NOON + 3 * DAY, NOON + heard * DAY, end)
    row = course(script, 4)
    assert (row["status"], row["completed_at"], row["score"]) == ("in_progress", None, None)
    assert (row["attempts"], row["last_activity_at"]) == (0, stamp(NOON))
    assert row["updated_at"] == stamp(NOON + max(heard, 1) * DAY)
    assert scores(script) == []


def test_a_name_takes_away_nothing_but_a_completion_of_that_source_in_that_course() -> None:
    script = Script()
    failure = script.told("training.failed.v1", NOON, score=10)
    end = completed(script, 1, score=90)
    script.unmade(NOON + 2 * DAY, named=failure)
    script.unmade(NOON + 2 * DAY, named=end, course="c")
    script.unmade(NOON + 2 * DAY, named=end)
    script.lines[-1]["event"]["source"] = "urn:another"
    assert scores(script) == [("failed", "10"), ("passed", "90")]
    shown = {row["course"]: row["status"] for row in rows(script.played(), "training")}
    assert shown == {"c": "not_started", "plain": "completed"}


@pytest.mark.parametrize(("hours", "left"), [(-1, 2), (0, 1), (30, 0)])
def test_without_a_name_it_takes_what_the_run_completed_until_then(hours: int, left: int) -> None:
    script = Script()
    completed(script, 1)
    completed(script, 2)
    script.unmade(NOON + DAY + hours * HOUR, NOON + 5 * DAY)
    assert course(script)["attempts"] == left


def test_with_a_number_it_takes_only_what_states_that_number() -> None:
    script = Script()
    completed(script, 1, attempt=1, score=71)
    completed(script, 1.1, score=72)
    completed(script, 3, attempt=2, score=73)
    script.unmade(NOON + 4 * DAY, attempt=1)
    assert scores(script) == [("passed", "73"), ("passed", "72")]
    script.unmade(NOON + 4 * DAY, attempt=3)
    assert scores(script) == [("passed", "73"), ("passed", "72")]


def test_with_a_registration_it_takes_only_of_that_run_and_begins_none() -> None:
    script = Script()
    completed(script, 1, registration="one", score=71)
    completed(script, 3, registration="two", score=72)
    script.unmade(NOON + 5 * DAY, registration="three")
    assert scores(script) == [("passed", "71"), ("passed", "72")]
    script.unmade(NOON + 5 * DAY, registration="one")
    assert scores(script) == [("passed", "72")]
    assert course(script)["status"] == "completed"


def test_an_enrolment_after_an_ending_that_is_taken_away_begins_no_run() -> None:
    script = Script()
    script.told("module.completed.v1", NOON, module="m1")
    end = completed(script, 1)
    script.told("training.enrolled.v1", NOON + 2 * DAY)
    script.told("module.completed.v1", NOON + 3 * DAY, module="m2")
    assert course(script)["modules"] == ["m2"]
    script.unmade(NOON + 4 * DAY, named=end)
    assert course(script)["modules"] == ["m1", "m2"]


@pytest.mark.parametrize("known", [True, False])
def test_where_nothing_is_left_but_the_withdrawal_the_course_is_not_begun(known: bool) -> None:
    script = Script()
    if known:
        completed(script, 1)
    script.unmade(NOON + 2 * DAY)
    row = course(script)
    assert (row["status"], row["started_at"], row["modules"]) == ("not_started", None, [])
    (team,) = [row for row in rows(script.played(), "teams") if row["role"] == "any"]
    assert (team["people"], team["enrolled"]) == (1, 1)


def test_a_stall_that_stands_again_opens_its_alert_again_however_late() -> None:
    script = Script()
    start = script.told("training.started.v1", NOON)
    end = script.told("training.completed.v1", DUE + DAY)
    assert [alert[2] for alert in script.alerts()] == ["resolved"]
    script.unmade(DUE + 6 * DAY, named=end)
    assert script.alerts() == [(stamp(DUE), stamp(DUE), "open", [start])]
    replay = script.played()
    assert summary(replay)["cards"] == 1
    assert course(script)["stalled_at"] == stamp(DUE)


def test_an_alert_that_a_late_completion_had_withdrawn_opens_again() -> None:
    script = Script()
    start = script.told("training.started.v1", NOON)
    script.told("training.completed.v1", DUE - HOUR, DUE + DAY)
    assert [alert[2] for alert in script.alerts()] == ["withdrawn"]
    script.unmade(DUE + DAY, DUE + 2 * DAY)
    assert script.alerts() == [(stamp(DUE), stamp(DUE), "open", [start])]


def test_a_clock_that_runs_again_in_time_strikes_at_its_deadline() -> None:
    script = Script()
    start = script.told("training.started.v1", NOON)
    end = completed(script, 3)
    script.unmade(NOON + 5 * DAY, named=end)
    assert script.alerts() == [(stamp(DUE), stamp(DUE), "open", [start])]


@pytest.mark.parametrize(("late", "raised"), [(timedelta(0), 1), (MOMENT, 0)])
def test_a_deadline_that_a_withdrawal_makes_history_marks_and_does_not_alert(
    late: timedelta, raised: int
) -> None:
    script = Script()
    script.told("training.started.v1", NOON)
    end = completed(script, 3)
    script.unmade(DUE + 2 * DAY + late, named=end)
    assert len(script.alerts()) == raised
    row = course(script)
    assert (row["status"], row["stalled_at"]) == ("abandoned", stamp(DUE))


def test_a_completion_heard_after_its_withdrawal_had_stopped_no_clock() -> None:
    script = Script()
    start = script.told("training.started.v1", NOON)
    end = script.told("training.completed.v1", NOON + DAY, DUE + 6 * DAY)
    script.unmade(NOON + 2 * DAY, DUE + 5 * DAY, end)
    assert script.alerts() == [(stamp(DUE), stamp(DUE), "open", [start])]


def test_the_completion_of_an_earlier_run_makes_no_history_of_the_next() -> None:
    script = Script()
    end = completed(script, 0, registration="one")
    start = script.told("training.started.v1", NOON + DAY, registration="two")
    script.unmade(DUE + 10 * DAY, named=end)
    assert [alert[2:] for alert in script.alerts()] == [("open", [start])]


def test_a_certificate_earned_by_what_was_withdrawn_is_corrected_and_gone() -> None:
    script = Script()
    end = completed(script, 1, course="c")
    mend = script.unmade(NOON + 5 * DAY, named=end, course="c")
    assert [alert[2:] for alert in script.alerts()] == [("corrected", sorted([end, mend]))]
    assert rows(script.played(), "certificates") == []


def test_the_certificate_that_a_withdrawn_completion_brought_along_goes_with_it() -> None:
    script = Script()
    inline = {"certificate": "badge", "number": "N1"}
    completed(script, 1, course="plain", certificate=inline)
    script.unmade(NOON + 5 * DAY)
    assert [alert[2] for alert in script.alerts()] == ["corrected"]
    assert rows(script.played(), "certificates") == []


def test_an_explicit_grant_outlives_the_completion_and_dates_the_alert_anew() -> None:
    script = Script()
    completed(script, 1, course="c")
    grant = script.told("certificate.granted.v1", NOON + 2 * DAY, certificate="badge")
    script.unmade(NOON + 5 * DAY, course="c")
    dated = stamp(NOON + 2 * DAY)
    assert script.alerts() == [(dated, stamp(NOON + DAY), "open", [grant])]
    (row,) = rows(script.played(), "certificates")
    assert (row["status"], row["earned_at"]) == ("valid", dated)
    mend = script.told("certificate.revoked.v1", NOON + 6 * DAY, certificate="badge")
    assert [alert[2:] for alert in script.alerts()] == [("corrected", sorted([grant, mend]))]


def test_what_was_a_renewal_begins_the_certificate_on_the_same_card() -> None:
    script = Script()
    completed(script, 1, course="c")
    renewal = script.told("certificate.renewed.v1", NOON + 9 * DAY, certificate="badge")
    script.unmade(NOON + 5 * DAY, NOON + 12 * DAY, course="c")
    assert [(alert[0], *alert[2:]) for alert in script.alerts()] == [
        (stamp(NOON + 9 * DAY), "open", [renewal])
    ]
    assert summary(script.played())["cards"] == 1


def test_a_team_that_a_withdrawn_completion_had_completed_is_corrected() -> None:
    script = Script()
    script.required(course="plain")
    end = completed(script, 1)
    mend = script.unmade(NOON + 2 * DAY, named=end)
    again = completed(script, 3)
    told = [alert[2:] for alert in script.alerts()]
    assert told == [("corrected", sorted([end, mend])), ("open", [again])]


def test_an_enrolment_heard_late_parts_the_runs_and_gives_the_completion_back() -> None:
    script = Script()
    script.told("training.started.v1", NOON)
    completed(script, 1)
    script.unmade(NOON + 5 * DAY)
    assert course(script)["status"] == "abandoned"
    script.told("training.enrolled.v1", NOON + 2 * DAY, NOON + 6 * DAY)
    assert (course(script)["status"], scores(script)) == ("not_started", [("passed", None)])


def test_a_new_score_holds_for_the_attempt_in_every_count() -> None:
    script = Script()
    script.told("training.failed.v1", NOON, attempt=1, score=40)
    completed(script, 1, attempt=2, score=80)
    before = course(script)
    regrade = NOON + 9 * DAY
    script.regraded(regrade, attempt=2, score="92.50")
    assert scores(script) == [("failed", "40"), ("passed", "92.5")]
    changed = {"score": "92.5", "updated_at": stamp(regrade)}
    assert course(script) == before | changed
    (team,) = [row for row in rows(script.played(), "teams") if row["role"] == "any"]
    assert (team["scored"], team["average_score"]) == (1, "92.5")


def test_a_new_score_without_a_number_is_of_the_latest_attempt_until_then() -> None:
    script = Script()
    script.told("training.failed.v1", NOON, score=40)
    completed(script, 2)
    script.regraded(NOON + DAY, NOON + 5 * DAY, score=50)
    assert scores(script) == [("failed", "50"), ("passed", None)]
    script.regraded(NOON + 2 * DAY, NOON + 5 * DAY, score=60)
    assert scores(script) == [("failed", "50"), ("passed", "60")]
    script.regraded(NOON - HOUR, NOON + 6 * DAY, score=70)
    assert scores(script) == [("failed", "50"), ("passed", "60")]


def test_of_several_new_scores_that_of_the_latest_time_holds() -> None:
    script = Script()
    completed(script, 1, score=80)
    script.regraded(NOON + 4 * DAY, score=90)
    script.regraded(NOON + 3 * DAY, NOON + 5 * DAY, score=85)
    assert scores(script) == [("passed", "90")]


def test_a_new_score_alone_is_nothing_until_the_attempt_is_heard_of() -> None:
    script = Script()
    script.regraded(NOON + 2 * DAY, attempt=1, score=90)
    assert [rows(script.played(), kind) for kind in ("training", "attempts")] == [[], []]
    (team,) = [row for row in rows(script.played(), "teams") if row["role"] == "any"]
    assert team["enrolled"] == 0
    completed(script, 1, 3, attempt=1, score=80)
    row = course(script)
    assert (row["score"], row["created_at"]) == ("90", stamp(NOON + 2 * DAY))


def test_a_new_score_of_another_registration_changes_none() -> None:
    script = Script()
    completed(script, 1, registration="one", score=80)
    script.regraded(NOON + 2 * DAY, registration="two", score=90)
    assert scores(script) == [("passed", "80")]
    script.regraded(NOON + 2 * DAY, registration="one", score=90)
    assert scores(script) == [("passed", "90")]


def test_the_score_of_an_attempt_that_was_withdrawn_does_not_come_back() -> None:
    script = Script()
    script.told("training.failed.v1", NOON, attempt=1, score=40)
    end = completed(script, 1, attempt=2, score=80)
    script.regraded(NOON + 2 * DAY, attempt=2, score=90)
    script.unmade(NOON + 3 * DAY, named=end)
    assert scores(script) == [("failed", "40")]
    assert course(script)["score"] == "40"


@pytest.mark.parametrize(
    ("wire", "said", "refused"),
    [
        ("training.completion.withdrawn.v1", {"withdraws": "7", "attempt": 1}, 1),
        ("training.completion.withdrawn.v1", {"withdraws": None, "attempt": 1}, 0),
        ("training.completion.withdrawn.v1", {"withdraws": ""}, 1),
        ("training.score.regraded.v1", {"attempt": 1}, 1),
        ("training.score.regraded.v1", {"score": 101}, 1),
        ("training.score.regraded.v1", {"score": "7.5"}, 0),
    ],
    ids=str,
)
def test_a_correction_that_breaks_the_contract_is_a_dead_letter(
    wire: str, said: dict[str, Any], refused: int
) -> None:
    script = Script()
    script.told(wire, NOON, **said)
    assert summary(script.played())["dead_letters"] == refused
