"""What does a person hold, in which teams does she count, and what do they hear of it?"""

from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from random import Random
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from handlers import holdings
from handlers.derived import TeamMoved
from handlers.headcount import NOBODY, Count, Headcount, Target
from schemas.facts import Fact, OfPerson, Tick

from .fold import Fold
from .spec import Then, of
from .story import (
    CATALOGUE,
    CERTIFICATE,
    COURSE,
    Teller,
    completed,
    described,
    enrolled,
    failed,
    granted,
    joined,
    left,
    module,
    moved,
    regraded,
    renewed,
    revoked,
    started,
    tick,
    undone,
    waived,
    withdrawn,
)

given = of(holdings)

TRAINED = Target("course", COURSE)
CERTIFIED = Target("certificate", CERTIFICATE)
EVERYONE = ("any", "any")
SENIOR_ADMIN = joined(0, role="admin", level="senior")


def share(*events: Fact | Tick) -> Headcount:
    """What she adds to each of her teams, by what they were told of her."""
    fold = Fold().fold(*events)
    sums = {
        (event.role, event.level): NOBODY for _, event in fold.said if isinstance(event, TeamMoved)
    }
    for _, event in fold.said:
        if isinstance(event, TeamMoved):
            place = event.role, event.level
            sums[place] = sums[place].plus(event.delta)
    return sums[EVERYONE]


def count(target: Target, *events: Fact | Tick) -> tuple[int, int, int]:
    """(enrolled, met, waived)"""
    found = share(*CATALOGUE, *events).of(target)
    return found.enrolled, found.met, found.waived


def told(then: Then) -> dict[tuple[str, str], Headcount]:
    """Who hears what, each team once."""
    heard = [event for event in then.events if isinstance(event, TeamMoved)]
    teams = {(event.role, event.level): event.delta for event in heard}
    assert len(teams) == len(heard)
    return teams


# Teams


def test_she_counts_in_her_role_her_level_both_and_everyone() -> None:
    assert told(given().when(SENIOR_ADMIN)) == dict.fromkeys(
        [("admin", "senior"), ("admin", "any"), ("any", "senior"), EVERYONE], Headcount(people=1)
    )


@pytest.mark.parametrize(
    ("facts", "teams"),
    [
        ([joined(0)], [EVERYONE]),
        ([joined(0, role="admin")], [("admin", "any"), EVERYONE]),
        ([joined(0, level="senior")], [("any", "senior"), EVERYONE]),
        ([joined(0, role="any", level="any")], [EVERYONE]),
        ([moved(0, role="admin")], [("admin", "any"), EVERYONE]),
        ([started(0)], [EVERYONE]),
        ([revoked(0)], [EVERYONE]),
        ([left(0)], []),
    ],
)
def test_where_role_or_level_is_unknown_no_team_is_named_by_it(
    facts: list[Fact], teams: list[tuple[str, str]]
) -> None:
    assert list(told(given().when(*facts))) == teams


def test_a_role_told_last_stands_not_one_heard_last() -> None:
    then = given(joined(0, role="buyer"), moved(9, role="admin")).when(moved(5, role="user"))
    assert then.events == []
    (state,) = [state for key, state in then.fold.states.items() if key[0] == "holdings"]
    assert state.role.value == "admin"


def test_a_change_of_role_moves_all_she_has_from_team_to_team() -> None:
    then = given(*CATALOGUE, SENIOR_ADMIN, completed(1, score=Decimal(90))).when(
        moved(5, role="buyer")
    )
    has = Headcount(
        1, 1, 1, Decimal(90), (Count(CERTIFIED, met=1), Count(TRAINED, enrolled=1, met=1))
    )
    assert told(then) == {
        ("admin", "senior"): NOBODY.minus(has),
        ("admin", "any"): NOBODY.minus(has),
        ("buyer", "senior"): has,
        ("buyer", "any"): has,
    }


def test_a_change_of_level_moves_her_within_her_role() -> None:
    then = given(SENIOR_ADMIN).when(moved(5, level="lead"))
    assert set(told(then)) == {
        ("admin", "senior"),
        ("any", "senior"),
        ("admin", "lead"),
        ("any", "lead"),
    }


def test_leaving_takes_her_out_and_returning_brings_back_all_she_has() -> None:
    story = (*CATALOGUE, joined(0, role="admin"), completed(1), left(5))
    assert told(given(*story[:-1]).when(story[-1]))["admin", "any"].people == -1
    assert share(*story) == NOBODY
    back = told(given(*story).when(joined(9)))
    assert back["admin", "any"].of(CERTIFIED).met == 1
    assert share(*story, joined(9)).people == 1


def test_what_she_learns_after_leaving_counts_nowhere() -> None:
    assert given(*CATALOGUE, joined(0), left(5)).when(completed(3)).events == []


def test_what_was_done_in_one_account_stays_there_and_counts_in_no_other() -> None:
    there: dict[str, Any] = {"customer": "bolt"}
    moved_on = (left(5), joined(5, **there, name="hired"), enrolled(6, **there))
    back = (left(8, **there), joined(9, name="back"))
    story = (*CATALOGUE, joined(0), completed(1), *moved_on)
    for events, here in ((story, 0), ((*story, *back), 1), ((*story, back[1]), 1)):
        fold = Fold().fold(*events)
        rows = {(row[0], row[1]): row[-1][0] for row in fold.rows()}
        assert rows["training", "acme"]["status"] == "completed"
        assert rows["training", "bolt"]["status"] == "not_started"
        acme = fold.states["teams", "acme|any|any"]
        assert (acme.people, acme.of(CERTIFIED).met) == (here, here)
        bolt = fold.states["teams", "bolt|any|any"]
        assert (bolt.people, bolt.of(CERTIFIED).met) == (int(back[0] not in events), 0)


# What she holds


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([enrolled(0)], (1, 0, 0)),
        ([failed(0)], (1, 0, 0)),
        ([completed(0)], (1, 1, 0)),
        ([waived(0)], (0, 0, 1)),
        ([withdrawn(0)], (0, 0, 0)),
        ([waived(0), completed(1)], (1, 1, 0)),
        ([enrolled(0), completed(1), enrolled(2)], (1, 0, 0)),
    ],
)
def test_a_course_counts_by_its_status(facts: list[Fact], expected: tuple[int, int, int]) -> None:
    assert count(TRAINED, *facts) == expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([completed(0)], (0, 1, 0)),
        ([granted(0), revoked(1)], (0, 0, 0)),
        ([granted(0), tick(366)], (0, 0, 0)),
        ([granted(0), tick(366), renewed(370)], (0, 1, 0)),
        ([waived(0)], (0, 0, 1)),
        ([waived(0), granted(1)], (0, 1, 0)),
        ([waived(0), granted(1), revoked(2)], (0, 0, 1)),
        ([waived(0), withdrawn(1), waived(2), completed(3), revoked(4)], (0, 0, 0)),
    ],
)
def test_a_certificate_counts_while_it_is_valid_or_spared(
    events: list[Fact | Tick], expected: tuple[int, int, int]
) -> None:
    assert count(CERTIFIED, *events) == expected


def test_a_lapse_expires_the_course_too_and_the_next_award_mends_both() -> None:
    lapsed = (completed(0), tick(366))
    assert (count(TRAINED, *lapsed), count(CERTIFIED, *lapsed)) == ((1, 0, 0), (0, 0, 0))
    again = (*lapsed, granted(370))
    assert (count(TRAINED, *again), count(CERTIFIED, *again)) == ((1, 1, 0), (0, 1, 0))


def test_enrolled_is_whoever_takes_any_course() -> None:
    assert share(enrolled(0), enrolled(1, course="other"), withdrawn(2)).enrolled == 1
    assert share(enrolled(0), withdrawn(2)).enrolled == 0
    assert share(joined(0)).enrolled == 0


def test_each_course_adds_one_score_whatever_became_of_it() -> None:
    facts = (
        completed(0, score=Decimal("92.25")),
        completed(0, course="other", score=Decimal(50)),
        completed(0, course="third"),
        enrolled(5),
    )
    has = share(*facts)
    assert (has.scored, has.score_sum) == (2, Decimal("142.25"))


# One record, one step


def test_a_completion_and_its_certificate_come_to_teams_in_one_step() -> None:
    then = given(*CATALOGUE, enrolled(0)).when(completed(1))
    (event,) = then.events[-1:]
    assert event.delta.counts == (Count(CERTIFIED, met=1), Count(TRAINED, met=1))
    assert event.achieved == (CERTIFIED, TRAINED)
    assert len(told(then)) == 1


def test_who_completes_what_she_was_spared_is_never_between_the_two() -> None:
    (event,) = given(*CATALOGUE, waived(0)).when(completed(1)).events[-1:]
    assert event.delta.of(CERTIFIED) == Count(CERTIFIED, met=1, waived=-1)


def test_progress_is_no_news_to_a_team() -> None:
    story = (*CATALOGUE, joined(0, role="admin"), enrolled(0), started(1))
    for fact in (module(2), failed(3), enrolled(4), started(5), joined(6)):
        assert given(*story).when(fact).events == []
    assert given(*story).when(tick(60)).events == []


@pytest.mark.parametrize(
    ("past", "fact", "achieved"),
    [
        ([], completed(1), (CERTIFIED, TRAINED)),
        ([], granted(1), (CERTIFIED,)),
        ([granted(0), tick(366)], renewed(370), (CERTIFIED,)),
        ([completed(0), tick(366)], granted(370), (CERTIFIED, TRAINED)),
        ([granted(0)], waived(1), ()),
        ([granted(0)], revoked(1), ()),
        ([enrolled(0), completed(1), enrolled(2)], completed(1.1), ()),
    ],
)
def test_what_she_comes_to_meet_by_an_award_is_an_achievement(
    past: list[Fact | Tick], fact: Fact, achieved: tuple[Target, ...]
) -> None:
    events = given(*CATALOGUE, *past).when(fact).events
    said = {event.achieved for event in events if isinstance(event, TeamMoved)}
    assert (said or {()}) == {achieved}


def test_nobody_achieves_anything_by_being_heard_of_or_by_changing_teams() -> None:
    (event,) = given(described(0, certificate=CERTIFICATE)).when(completed(1)).events[-1:]
    assert (event.delta.people, event.achieved) == (1, ())
    story = (*CATALOGUE, joined(0, role="buyer"), completed(1))
    moves = [e for e in given(*story).when(moved(2, role="admin")).events if type(e) is TeamMoved]
    assert [event.achieved for event in moves] == [(), ()]


FACTS: list[Teller[Fact]] = [
    joined,
    left,
    moved,
    enrolled,
    completed,
    waived,
    withdrawn,
    granted,
    renewed,
    revoked,
    undone,
    regraded,
]


@st.composite
def stories(draw: st.DrawFn) -> list[Fact]:
    facts = []
    for place in range(draw(st.integers(2, 4))):
        tell = draw(st.sampled_from(FACTS))
        more: dict[str, Any] = {}
        if tell is moved:
            more["role"] = draw(st.sampled_from(["admin", "buyer"]))
        if tell is completed:
            more["score"] = draw(st.sampled_from([None, Decimal(50), Decimal("80.5")]))
        if tell is regraded:
            more["score"] = Decimal(30)
        facts.append(tell(draw(st.sampled_from([0, 1, 5, 300, 400])), name=f"{place}", **more))
    return facts


@hypothesis.settings(deadline=None)
@hypothesis.given(stories())
def test_what_teams_count_does_not_depend_on_the_order_of_arrival(facts: list[Fact]) -> None:
    ends = []
    for order in permutations(facts):
        fold = Fold().fold(*CATALOGUE)
        for fact in order:
            fold.fold(fact, *([tick(370)] if Random(str(order)).random() < 0.3 else []))
        ends.append(fold.fold(tick(1000)).kept())
    assert all(end == ends[0] for end in ends)


@hypothesis.settings(deadline=None)
@hypothesis.given(stories())
def test_a_team_is_the_sum_of_the_shares_of_its_people(facts: list[Fact]) -> None:
    of_bob = [replace(fact, person="bob") for fact in facts[1:] if isinstance(fact, OfPerson)]
    fold = Fold().fold(*CATALOGUE, *facts, *of_bob, tick(1000))
    shares = [state.share for key, state in fold.states.items() if key[0] == "holdings"]
    total = NOBODY
    for one in shares:
        total = total.plus(one.adds) if EVERYONE in one.teams else total
    assert fold.states.get(("teams", "acme|any|any"), NOBODY) == total
