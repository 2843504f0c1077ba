"""Does the expectation count teams as a person would, and say when one has what it is asked for?"""

from datetime import timedelta
from typing import Any

import pytest

from tests.sample.rows import rows, summary
from tests.sample.script import DAY, NOON, Script, stamp

MOMENT = timedelta(milliseconds=1)
BADGE = {"certificate": "badge"}


def crew(*people: str, role: str = "admin", **course: Any) -> Script:
    """A customer of these people alone, all in one role, level unknown."""
    script = Script(**course)
    script.lines.pop()
    for id in people:
        script.joined(id=id, role=role)
    return script


def done(script: Script, id: str, days: float, heard: float | None = None, **data: Any) -> str:
    """The person completes a course, so many days after the beginning."""
    at, told = NOON + days * DAY, NOON + (days if heard is None else heard) * DAY
    return script.told("training.completed.v1", at, told, person={"id": id}, **data)


def did(script: Script, wire: str, id: str, days: float, **data: Any) -> str:
    return script.told(wire, NOON + days * DAY, person={"id": id}, **data)


def milestones(script: Script, days: float = 40) -> list[tuple[str, str, str, list[str]]]:
    """Whose, since when, how it stands, and why."""
    return [
        (row["subject"].partition("|")[0], row["at"], row["status"], row["causes"])
        for row in rows(script.played(NOON + days * DAY), "alerts")
        if row["kind"] == "team_milestone"
    ]


def covered(script: Script) -> dict[str, tuple[int, int, int, str | None]]:
    """People, met, waived and percent of each requirement."""
    return {
        row["requirement"]: (row["people"], row["met"], row["waived"], row["percent"])
        for row in rows(script.played(), "coverage")
    }


def team(script: Script, role: str = "any", level: str = "any") -> dict[str, Any] | None:
    found = [
        row
        for row in rows(script.played(), "teams")
        if (row["role"], row["level"]) == (role, level)
    ]
    return found[0] if found else None


def day(days: float) -> str:
    return stamp(NOON + days * DAY)


def test_who_left_or_is_spared_is_in_neither_side_of_the_percentage() -> None:
    script = crew("ada", "bob", "eve", "dan", "kim")
    script.required(role="admin", course="plain")
    done(script, "ada", 1)
    done(script, "dan", 1)
    did(script, "training.waived.v1", "bob", 1)
    script.left(NOON + 2 * DAY, "dan")
    assert covered(script) == {"r": (4, 1, 1, "33.3")}


@pytest.mark.parametrize(
    ("met", "people", "percent"), [(1, 8, "12.5"), (2, 3, "66.7"), (1, 16, "6.3"), (2, 2, "100")]
)
def test_percentages_are_rounded_half_up_to_one_decimal(
    met: int, people: int, percent: str
) -> None:
    names = [f"p{number}" for number in range(people)]
    script = crew(*names)
    script.required(course="plain")
    for id in names[:met]:
        done(script, id, 1)
    assert covered(script) == {"r": (people, met, 0, percent)}


def test_nobody_is_a_row_of_zeros_and_no_percentage() -> None:
    script = crew("ada")
    script.required(role="pilot", course="plain")
    assert covered(script) == {"r": (0, 0, 0, None)}
    assert team(script, "pilot") is None


def test_whose_level_is_unknown_counts_in_no_team_that_names_one() -> None:
    script = crew("ada")
    script.joined(id="bob", role="admin", level="senior")
    script.joined(id="eve")
    sizes = {(row["role"], row["level"]): row["people"] for row in rows(script.played(), "teams")}
    assert sizes == {
        ("admin", "any"): 2,
        ("admin", "senior"): 1,
        ("any", "senior"): 1,
        ("any", "any"): 3,
    }


def test_the_word_of_the_latest_time_names_role_and_level_each_and_coming_back_keeps_them() -> None:
    script = crew("ada")
    script.moved(NOON + 2 * DAY, role="pilot")
    script.moved(NOON + DAY, heard=NOON + 3 * DAY, role="cook", level="senior")
    script.left(NOON + 4 * DAY)
    script.joined(NOON + 5 * DAY)
    assert team(script, "pilot", "senior") is not None
    assert team(script, "admin") is team(script, "cook") is None


def test_a_withdrawn_or_waived_course_is_no_enrolment_and_one_not_begun_is() -> None:
    script = crew("ada", "bob", "eve")
    for id in ("ada", "bob", "eve"):
        did(script, "training.enrolled.v1", id, 1)
    did(script, "training.withdrawn.v1", "ada", 2)
    did(script, "training.waived.v1", "bob", 2)
    row = team(script, "admin")
    assert row
    assert (row["people"], row["enrolled"], row["enrolment_rate"]) == (3, 1, "33.3")
    (target,) = [row for row in rows(script.played(), "targets") if row["role"] == "admin"]
    assert [target[name] for name in ("enrolled", "met", "waived")] == [1, 0, 1]


def test_the_average_is_of_the_latest_scored_pass_of_each_course_over_all_runs() -> None:
    script = crew("ada", "bob")
    done(script, "ada", 1, score=60, attempt=1)
    done(script, "ada", 2, score="80.1", attempt=2)
    done(script, "ada", 3, attempt=3)
    did(script, "training.enrolled.v1", "ada", 4)
    did(script, "training.failed.v1", "ada", 5, score=10)
    done(script, "bob", 1, score=80)
    row = team(script)
    assert row
    assert (row["scored"], row["average_score"]) == (2, "80.1")


def test_a_waived_course_stands_for_its_certificate_while_that_is_not_held() -> None:
    script = crew("ada", "bob")
    script.required(certificate="badge")
    did(script, "training.waived.v1", "ada", 1, course="c")
    assert covered(script) == {"r": (2, 0, 1, "0")}
    did(script, "certificate.granted.v1", "ada", 2, **BADGE)
    assert covered(script) == {"r": (2, 1, 0, "50")}


def test_the_last_achievement_raises_the_milestone_and_is_its_one_cause() -> None:
    script = crew("ada", "bob")
    script.required(role="admin", course="plain")
    done(script, "ada", 1)
    last = done(script, "bob", 2, heard=3)
    (row,) = [row for row in rows(script.played(), "alerts") if row["kind"] == "team_milestone"]
    assert row["subject"] == "r|admin|any|course|plain"
    assert (row["customer"], row["status"]) == ("acme", "open")
    assert (row["at"], row["raised_at"], row["causes"]) == (day(2), day(3), [last])


@pytest.mark.parametrize("how", ["leaves", "is waived", "has another role"])
def test_a_team_that_is_complete_because_one_need_not_finish_is_silent(how: str) -> None:
    script = crew("ada", "bob")
    script.required(role="admin", course="plain")
    done(script, "ada", 1)
    if how == "leaves":
        script.left(NOON + 2 * DAY, "bob")
    elif how == "is waived":
        did(script, "training.waived.v1", "bob", 2)
    else:
        script.moved(NOON + 2 * DAY, "bob", role="cook")
    assert milestones(script) == []
    assert covered(script)["r"][3] == "100"


@pytest.mark.parametrize(("late", "raised"), [(timedelta(0), 1), (MOMENT, 0)])
def test_an_achievement_heard_more_than_two_days_late_raises_nothing(
    late: timedelta, raised: int
) -> None:
    script = crew("ada")
    script.required(course="plain")
    script.told("training.completed.v1", NOON, NOON + 2 * DAY + late)
    assert len(milestones(script)) == raised
    assert covered(script) == {"r": (1, 1, 0, "100")}


def test_a_second_report_of_what_was_achieved_raises_nothing_for_a_new_requirement() -> None:
    script = crew("ada")
    done(script, "ada", 1)
    script.required(course="plain", at=NOON + 2 * DAY)
    done(script, "ada", 3)
    assert milestones(script) == []


def test_a_newcomer_ends_it_and_her_achievement_is_a_second_milestone() -> None:
    script = crew("ada")
    script.required(role="admin", course="plain")
    first = done(script, "ada", 1)
    came = script.joined(NOON + 2 * DAY, id="bob", role="admin")
    second = done(script, "bob", 3)
    assert milestones(script) == [
        ("r", day(1), "resolved", sorted([first, came])),
        ("r", day(3), "open", [second]),
    ]


def test_a_milestone_reached_again_as_of_the_same_instant_is_the_first_opened_again() -> None:
    script = crew("ada")
    script.required(course="plain")
    done(script, "ada", 1)
    script.joined(NOON + 1.5 * DAY, id="bob")
    second = done(script, "bob", 1, heard=2)
    assert milestones(script) == [("r", day(1), "open", [second])]


def test_a_change_of_role_counts_in_the_old_team_and_in_the_new() -> None:
    script = crew("ada")
    script.joined(id="bob", role="cook")
    script.required("admins", role="admin", course="plain")
    script.required("cooks", role="cook", course="plain")
    first = done(script, "ada", 1)
    done(script, "bob", 2)
    moved = script.moved(NOON + 3 * DAY, "bob", role="admin")
    assert [(subject, status) for subject, _, status, _ in milestones(script)] == [
        ("admins", "open"),
        ("cooks", "resolved"),
    ]
    assert moved in milestones(script)[1][3]
    assert milestones(script)[0][3] == [first]
    assert covered(script) == {"admins": (2, 2, 0, "100"), "cooks": (0, 0, 0, None)}


def test_a_revocation_corrects_the_milestone_of_a_certificate_and_leaves_that_of_the_course() -> (
    None
):
    script = crew("ada")
    script.required("paper", certificate="badge")
    script.required("study", course="c")
    both = done(script, "ada", 1, course="c")
    ended = did(script, "certificate.revoked.v1", "ada", 2, **BADGE)
    assert milestones(script) == [
        ("paper", day(1), "corrected", sorted([both, ended])),
        ("study", day(1), "open", [both]),
    ]


def test_a_lapse_resolves_without_a_cause_and_takes_the_course_with_it() -> None:
    script = crew("ada")
    script.required("paper", certificate="badge")
    script.required("study", course="c")
    last_day = (NOON + 9 * DAY).date().isoformat()
    both = done(script, "ada", 1, course="c", certificate={**BADGE, "last_day": last_day})
    assert milestones(script) == [
        ("paper", day(1), "resolved", [both]),
        ("study", day(1), "resolved", [both]),
    ]
    assert covered(script) == {"paper": (1, 0, 0, "0"), "study": (1, 0, 0, "0")}


def test_what_is_required_of_a_complete_team_later_waits_for_the_next_time() -> None:
    script = crew("ada")
    done(script, "ada", 1)
    script.required(course="plain", at=NOON + 2 * DAY)
    script.joined(NOON + 3 * DAY, id="bob")
    assert milestones(script) == []
    last = done(script, "bob", 4)
    assert milestones(script) == [("r", day(4), "open", [last])]


def test_a_requirement_that_asks_something_else_keeps_its_alert_and_gets_another() -> None:
    script = crew("ada")
    script.required(course="plain")
    first = done(script, "ada", 1)
    script.required(certificate="badge", at=NOON + 2 * DAY)
    old = ("r", day(1), "open", [first])
    assert milestones(script) == [old]
    last = did(script, "certificate.granted.v1", "ada", 3, **BADGE)
    assert milestones(script) == [("r", day(3), "open", [last]), old]
    came = script.joined(NOON + 4 * DAY, id="bob")
    assert milestones(script) == [
        ("r", day(3), "resolved", sorted([last, came])),
        ("r", day(1), "resolved", sorted([first, came])),
    ]


def test_what_was_lost_while_it_was_not_required_is_a_second_milestone_when_reached_again() -> None:
    script = crew("ada")
    script.required(course="plain")
    first = done(script, "ada", 1)
    script.required(certificate="badge", at=NOON + 2 * DAY)
    came = script.joined(NOON + 3 * DAY, id="bob")
    script.required(course="plain", at=NOON + 4 * DAY)
    last = done(script, "bob", 5)
    assert milestones(script) == [
        ("r", day(1), "resolved", sorted([first, came])),
        ("r", day(5), "open", [last]),
    ]


def test_a_retired_requirement_keeps_its_alert_until_it_is_lost_and_has_no_coverage() -> None:
    script = crew("ada")
    script.required(course="plain")
    first = done(script, "ada", 1)
    script.listed("requirement.retired.v1", NOON + 2 * DAY, requirement="r")
    assert milestones(script) == [("r", day(1), "open", [first])]
    assert covered(script) == {}
    came = script.joined(NOON + 3 * DAY, id="bob")
    assert milestones(script) == [("r", day(1), "resolved", sorted([first, came]))]
    assert covered(script) == {}
    script.required(course="plain", at=NOON + 4 * DAY)
    assert covered(script) == {}


def test_each_field_of_a_requirement_is_the_last_writers_and_unsaid_ones_stand() -> None:
    script = crew("ada")
    script.joined(id="bob", role="cook")
    script.listed("course.described.v1", course="d", certificate="other")
    script.required(role="admin", certificate="badge")
    script.required(at=NOON + 2 * DAY, heard=NOON + 2 * DAY, course="plain")
    script.required(at=NOON + DAY, heard=NOON + 3 * DAY, role="cook", certificate="other")
    (row,) = rows(script.played(), "coverage")
    assert (row["role"], row["level"], row["target_kind"], row["target"]) == (
        "cook",
        "any",
        "course",
        "plain",
    )


def test_what_nobody_has_described_is_required_of_nobody_until_somebody_does() -> None:
    script = crew("ada")
    script.required(course="later")
    script.required("s", certificate="never")
    script.listed("course.described.v1", NOON + DAY, course="later")
    assert set(covered(script)) == {"r"}
    assert summary(script.played())["quarantined"] == {"unknown": 1}


def test_a_requirement_of_nothing_and_a_customer_that_ended_have_no_coverage() -> None:
    script = crew("ada")
    script.required(role="admin")
    assert covered(script) == {}
    script.required("s", course="plain")
    assert set(covered(script)) == {"s"}
    script.listed("customer.ended.v1", NOON + 39 * DAY, customer="acme")
    assert covered(script) == {}
    assert team(script) is None


@pytest.mark.parametrize(
    ("wire", "said", "refused"),
    [
        ("requirement.described.v1", {"course": "c", "certificate": "badge"}, 1),
        ("requirement.described.v1", {"course": "c", "certificate": None}, 0),
        ("requirement.described.v1", {"role": ""}, 1),
        ("role.changed.v1", {"role": None}, 1),
        ("role.changed.v1", {"level": "senior"}, 0),
    ],
    ids=str,
)
def test_a_requirement_asks_one_thing_and_a_change_of_role_changes_something(
    wire: str, said: dict[str, Any], refused: int
) -> None:
    script = crew("ada")
    whom: dict[str, Any] = {"customer": "acme", "person": {"id": "ada"}, "requirement": "r"}
    script.listed(wire, **whom, **said)
    assert summary(script.played())["dead_letters"] == refused
