"""What becomes of the people, the teams and the alerts of an account that has ended?"""

from datetime import timedelta
from itertools import permutations
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from handlers import alerts
from handlers.derived import OfAlert
from schemas.facts import Fact, Tick

from .fold import Fold
from .spec import Then, of
from .story import (
    CATALOGUE,
    COURSE,
    Teller,
    completed,
    ended,
    enrolled,
    granted,
    joined,
    left,
    module,
    moved,
    on,
    regraded,
    renewed,
    required,
    revoked,
    started,
    tick,
    undone,
)

A_MONTH_LATE = timedelta(days=30)
BOB: dict[str, Any] = {"person": "bob"}


def after(*events: Fact | Tick) -> Then:
    """What stands after all that, and what became of the alerts."""
    return of(alerts)(*events[:-1]).when(events[-1])


def active(then: Then) -> list[bool]:
    return [row["active"] for row in then.rows("training")]


@pytest.mark.parametrize(
    "story",
    [
        [joined(0), enrolled(1), enrolled(1, **BOB), ended(5)],
        [ended(5), joined(0), enrolled(1), enrolled(1, **BOB)],
        [joined(0), enrolled(1), enrolled(1, **BOB), ended(5), joined(7), joined(8, **BOB)],
        [joined(7), enrolled(1), enrolled(1, **BOB), ended(5)],
        [enrolled(1), left(3), ended(5), joined(4), joined(5), enrolled(9, **BOB)],
    ],
)
def test_everyone_of_it_has_left_for_good(story: list[Fact]) -> None:
    then = after(*story)
    assert active(then) == [False, False]
    assert then.rows("teams") == []


@pytest.mark.parametrize(
    "fact", [joined(1), moved(1, role="admin"), granted(1), started(1), regraded(1, score=1)]
)
def test_so_has_whoever_is_known_by_one_fact_alone(fact: Fact) -> None:
    for story in ([fact, ended(5)], [ended(5), fact]):
        assert after(*CATALOGUE[:2], *story).rows("teams") == []


def test_other_accounts_go_on() -> None:
    for other in ("acm", "acme2"):
        there: dict[str, Any] = {"customer": other, "person": "ann"}
        then = after(joined(0), joined(0, **there), enrolled(1), enrolled(1, **there), ended(5))
        rows = then.fold.rows()
        assert [
            (customer, whole[0]["active"])
            for table, customer, *_, whole in rows
            if table == "training"
        ] == sorted([("acme", False), (other, True)])
        assert {customer for table, customer, *_ in rows if table == "teams"} == {other}


# Clocks


def test_no_clock_runs_on() -> None:
    after(started(1), ended(5), tick(60)).alerts()
    after(ended(5), started(1), tick(60)).alerts()


def test_an_open_stall_is_resolved_by_it() -> None:
    then = after(started(1), tick(15), ended(20))
    then.alerts(
        {"status": "resolved", "causes": tuple(sorted((started(1).cause, ended(20).cause)))}
    )
    after(started(1), tick(15), ended(10)).statuses(("open", "withdrawn"))


def test_a_stall_found_out_too_late_is_recorded_without_a_card() -> None:
    after(started(1), ended(20)).alerts({"status": "resolved", "notify": False, "version": 0})


# Certificates


def test_a_certificate_stays_valid_and_its_alert_open() -> None:
    then = after(*CATALOGUE, granted(1), ended(5), tick(60)).statuses(("open",))
    then.row("certificates", status="valid")


@pytest.mark.parametrize("grant", [granted(1), granted(4.9), granted(6)])
def test_nothing_new_is_announced_there(grant: Fact) -> None:
    then = after(*CATALOGUE, ended(5), grant)
    then.alerts().row("certificates", status="valid")


def test_what_is_open_is_still_amended_and_closed() -> None:
    story = (*CATALOGUE, granted(1), ended(5))
    after(*story, granted(1.1, name="twin")).statuses(("open", "open"))
    after(*story, revoked(6)).statuses(("open", "corrected"))
    after(*story, tick(400)).statuses(("open", "resolved"))


def test_what_was_closed_does_not_open_again() -> None:
    taken = (*CATALOGUE, enrolled(0), completed(1), undone(2.5))
    after(*taken, enrolled(2), ended(5)).statuses(("open", "corrected", "open"))
    after(*taken, ended(5), enrolled(2)).statuses(("open", "corrected"))


# Teams


def milestones(*events: Fact | Tick) -> list[list[str]]:
    told = Fold().fold(*events).alerts.values()
    return [[version.status for version in one] for one in told if one[0].rule == "team_milestone"]


def team(*people: str) -> tuple[Fact, ...]:
    return (
        required(-50, role="admin", course=COURSE),
        *(joined(-40, person=person, role="admin") for person in people),
    )


def test_a_milestone_is_resolved_as_nobody_is_left() -> None:
    story = (*team("ann", "bob"), completed(1), completed(2, **BOB))
    assert milestones(*story, ended(5)) == [["open", "resolved"]]
    told = Fold().fold(*story, ended(5)).alerts.values()
    assert [one[-1].causes for one in told if one[0].rule == "team_milestone"] == [
        tuple(sorted((completed(2).cause, ended(5).cause)))
    ]


def test_a_team_that_only_seems_complete_while_people_go_loses_nothing() -> None:
    fold = Fold().fold(*team("ann", "bob"), completed(2, **BOB), ended(5))
    assert [name for name, event in fold.said if isinstance(event, OfAlert)] == []


def test_what_was_asked_of_a_team_before_is_resolved_as_nobody_is_left() -> None:
    story = (*team("ann"), completed(1), required(3, role="admin", course="other"))
    assert milestones(*story, ended(5)) == [["open", "resolved"]]


def test_it_may_end_twice() -> None:
    story = (*team("ann"), completed(1), ended(5), ended(4, name="earlier"))
    assert milestones(*story) == [["open", "resolved"]]
    then = after(*story, joined(6), completed(7, **BOB))
    assert then.rows("teams") == []


FACTS: list[Teller[Fact]] = [
    joined,
    left,
    moved,
    enrolled,
    started,
    module,
    completed,
    undone,
    granted,
    renewed,
    ended,
]


@st.composite
def stories(draw: st.DrawFn) -> list[Fact]:
    facts: list[Fact] = [ended(draw(st.sampled_from([1, 5, 40])))]
    for place in range(draw(st.integers(1, 3))):
        tell = draw(st.sampled_from(FACTS))
        facts.append(tell(draw(st.sampled_from([0, 1, 4, 5, 30])), name=f"{place}"))
    return facts


@hypothesis.settings(deadline=None)
@hypothesis.given(stories())
def test_when_the_end_is_heard_does_not_matter_to_states_and_rows(facts: list[Fact]) -> None:
    ends = [Fold().fold(*CATALOGUE, *order, tick(1000)) for order in permutations(facts)]
    assert all(end.kept() == ends[0].kept() for end in ends)
    assert all(end.rows() == ends[0].rows() for end in ends)


def test_a_later_day_of_an_ended_account_is_like_any_other() -> None:
    then = after(*CATALOGUE, joined(0), ended(5), completed(6), module(7, course="other"))
    assert [row["status"] for row in then.rows("training")] == ["completed", "in_progress"]
    assert then.rows("training")[0]["completed_at"] == on(6)
