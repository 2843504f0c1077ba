"""When has a team all that is required of it, when no longer, and who hears of it?"""

from datetime import timedelta
from typing import Any

import pytest

from handlers import teams
from handlers.derived import AlertUnwanted, AlertWanted
from schemas.alerts import TEAM_MILESTONE, AlertChanged
from schemas.facts import Fact, Tick

from .fold import Fold
from .spec import of, said
from .story import (
    CATALOGUE,
    CERTIFICATE,
    COURSE,
    CUSTOMER,
    REQUIREMENT,
    completed,
    described,
    enrolled,
    granted,
    joined,
    left,
    moved,
    on,
    renewed,
    required,
    retired,
    revoked,
    tick,
    waived,
    withdrawn,
)

given = of(teams)

PLAIN = "basics"
"""A course that earns nothing."""

TEAM = f"{REQUIREMENT}|admin|any|course|{PLAIN}"

NOT_OLD, OLD = timedelta(hours=48), timedelta(hours=48, seconds=1)

ANN: dict[str, Any] = {"person": "ann", "course": PLAIN}
BOB: dict[str, Any] = {"person": "bob", "course": PLAIN}
TRAINED = (
    described(-100, name="basics", course=PLAIN),
    required(-50, role="admin", course=PLAIN),
    joined(-40, person="ann", role="admin"),
    joined(-40, person="bob", role="admin"),
)
"""Two admins are to complete a course."""

CERTIFIED = (
    *CATALOGUE[:2],
    required(-50, role="admin", certificate=CERTIFICATE),
    joined(-40, person="ann", role="admin"),
    joined(-40, person="bob", role="admin"),
)
"""Two admins are to hold a certificate."""

DONE = (*TRAINED, completed(1, **ANN), completed(2, **BOB))
HELD = (*CERTIFIED, granted(1), granted(2, person="bob"))


def told(*events: Fact | Tick) -> list[tuple[AlertChanged, ...]]:
    """Every version of every milestone, by when it was reached."""
    alerts = Fold().fold(*events).alerts.values()
    milestones = [versions for versions in alerts if versions[0].rule == TEAM_MILESTONE]
    return sorted(milestones, key=lambda versions: versions[0].at)


def statuses(*events: Fact | Tick) -> list[tuple[str, ...]]:
    return [tuple(version.status for version in versions) for versions in told(*events)]


# Reached


def test_the_last_of_a_team_to_complete_what_is_required_makes_the_milestone() -> None:
    given(*DONE[:-1]).when(DONE[-1]).then(
        said(
            AlertWanted,
            customer=CUSTOMER,
            rule=TEAM_MILESTONE,
            subject=TEAM,
            since=on(2),
            causes=(DONE[-1].cause,),
            values=(
                ("requirement", REQUIREMENT),
                ("role", "admin"),
                ("level", "any"),
                ("target_kind", "course"),
                ("target", PLAIN),
                ("people", 2),
            ),
        )
    )


def test_while_one_is_missing_there_is_no_milestone() -> None:
    assert told(*DONE[:-1]) == []
    assert told(*DONE[:-1], enrolled(2, **BOB)) == []
    assert told(*TRAINED, completed(1, **ANN), completed(3, **ANN, name="again")) == []


@pytest.mark.parametrize("last", [granted(2, person="bob"), renewed(2, person="bob")])
def test_a_grant_or_a_renewal_achieves_as_a_completion_does(last: Fact) -> None:
    assert statuses(*CERTIFIED, granted(1), last) == [("open",)]


def test_completing_a_course_achieves_the_certificate_that_it_earns() -> None:
    (alert,) = told(*CERTIFIED, granted(1), completed(2, person="bob"))
    assert (alert[-1].at, alert[-1].values["target"]) == (on(2), CERTIFICATE)


def test_who_is_spared_is_not_waited_for() -> None:
    (alert,) = told(*TRAINED, waived(0, **BOB), completed(1, **ANN))
    assert alert[-1].values["people"] == 1


def test_who_was_spared_and_completes_all_the_same_changes_nothing() -> None:
    spared = waived(0, person="bob")
    story = (*CERTIFIED, spared, granted(1))
    assert statuses(*story) == statuses(*story, completed(2, person="bob")) == [("open",)]


def test_a_requirement_of_everybody_waits_for_those_of_all_roles() -> None:
    story = (described(-100, name="basics", course=PLAIN), required(-50, course=PLAIN))
    both = (joined(-40, role="admin"), joined(-40, person="bob", level="senior"))
    assert statuses(*story, *both, completed(1, **ANN)) == []
    (alert,) = told(*story, *both, completed(1, **ANN), completed(2, **BOB))
    assert (alert[-1].values["role"], alert[-1].values["level"]) == ("any", "any")


def test_a_requirement_of_a_level_waits_for_those_of_that_level_only() -> None:
    story = (*TRAINED, required(-49, level="senior"), moved(-30, level="senior"))
    assert statuses(*story, completed(1, **ANN)) == [("open",)]
    assert statuses(*story, completed(1, **BOB)) == []


def test_each_requirement_that_asks_for_it_has_its_own_milestone() -> None:
    twice = required(-50, name="twice", requirement="other", role="admin", course=PLAIN)
    of_buyers = required(-50, name="b", requirement="third", role="buyer", course=PLAIN)
    alerts = told(*TRAINED, twice, of_buyers, *DONE[-2:])
    asking = {versions[-1].values["requirement"] for versions in alerts}
    assert asking == {REQUIREMENT, "other"}


def test_other_customers_count_apart() -> None:
    elsewhere = joined(-40, customer="bolt", person="eve", role="admin")
    (alert,) = told(elsewhere, *DONE)
    assert alert[-1].customer == CUSTOMER


# Reached in silence


@pytest.mark.parametrize(
    "last",
    [
        left(5, person="bob"),
        waived(5, **BOB),
        moved(5, person="bob", role="buyer"),
        required(5, role="nobody-yet"),
    ],
)
def test_what_nobody_achieved_is_no_milestone(last: Fact) -> None:
    assert told(*DONE[:-1], last) == []


def test_who_brings_it_along_into_an_empty_team_achieves_nothing_there() -> None:
    story = (*TRAINED[:2], joined(-40, role="buyer"), completed(1, **ANN))
    assert told(*story, moved(2, role="admin")) == []
    assert told(*story[:2], completed(1, **ANN), joined(2, role="admin")) == []


def test_a_requirement_of_nobody_is_never_reached() -> None:
    assert told(*TRAINED[:2], joined(0, role="buyer"), completed(1, **ANN), left(2)) == []
    assert told(*TRAINED, waived(1, **ANN), waived(2, **BOB)) == []


def test_history_reaches_nothing_and_what_was_heard_in_time_does() -> None:
    assert statuses(*DONE[:-1], completed(2, **BOB, after=NOT_OLD)) == [("open",)]
    assert statuses(*DONE[:-1], completed(2, **BOB, after=OLD)) == []


def test_what_was_reached_in_silence_is_lost_in_silence_and_may_then_be_reached() -> None:
    silent = (*DONE[:-1], left(5, person="bob"))
    assert statuses(*silent, joined(6, person="bob")) == []
    assert statuses(*silent, joined(6, person="bob"), completed(7, **BOB)) == [("open",)]


# Lost


@pytest.mark.parametrize(
    "event",
    [
        joined(5, person="eve", role="admin"),
        moved(5, person="eve", role="admin"),
        enrolled(5, **ANN),
        joined(5, person="eve", role="admin", level="senior"),
    ],
)
def test_who_lacks_it_ends_the_milestone(event: Fact) -> None:
    given(*DONE).when(event).then(said(AlertUnwanted, subject=TEAM, status="resolved", at=on(5)))
    ((_, closed),) = told(*DONE, event)
    assert closed.causes == tuple(sorted((DONE[-1].cause, event.cause)))


def test_a_joiner_who_has_it_already_ends_nothing() -> None:
    eve: dict[str, Any] = {"person": "eve", "course": PLAIN}
    story = (joined(-40, person="eve", role="buyer"), completed(0, **eve), *DONE)
    assert statuses(*story, moved(5, person="eve", role="admin")) == [("open",)]


def test_leavers_and_waivers_end_nothing_while_somebody_is_left() -> None:
    assert statuses(*DONE, left(5, person="bob")) == [("open",)]
    assert statuses(*HELD, waived(5, person="bob")) == [("open",)]
    assert statuses(*DONE, left(5, person="bob"), left(6, person="ann")) == [("open", "resolved")]


def test_a_revocation_corrects_it_and_a_lapse_resolves_it() -> None:
    assert statuses(*HELD, revoked(5)) == [("open", "corrected")]
    ((_, closed),) = told(*HELD, tick(366))
    assert (closed.status, closed.causes) == ("resolved", (HELD[-1].cause,))


def test_a_revocation_from_one_who_was_spared_ends_nothing() -> None:
    story = (*CERTIFIED, waived(0, person="bob"), granted(1, person="bob"), granted(2))
    assert statuses(*story, revoked(5, person="bob")) == [("open",)]


# Reached again


def test_reaching_it_again_is_another_milestone() -> None:
    eve: dict[str, Any] = {"person": "eve", "course": PLAIN}
    story = (*DONE, joined(5, person="eve", role="admin"), completed(6, **eve))
    assert statuses(*story) == [("open", "resolved"), ("open",)]
    assert [versions[0].at for versions in told(*story)] == [on(2), on(6)]


def test_who_restarts_it_in_silence_does_not_reach_it_again() -> None:
    story = (*DONE, joined(5, person="eve", role="admin"), left(6, person="eve"))
    assert statuses(*story) == [("open", "resolved")]


def test_a_certificate_given_back_reaches_it_again() -> None:
    story = (*HELD, revoked(5), granted(9))
    assert statuses(*story) == [("open", "corrected"), ("open",)]


# Requirements that come and go


def test_a_requirement_told_later_holds_from_the_next_change_on() -> None:
    late = required(3, role="admin", course=PLAIN)
    story = (TRAINED[0], *TRAINED[2:], *DONE[-2:], late)
    assert told(*story) == []
    assert statuses(*story, joined(4, person="eve", role="admin")) == []
    eve: dict[str, Any] = {"person": "eve", "course": PLAIN}
    again = (*story, joined(4, person="eve", role="admin"), completed(5, **eve))
    assert statuses(*again) == [("open",)]


AWAY = [
    required(3, role="buyer"),
    required(3, role="admin", level="senior"),
    required(3, certificate=CERTIFICATE),
    required(3, course=COURSE),
    retired(3),
]
"""Ways in which a requirement ceases to ask what it asked."""


@pytest.mark.parametrize("away", AWAY)
def test_a_milestone_of_what_is_asked_no_more_stands_until_the_team_loses_it(away: Fact) -> None:
    assert statuses(*DONE, away) == [("open",)]
    assert statuses(*DONE, away, left(4, person="bob")) == [("open",)]
    eve = joined(5, person="eve", role="admin")
    ((_, closed),) = told(*DONE, away, eve)
    assert (closed.status, closed.at) == ("resolved", on(2))
    assert closed.causes == tuple(sorted((DONE[-1].cause, eve.cause)))


def test_a_revocation_corrects_also_what_is_asked_no_more() -> None:
    assert statuses(*HELD, retired(3), revoked(5)) == [("open", "corrected")]


@pytest.mark.parametrize("away", AWAY[:-1])
def test_what_was_lost_while_it_was_not_asked_is_another_milestone_when_reached_again(
    away: Fact,
) -> None:
    eve: dict[str, Any] = {"person": "eve", "course": PLAIN}
    lost = (*DONE, away, joined(4, person="eve", role="admin"))
    back = required(5, name="back", role="admin", level="any", course=PLAIN)
    assert statuses(*lost, back) == [("open", "resolved")]
    assert statuses(*lost, back, completed(6, **eve)) == [("open", "resolved"), ("open",)]
    assert statuses(*lost, completed(6, **eve), back) == [("open", "resolved")]


def test_a_requirement_that_turns_away_and_back_keeps_its_milestone() -> None:
    back = (*DONE, required(3, role="buyer"), required(4, name="back", role="admin"))
    assert statuses(*back) == [("open",)]
    eve = joined(5, person="eve", role="admin")
    assert statuses(*back, eve) == [("open", "resolved")]


def test_a_requirement_that_turns_to_another_team_has_another_milestone() -> None:
    """And so has one that turns to another target: neither mends the card of the old one."""
    zed = joined(-40, person="zed", role="buyer")
    turned = (*DONE, required(3, role="buyer"), zed, completed(5, person="zed", course=PLAIN))
    assert statuses(*turned) == [("open",), ("open",)]
    assert [versions[0].values["role"] for versions in told(*turned)] == ["admin", "buyer"]
    asked = required(3, role="admin", certificate=CERTIFICATE)
    both = (granted(5, person="ann"), granted(6, person="bob"))
    assert statuses(*DONE, asked, *both) == [("open",), ("open",)]


@pytest.mark.parametrize("away", [required(1.5, role="buyer"), retired(1.5)])
def test_what_is_asked_no_more_is_not_reached(away: Fact) -> None:
    assert told(*DONE[:-1], away, DONE[-1]) == []


def test_a_requirement_that_asks_for_something_else_waits_for_that() -> None:
    other: dict[str, Any] = {"course": COURSE, "name": "o"}
    story = (*TRAINED, required(0, course=COURSE), *DONE[-2:])
    assert told(*story) == []
    (alert,) = told(*story, completed(3, **other), completed(4, **other, person="bob"))
    assert alert[-1].values["target"] == COURSE


# Small things


def test_what_changes_no_count_says_nothing() -> None:
    story = (*DONE, withdrawn(3, person="ann", course="other"))
    assert statuses(*story) == [("open",)]


def test_a_team_of_which_nothing_is_left_is_forgotten() -> None:
    fold = Fold().fold(*DONE, left(5, person="ann"), left(6, person="bob"))
    assert [rows for rows in fold.rows() if rows[0] == "teams"] == []
    assert not [key for key in fold.kept() if key[0] == "teams"]
