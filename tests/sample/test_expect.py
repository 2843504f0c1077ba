"""Does the expectation say what a person would say of a play of a few lines?"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sample.rows import rows, summary
from tests.sample.script import DAY, HOUR, MINUTE, NOON, Script, stamp

DUE = NOON + 14 * DAY


def test_silence_is_raised_at_the_first_whole_hour_at_or_after_its_deadline() -> None:
    script = Script()
    start = script.told("training.started.v1", NOON + 7 * MINUTE)
    due = DUE + 7 * MINUTE
    assert script.alerts() == [(stamp(due), stamp(DUE + HOUR), "open", [start])]


def test_activity_exactly_at_the_deadline_is_too_late_and_makes_no_card() -> None:
    script = Script()
    start = script.told("training.started.v1", NOON + 7 * MINUTE)
    due = DUE + 7 * MINUTE
    module = script.told("module.completed.v1", due, due + MINUTE, module="m")
    end = script.told("training.completed.v1", due + DAY)
    replay = script.played()
    (row,) = rows(replay, "alerts")
    assert (row["status"], row["at"], row["raised_at"], row["causes"]) == (
        "resolved",
        stamp(due),
        stamp(due + MINUTE),
        [start, module],
    )
    assert end not in row["causes"]
    assert summary(replay)["cards"] == 0


def test_activity_a_millisecond_before_the_deadline_moves_it() -> None:
    script = Script()
    script.told("training.started.v1", NOON)
    script.told("training.waived.v1", DUE + DAY)
    script.told("module.completed.v1", DUE - timedelta(milliseconds=1), module="m")
    assert script.alerts() == []


def test_what_is_delivered_on_the_hour_belongs_to_the_step_that_ends_there() -> None:
    script = Script()
    script.told("training.started.v1", NOON + 7 * MINUTE)
    script.told("training.completed.v1", DUE, DUE + HOUR)
    assert script.alerts() == []


def test_a_completion_heard_a_step_late_withdraws_the_alert() -> None:
    script = Script()
    start = script.told("training.started.v1", NOON + 7 * MINUTE)
    end = script.told("training.completed.v1", DUE, DUE + HOUR + MINUTE)
    due = DUE + 7 * MINUTE
    assert script.alerts() == [(stamp(due), stamp(DUE + HOUR), "withdrawn", [start, end])]


def test_a_second_stall_is_a_second_alert() -> None:
    script = Script()
    start = script.told("training.started.v1", NOON)
    back = script.told("module.completed.v1", DUE + DAY, module="m")
    again = DUE + 15 * DAY
    assert script.alerts() == [
        (stamp(DUE), stamp(DUE), "resolved", sorted([start, back])),
        (stamp(again), stamp(again), "open", [back]),
    ]


def test_a_twin_of_the_last_activity_joins_the_causes_of_the_open_alert() -> None:
    script = Script()
    fact = script.told("training.started.v1", NOON)
    twin = script.told("training.started.v1", NOON, DUE + DAY)
    assert script.alerts() == [(stamp(DUE), stamp(DUE), "open", sorted([fact, twin]))]


def test_a_deadline_more_than_two_days_old_when_heard_is_history() -> None:
    script = Script()
    script.told("training.started.v1", NOON - 17 * DAY, NOON)
    replay = script.played()
    (row,) = rows(replay, "training")
    assert row["stalled_at"] == stamp(NOON - 3 * DAY)
    assert row["status"] == "abandoned"
    assert rows(replay, "alerts") == []


def test_history_whose_deadline_lies_ahead_is_raised() -> None:
    script = Script()
    start = script.told("training.started.v1", NOON - 10 * DAY, NOON)
    due = NOON + 4 * DAY
    assert script.alerts() == [(stamp(due), stamp(due), "open", [start])]


def test_who_rejoins_is_given_a_fresh_clock() -> None:
    script = Script()
    script.told("training.started.v1", NOON)
    script.left(NOON + 5 * DAY)
    joined = f"urn:t#{len(script.lines)}"
    script.joined(NOON + 9 * DAY)
    due = NOON + 23 * DAY
    assert script.alerts() == [(stamp(due), stamp(due), "open", [joined])]


def test_a_leaving_resolves_a_stall_and_ends_the_clock() -> None:
    script = Script()
    script.told("training.started.v1", NOON)
    script.left(DUE + DAY)
    replay = script.played()
    assert [row["status"] for row in rows(replay, "alerts")] == ["resolved"]
    assert [row["active"] for row in rows(replay, "training")] == [False]


def test_completions_of_one_day_in_the_account_are_one_attempt() -> None:
    script = Script(zone="Pacific/Auckland")
    midnight = datetime(2026, 3, 3, 11, tzinfo=UTC)
    script.told("training.completed.v1", midnight + HOUR, score=80)
    script.told("training.completed.v1", midnight + 23 * HOUR, score=80)
    script.told("training.completed.v1", midnight - MINUTE)
    attempts = rows(script.played(), "attempts")
    assert [(row["at"], row["score"]) for row in attempts] == [
        (stamp(midnight - MINUTE), None),
        (stamp(midnight + HOUR), "80"),
    ]


def test_an_enrolment_after_an_ending_begins_a_run_and_one_before_does_not() -> None:
    script = Script()
    script.told("module.completed.v1", NOON, module="m1")
    script.told("training.enrolled.v1", NOON + DAY)
    script.told("module.completed.v1", NOON + 2 * DAY, module="m2")
    script.told("training.withdrawn.v1", NOON + 3 * DAY)
    (row,) = rows(script.played(), "training")
    assert (row["status"], row["modules"]) == ("withdrawn", ["m1", "m2"])
    script.told("training.enrolled.v1", NOON + 4 * DAY)
    script.told("module.completed.v1", NOON + 5 * DAY, module="m3")
    (row,) = rows(script.played(), "training")
    assert (row["status"], row["modules"]) == ("abandoned", ["m3"])


def test_an_enrolment_after_a_lapse_begins_a_run_unless_a_renewal_was_told_late() -> None:
    script = Script()
    script.told("module.completed.v1", NOON, course="c", module="m1")
    script.told("certificate.granted.v1", NOON, certificate="badge", last_day="2026-03-10")
    script.told("training.enrolled.v1", NOON + 9 * DAY, course="c")
    script.told("module.completed.v1", NOON + 10 * DAY, course="c", module="m2")
    assert [row["modules"] for row in rows(script.played(), "training")] == [["m2"]]
    script.told("certificate.renewed.v1", NOON + 5 * DAY, NOON + 11 * DAY, certificate="badge")
    assert [row["modules"] for row in rows(script.played(), "training")] == [["m1", "m2"]]


def test_a_patient_course_waits_as_long_as_it_says() -> None:
    script = Script(patience_days=20)
    start = script.told("training.started.v1", NOON, course="c")
    due = NOON + 20 * DAY
    assert script.alerts() == [(stamp(due), stamp(due), "open", [start])]


def test_attempts_are_told_apart_by_number_and_the_first_passing_score_stands() -> None:
    script = Script()
    script.told("training.failed.v1", NOON, attempt=1, score=40)
    script.told("training.failed.v1", NOON + 2 * DAY, attempt=1)
    script.told("training.failed.v1", NOON + 3 * HOUR, attempt=2, score="55.50")
    script.told("training.completed.v1", NOON + 3 * DAY, attempt=3, score=92.5)
    script.told("training.completed.v1", NOON + 4 * DAY, attempt=4, score=100)
    replay = script.played()
    told = [(row["outcome"], row["attempt"], row["score"]) for row in rows(replay, "attempts")]
    assert told == [
        ("failed", 1, "40"),
        ("failed", 2, "55.5"),
        ("passed", 3, "92.5"),
        ("passed", 4, "100"),
    ]
    (row,) = rows(replay, "training")
    assert (row["score"], row["attempts"]) == ("92.5", 4)


def test_activity_after_the_outcome_changes_neither_clock_nor_last_activity() -> None:
    script = Script()
    script.told("training.started.v1", NOON)
    script.told("training.withdrawn.v1", NOON + DAY)
    script.told("module.completed.v1", NOON + 2 * DAY, module="m")
    replay = script.played()
    (row,) = rows(replay, "training")
    assert (row["status"], row["last_activity_at"]) == ("withdrawn", stamp(NOON))
    assert row["updated_at"] == stamp(NOON + 2 * DAY)
    assert rows(replay, "alerts") == []


def test_a_failure_that_falls_silent_is_abandoned_and_before_that_failed() -> None:
    script = Script()
    script.told("training.started.v1", NOON)
    script.told("training.failed.v1", NOON + DAY, score=10)
    assert [row["status"] for row in rows(script.played(NOON + 2 * DAY), "training")] == ["failed"]
    script.lines.pop()
    assert [row["status"] for row in rows(script.played(), "training")] == ["abandoned"]


@pytest.mark.parametrize(("days", "awards"), [(7, 1), (8, 2)])
def test_a_completion_and_a_grant_agree_within_seven_days(days: int, awards: int) -> None:
    script = Script()
    script.told("training.completed.v1", NOON, course="c")
    script.told("certificate.granted.v1", NOON + days * DAY, certificate="badge", number="N")
    (row,) = rows(script.played(), "certificates")
    assert (row["renewed_at"] is None) == (awards == 1)


def test_a_revocation_of_another_number_changes_nothing() -> None:
    script = Script()
    script.told("certificate.granted.v1", NOON, certificate="badge", number="N1")
    script.told("certificate.revoked.v1", NOON + DAY, certificate="badge", number="N2")
    assert [row["status"] for row in rows(script.played(), "certificates")] == ["valid"]
    script.told("certificate.revoked.v1", NOON + 2 * DAY, certificate="badge", number="N1")
    assert [row["status"] for row in rows(script.played(), "certificates")] == ["revoked"]


def test_whoever_cannot_be_placed_waits_for_the_reason_that_stands_in_the_way() -> None:
    script = Script()
    script.listed("customer.described.v1", customer="other")
    bob = {"id": "bob", "email": "bob@acme.example"}
    script.listed("person.joined.v1", customer="acme", person=bob)
    script.listed("person.joined.v1", customer="nobody", person={"id": "eve"})
    script.told("training.started.v1", NOON, person={"id": "ada", "email": "bob@acme.example"})
    script.told("training.started.v1", NOON, customer="other")
    script.told("training.started.v1", NOON, course="none")
    script.left(NOON + DAY)
    script.told("training.started.v1", NOON + 2 * DAY)
    waiting = summary(script.played())["quarantined"]
    assert waiting == {"conflict": 2, "left": 1, "unknown": 2}


def test_an_id_that_looks_like_an_address_is_hashed_in_the_causes() -> None:
    script = Script()
    script.told("training.started.v1", NOON)
    script.lines[-1]["event"]["id"] = "ada@acme.example"
    ((_, _, _, causes),) = script.alerts()
    assert causes == ["urn:t#h-2a1322415fff1b1aceaebe7855b2c5bd"]


def test_a_certificate_of_months_lapses_the_day_before_the_day_of_the_month() -> None:
    script = Script(validity_months=1)
    script.told("training.completed.v1", datetime(2026, 1, 31, 9, tzinfo=UTC), NOON, course="c")
    (row,) = rows(script.played(), "certificates")
    assert (row["last_day"], row["status"]) == ("2026-02-27", "expired")


@pytest.mark.parametrize(
    ("zone", "last_day", "lapse"),
    [
        ("America/Santiago", "2026-09-05", datetime(2026, 9, 6, 4, tzinfo=UTC)),
        ("Europe/Berlin", "2026-10-25", datetime(2026, 10, 25, 23, tzinfo=UTC)),
        ("Pacific/Auckland", "2026-09-26", datetime(2026, 9, 26, 12, tzinfo=UTC)),
    ],
)
def test_a_certificate_ends_with_the_last_day_as_the_account_counts_it(
    zone: str, last_day: str, lapse: datetime
) -> None:
    """In Santiago, 6 September 2026 begins at one o'clock; in Berlin, 25 October is long."""
    script = Script(zone=zone)
    start = lapse - 9 * DAY
    script.told("certificate.granted.v1", start, certificate="badge", last_day=last_day)
    before = rows(script.played(lapse - MINUTE - HOUR), "certificates")
    script.lines.pop()
    after = rows(script.played(lapse), "certificates")
    assert [row["status"] for row in before + after] == ["valid", "expired"]


def test_a_completion_with_its_certificate_is_one_award_with_one_cause() -> None:
    script = Script()
    inline = {"certificate": "badge", "number": "N1", "last_day": "2026-12-24"}
    told = script.told("training.completed.v1", NOON, course="c", certificate=inline)
    replay = script.played()
    (row,) = rows(replay, "certificates")
    assert (row["number"], row["last_day"], row["renewed_at"], row["course"]) == (
        "N1",
        "2026-12-24",
        None,
        "c",
    )
    assert [row["causes"] for row in rows(replay, "alerts")] == [[told]]


def test_a_renewal_heard_after_the_lapse_opens_the_alert_again() -> None:
    script = Script()
    grant = script.told("certificate.granted.v1", NOON, certificate="badge", last_day="2026-03-10")
    script.told(
        "certificate.renewed.v1",
        NOON + 5 * DAY,
        NOON + 12 * DAY,
        certificate="badge",
        last_day="2026-12-01",
    )
    replay = script.played()
    (alert,) = rows(replay, "alerts")
    assert (alert["status"], alert["raised_at"], alert["causes"]) == ("open", stamp(NOON), [grant])
    (row,) = rows(replay, "certificates")
    assert (row["status"], row["renewed_at"]) == ("valid", stamp(NOON + 5 * DAY))


def test_a_renewal_that_keeps_the_number_still_lasts_longer() -> None:
    script = Script()
    more: dict[str, Any] = {"certificate": "badge", "number": "N-1"}
    script.told("certificate.granted.v1", NOON, last_day="2026-03-10", **more)
    script.told("certificate.renewed.v1", NOON + DAY, last_day="2026-12-01", **more)
    (row,) = rows(script.played(), "certificates")
    assert (row["renewed_at"], row["last_day"]) == (stamp(NOON + DAY), "2026-12-01")


@pytest.mark.parametrize(
    ("then", "stands"),
    [
        ({}, None),
        ({"last_day": "9999-12-31"}, None),
        ({"last_day": "2026-03-05"}, "2026-12-01"),
        ({"last_day": "2026-12-24"}, "2026-12-24"),
    ],
)
def test_the_last_day_is_that_of_the_award_that_lasts_longest(
    then: dict[str, Any], stands: str | None
) -> None:
    script = Script()
    script.told("certificate.granted.v1", NOON, certificate="badge", last_day="2026-12-01")
    script.told("certificate.renewed.v1", NOON + DAY, certificate="badge", **then)
    (row,) = rows(script.played(), "certificates")
    assert (row["status"], row["last_day"]) == ("valid", stands)


def test_a_lapse_resolves_without_a_cause_and_a_grant_after_it_is_earned_anew() -> None:
    script = Script()
    first = script.told("certificate.granted.v1", NOON, certificate="badge", last_day="2026-03-10")
    second = script.told("certificate.granted.v1", NOON + 20 * DAY, certificate="badge")
    assert [(status, causes) for _, _, status, causes in script.alerts()] == [
        ("resolved", [first]),
        ("open", [second]),
    ]


def test_a_revocation_corrects_and_a_grant_within_the_week_is_earned_anew() -> None:
    script = Script()
    first = script.told("training.completed.v1", NOON, course="c")
    ended = script.told("certificate.revoked.v1", NOON + DAY, certificate="badge")
    second = script.told("certificate.granted.v1", NOON + 2 * DAY, certificate="badge")
    assert [(status, causes) for _, _, status, causes in script.alerts()] == [
        ("corrected", sorted([first, ended])),
        ("open", [second]),
    ]


def test_an_earlier_twin_dates_the_certification_anew() -> None:
    script = Script()
    fact = script.told("training.completed.v1", NOON, course="c")
    twin = script.told("training.completed.v1", NOON - HOUR, NOON + 9 * HOUR, course="c")
    assert script.alerts() == [(stamp(NOON - HOUR), stamp(NOON), "open", sorted([fact, twin]))]


def test_an_old_grant_told_late_makes_the_new_one_a_renewal_and_withdraws_its_alert() -> None:
    script = Script()
    script.told("training.completed.v1", NOON, course="c")
    script.told("certificate.granted.v1", NOON - 60 * DAY, NOON + DAY, certificate="badge")
    replay = script.played()
    assert [row["status"] for row in rows(replay, "alerts")] == ["withdrawn"]
    (row,) = rows(replay, "certificates")
    assert (row["earned_at"], row["renewed_at"]) == (stamp(NOON - 60 * DAY), stamp(NOON))


def test_what_waits_is_released_when_the_person_is_known_and_keeps_when_it_was_heard() -> None:
    script = Script()
    script.lines.pop()
    start = script.told("training.started.v1", NOON)
    script.joined(DUE + 2 * DAY)
    replay = script.played()
    (alert,) = rows(replay, "alerts")
    assert (alert["raised_at"], alert["causes"]) == (stamp(DUE + 2 * DAY), [start])
    assert [row["created_at"] for row in rows(replay, "training")] == [stamp(NOON)]
    assert summary(replay)["quarantined"] == {}


def test_an_event_of_tomorrow_waits_until_it_has_happened() -> None:
    script = Script()
    script.told("training.completed.v1", NOON + 30 * HOUR, NOON)
    early = script.played(NOON + 29 * HOUR)
    script.lines.pop()
    late = script.played(NOON + 31 * HOUR)
    assert summary(early)["quarantined"] == {"future": 1}
    assert summary(late)["quarantined"] == {}
    assert [row["updated_at"] for row in rows(late, "training")] == [stamp(NOON)]


def test_a_repeat_keeps_its_account_when_a_second_one_is_learned_of() -> None:
    script = Script()
    script.told("training.started.v1", NOON)
    again = {**script.lines[-1], "deliver_at": (NOON + 2 * DAY).isoformat()}
    script.listed("customer.described.v1", NOON + DAY, customer="other")
    script.joined(NOON - DAY, "other", heard=NOON + DAY)
    script.lines.append(again)
    script.told("training.started.v1", NOON + 3 * DAY)
    script.told("training.started.v1", NOON + 3 * DAY, customer="other")
    replay = script.played()
    assert summary(replay)["quarantined"] == {"ambiguous": 1}
    assert [row["customer"] for row in rows(replay, "training")] == ["acme", "other"]


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"id": ""},
        {"id": "a|b"},
        {"time": "2026-03-02T12:00:00"},
        {"time": "2027-03-02T12:00:00Z"},
        {"type": "training.abandoned.v1"},
        {"data": "passed"},
        {"data": {"person": {"id": "ada"}}},
        {"data": {"person": {"name": "Ada"}, "course": "c"}},
        {"data": {"person": {"id": "ada"}, "course": "c", "score": 101}},
        {"data": {"person": {"id": "ada"}, "course": "c", "attempt": 0}},
    ],
    ids=str,
)
def test_a_record_that_breaks_the_contract_is_a_dead_letter(change: dict[str, Any]) -> None:
    script = Script()
    script.told("training.completed.v1", NOON, score=90)
    script.lines[-1]["event"] |= change
    assert summary(script.played())["dead_letters"] == 1
