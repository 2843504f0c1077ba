"""Does the expectation know what is left when accounts end, and whose doing counts where?"""

from typing import Any

import pytest

from tests.sample.rows import rows, summary
from tests.sample.script import DAY, HOUR, NOON, Script, stamp

DUE = NOON + 14 * DAY


def alerts(script: Script) -> dict[str, tuple[str, list[str]]]:
    """How the alert of each kind stands, and why."""
    return {row["kind"]: (row["status"], row["causes"]) for row in rows(script.played(), "alerts")}


def standing(script: Script) -> dict[tuple[str, str], tuple[str, bool]]:
    """Status of each course, by customer, and whether the person is there."""
    return {
        (row["customer"], row["course"]): (row["status"], row["active"])
        for row in rows(script.played(), "training")
    }


def two(script: Script, since: int = -90) -> Script:
    """Ada belongs to a second account, too."""
    script.listed("customer.described.v1", customer="other")
    script.joined(NOON + since * DAY, customer="other")
    return script


def test_an_end_resolves_stalls_and_milestones_and_leaves_certificates() -> None:
    script = Script()
    script.required(role="any", certificate="badge")
    start = script.told("training.started.v1", NOON)
    earned = script.told("training.completed.v1", NOON + DAY, course="c")
    end = script.ended(DUE + 3 * DAY)
    assert alerts(script) == {
        "training_abandoned": ("resolved", sorted([start, end])),
        "team_milestone": ("resolved", sorted([earned, end])),
        "certification_earned": ("open", [earned]),
    }
    assert standing(script) == {
        ("acme", "c"): ("completed", False),
        ("acme", "plain"): ("in_progress", False),
    }
    replay = script.played()
    assert [row["status"] for row in rows(replay, "certificates")] == ["valid"]
    assert [rows(replay, kind) for kind in ("teams", "targets", "coverage")] == [[], [], []]


def test_an_end_of_before_the_deadline_that_is_told_late_withdraws_the_stall() -> None:
    script = Script()
    start = script.told("training.started.v1", NOON)
    end = script.ended(DUE - DAY, DUE + DAY)
    assert alerts(script) == {"training_abandoned": ("withdrawn", sorted([start, end]))}


def test_an_end_stops_the_clock_and_one_found_out_in_passing_is_recorded() -> None:
    script = Script()
    script.told("training.started.v1", NOON)
    script.ended(NOON + DAY)
    assert alerts(script) == {}
    script = Script()
    start = script.told("training.started.v1", NOON + HOUR / 4)
    end = script.ended(DUE + HOUR / 2)
    assert alerts(script) == {"training_abandoned": ("resolved", sorted([start, end]))}
    assert summary(script.played())["cards"] == 0


@pytest.mark.parametrize("days", [-1, 1])
def test_what_is_heard_after_the_end_is_recorded_without_an_alert(days: int) -> None:
    script = Script()
    script.required(course="c")
    script.ended(NOON + 2 * DAY)
    at = NOON + (2 + days) * DAY
    script.told("training.completed.v1", at, NOON + 3 * DAY, course="c", customer="acme")
    script.told("training.started.v1", at, NOON + 3 * DAY)
    assert alerts(script) == {}
    assert standing(script) == {
        ("acme", "c"): ("completed", False),
        ("acme", "plain"): ("in_progress", False),
    }
    assert len(rows(script.played(), "certificates")) == 1


def test_what_stood_open_at_the_end_is_still_mended_and_opens_no_second_time() -> None:
    script = Script()
    earned = script.told("training.completed.v1", NOON, course="c")
    script.ended(NOON + DAY)
    twin = script.told("training.completed.v1", NOON - HOUR, NOON + 30 * HOUR, course="c")
    assert alerts(script) == {"certification_earned": ("open", sorted([earned, twin]))}
    gone = script.told("certificate.revoked.v1", NOON + 2 * DAY, certificate="badge")
    script.told("certificate.granted.v1", NOON + 3 * DAY, certificate="badge")
    assert alerts(script) == {"certification_earned": ("corrected", sorted([earned, twin, gone]))}
    (row,) = rows(script.played(), "certificates")
    assert (row["status"], row["earned_at"]) == ("valid", stamp(NOON + 3 * DAY))


def test_who_joins_after_the_end_or_is_heard_of_later_is_not_there() -> None:
    script = Script()
    script.ended(NOON + DAY)
    script.joined(NOON + 2 * DAY)
    script.joined(NOON - 5 * DAY, id="bob", heard=NOON + 3 * DAY)
    script.told("training.started.v1", NOON, NOON + 4 * DAY)
    script.told("training.enrolled.v1", NOON, NOON + 4 * DAY, person={"id": "bob"})
    found = [(row["status"], row["active"]) for row in rows(script.played(), "training")]
    assert sorted(found) == [("in_progress", False), ("not_started", False)]
    assert rows(script.played(), "teams") == []


def test_an_account_that_is_described_again_stays_ended() -> None:
    script = Script()
    script.ended(NOON + DAY)
    script.listed("customer.described.v1", NOON + 2 * DAY, customer="acme", zone="UTC")
    script.told("training.started.v1", NOON + 3 * DAY)
    assert alerts(script) == {}
    assert rows(script.played(), "teams") == []


def test_the_end_of_one_account_is_none_of_another() -> None:
    script = two(Script())
    start = script.told("training.started.v1", NOON, customer="other")
    script.told("training.started.v1", NOON, customer="acme")
    script.ended(NOON + DAY)
    assert alerts(script) == {"training_abandoned": ("open", [start])}
    assert standing(script) == {
        ("acme", "plain"): ("in_progress", False),
        ("other", "plain"): ("abandoned", True),
    }


def test_people_of_an_account_of_which_only_the_end_was_heard_wait() -> None:
    script = Script()
    script.ended(NOON, customer="other")
    script.joined(NOON, customer="other")
    assert summary(script.played())["quarantined"] == {"unknown": 1}


def test_who_moves_leaves_what_she_did_where_she_did_it() -> None:
    script = two(Script(), since=6)
    script.told("training.started.v1", NOON)
    script.left(NOON + 5 * DAY)
    script.told("module.completed.v1", NOON + DAY, NOON + 8 * DAY, module="late")
    script.told("module.completed.v1", NOON + 5.5 * DAY, module="between")
    second = script.told("module.completed.v1", NOON + 7 * DAY, module="new")
    replay = script.played()
    assert summary(replay)["quarantined"] == {"left": 1}
    modules = {row["customer"]: row["modules"] for row in rows(replay, "training")}
    assert modules == {"acme": ["late"], "other": ["new"]}
    assert standing(script) == {
        ("acme", "plain"): ("in_progress", False),
        ("other", "plain"): ("abandoned", True),
    }
    assert alerts(script) == {"training_abandoned": ("open", [second])}


def test_what_was_never_completed_elsewhere_is_withdrawn_where_it_was_told() -> None:
    script = two(Script(), since=6)
    end = script.told("training.completed.v1", NOON)
    script.left(NOON + 5 * DAY)
    script.unmade(NOON + 4 * DAY, NOON + 8 * DAY, end)
    assert standing(script) == {("acme", "plain"): ("not_started", False)}


def test_who_belongs_to_two_accounts_at_once_must_say_which() -> None:
    script = two(Script())
    script.told("training.started.v1", NOON, customer="acme")
    script.told("training.enrolled.v1", NOON, customer="other")
    script.told("module.completed.v1", NOON + 4 * DAY, module="whose")
    assert summary(script.played())["quarantined"] == {"ambiguous": 1}
    script.left(NOON + 3 * DAY, customer="other", heard=NOON + 9 * DAY)
    replay = script.played()
    assert summary(replay)["quarantined"] == {}
    told: dict[str, Any] = {row["customer"]: row for row in rows(replay, "training")}
    assert told["acme"]["modules"] == ["whose"]
    assert told["acme"]["updated_at"] == stamp(NOON + 4 * DAY)
    assert (told["other"]["modules"], told["other"]["active"]) == ([], False)


def test_who_returns_goes_on_where_she_was_with_a_fresh_clock() -> None:
    script = two(Script(), since=4)
    script.told("module.completed.v1", NOON, module="m1")
    script.left(NOON + 4 * DAY)
    script.told("training.enrolled.v1", NOON + 5 * DAY)
    script.left(NOON + 8 * DAY, customer="other")
    back = script.joined(NOON + 8 * DAY)
    script.told("module.completed.v1", NOON + 2 * DAY, NOON + 9 * DAY, module="m2")
    assert standing(script) == {
        ("acme", "plain"): ("abandoned", True),
        ("other", "plain"): ("not_started", False),
    }
    assert alerts(script) == {"training_abandoned": ("open", [back])}


@pytest.mark.parametrize(
    ("days", "named", "account"),
    [
        (-3, "acme", "acme"),
        (-3, "other", "conflict"),
        (1, "acme", "acme"),
        (1, "other", "conflict"),
        (3, "other", "conflict"),
        (3, "acme", "left"),
        (4, "other", "other"),
    ],
)
def test_an_event_may_name_only_an_account_that_held_her_then(
    days: int, named: str, account: str
) -> None:
    script = Script()
    script.lines.pop()
    script.joined(NOON - 2 * DAY)
    script.left(NOON + 2 * DAY)
    two(script, since=4)
    script.told("training.started.v1", NOON + days * DAY, NOON + 5 * DAY, customer=named)
    found = {customer for customer, _ in standing(script)}
    assert found | set(summary(script.played())["quarantined"]) == {account}
