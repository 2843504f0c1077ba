"""How far is a person on her way through a course, whatever the LMS sends?"""

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from handlers import enrolment
from handlers.derived import CertificateEarned, ClockMoved, Taking, TakingChanged
from schemas.facts import Fact

from .fold import Fold
from .spec import of, said
from .story import (
    CATALOGUE,
    CERTIFICATE,
    COURSE,
    Teller,
    account,
    completed,
    described,
    enrolled,
    failed,
    granted,
    joined,
    left,
    module,
    on,
    revoked,
    started,
    tick,
    waived,
    withdrawn,
)

given = of(enrolment)


def _attempts(*facts: Fact) -> list[dict[str, Any]]:
    return given(*facts[:-1]).when(facts[-1]).rows("attempts")


@pytest.mark.parametrize(
    ("fact", "status"),
    [
        (enrolled(1), "not_started"),
        (started(1), "in_progress"),
        (module(1), "in_progress"),
        (failed(1), "failed"),
        (completed(1), "completed"),
        (withdrawn(1), "withdrawn"),
        (waived(1), "waived"),
    ],
)
def test_each_fact_alone_says_how_far_she_is(fact: Fact, status: str) -> None:
    given().when(fact).row("training", status=status)


def test_a_module_implies_the_start() -> None:
    given(enrolled(0)).when(module(3)).row("training", started_at=on(3), last_activity_at=on(3))


def test_the_earliest_start_is_the_start_and_later_ones_are_activity() -> None:
    given(started(5)).when(started(2)).row("training", started_at=on(2), last_activity_at=on(5))


def test_a_module_done_again_adds_no_module_but_is_activity() -> None:
    given(module(1), module(2, module="m0")).when(module(6)).row(
        "training", modules=["m0", "m1"], last_activity_at=on(6)
    )


@pytest.mark.parametrize("again", [module, started])
def test_between_a_days_first_and_last_what_is_repeated_only_dates_the_row(
    again: Callable[..., Fact],
) -> None:
    then = given(again(1), again(1.2), again(9)).when(again(1.1))
    then.then().row("training", last_activity_at=on(9), updated_at=again(9).recorded_at)
    (state,) = [state for key, state in then.fold.states.items() if key[0] == "enrolment"]
    assert [fact.at for fact in state.facts] == [on(1), on(1.2), on(9)]


@pytest.mark.parametrize("end", [completed(11), withdrawn(11)])
def test_a_module_repeated_after_the_end_leaves_the_last_activity_before_it(end: Fact) -> None:
    then = given(enrolled(0), module(1), module(10), end).when(module(20))
    then.then().row("training", last_activity_at=on(10))


def test_a_module_repeated_in_a_second_run_leaves_the_start_of_that() -> None:
    story = (enrolled(0), module(1), withdrawn(5), enrolled(10, name="anew"), module(12))
    given(*story).when(module(13)).row("training", started_at=on(12), last_activity_at=on(13))


def test_a_failure_after_a_module_is_a_failure_and_a_module_after_it_is_progress() -> None:
    given(module(1)).when(failed(1)).row("training", status="failed")
    given(failed(1)).when(module(2)).row("training", status="in_progress")


def test_a_completion_stands_whatever_comes_after_it() -> None:
    for later in (withdrawn(4), waived(4), failed(4), module(4), started(4)):
        given(started(0), completed(3)).when(later).row(
            "training", status="completed", completed_at=on(3)
        )


def test_who_finishes_after_a_withdrawal_has_finished() -> None:
    given(started(0), withdrawn(3)).when(completed(5)).row(
        "training", status="completed", completed_at=on(5)
    )


def test_a_waiver_outranks_a_withdrawal() -> None:
    given(waived(5)).when(withdrawn(3)).row("training", status="waived", completed_at=None)


def test_activity_after_the_outcome_is_no_last_activity_but_at_its_instant_is() -> None:
    given(module(2), completed(3)).when(module(4, module="m2")).row(
        "training", last_activity_at=on(2), modules=["m1", "m2"]
    )
    given(started(1), completed(3)).when(module(3)).row("training", last_activity_at=on(3))


def test_an_enrolment_told_twice_is_one_run() -> None:
    given(enrolled(0), module(1)).when(enrolled(2)).row(
        "training", modules=["m1"], status="in_progress"
    )


@pytest.mark.parametrize("ending", [completed(2), withdrawn(2)])
def test_an_enrolment_after_an_ending_begins_a_new_run(ending: Fact) -> None:
    given(enrolled(0), module(1), ending).when(enrolled(3)).row(
        "training", status="not_started", modules=[], completed_at=None, started_at=None
    )


def test_an_enrolment_at_the_instant_of_the_ending_is_a_twin() -> None:
    given(enrolled(0), completed(2)).when(enrolled(2)).row("training", status="completed")


def test_a_waiver_ends_no_run() -> None:
    given(enrolled(0), waived(2)).when(enrolled(3)).row("training", status="waived")


def test_a_lapse_of_the_certificate_ends_a_run_that_was_never_completed() -> None:
    lapsed = granted(1, last_day=on(10).date())
    story = (*CATALOGUE, enrolled(0), started(1))
    given(*story, lapsed).when(enrolled(12)).row("training", status="not_started")
    given(*story, enrolled(12)).when(lapsed).row("training", status="not_started")
    given(*story, lapsed).when(enrolled(9)).row("training", status="in_progress")


def test_a_lapse_before_the_run_began_does_not_end_it() -> None:
    story = (*CATALOGUE, granted(1, last_day=on(3).date()), enrolled(6), started(7))
    given(*story).when(enrolled(8)).row("training", status="in_progress")


def test_a_revoked_certificate_does_not_lapse() -> None:
    story = (*CATALOGUE, enrolled(0), started(1), granted(1, last_day=on(10).date()))
    given(*story, enrolled(12)).when(revoked(5)).row("training", status="in_progress")


def test_registrations_are_runs_and_the_one_begun_latest_is_shown() -> None:
    given(started(1, registration="A"), completed(9, registration="A")).when(
        enrolled(5, registration="B")
    ).row("training", status="not_started")


def test_what_names_no_registration_belongs_to_the_run_begun_latest_before_it() -> None:
    story = (enrolled(0, registration="A"), enrolled(5, registration="B"))
    given(*story).when(module(4)).row("training", modules=[])
    given(*story).when(module(5)).row("training", modules=["m1"])


def test_what_lies_before_every_run_begins_one() -> None:
    given(enrolled(5, registration="A")).when(module(4)).row("training", status="not_started")


def test_one_attempt_told_three_ways_is_one() -> None:
    (attempt,) = _attempts(
        completed(0, attempt=2),
        completed(0.2, score=Decimal(90), name="a sheet"),
        completed(3, attempt=2, score=Decimal(91)),
    )
    assert attempt == {
        "ordinal": 0,
        "outcome": "passed",
        "attempt": 2,
        "at": on(0),
        "score": Decimal(90),
    }


def test_two_numbered_attempts_on_one_day_are_two() -> None:
    assert len(_attempts(failed(0, attempt=1), failed(0.1, attempt=2))) == 2


def test_a_failure_and_a_completion_are_never_one_attempt() -> None:
    attempts = _attempts(completed(0.1, attempt=1), failed(0, attempt=1))
    assert [(one["ordinal"], one["outcome"]) for one in attempts] == [(0, "failed"), (1, "passed")]


@pytest.mark.parametrize(("zone", "attempts"), [("Pacific/Auckland", 2), ("Europe/Berlin", 1)])
def test_the_day_of_an_attempt_is_the_account_s(zone: str, attempts: int) -> None:
    # 9:00 and 12:00 UTC: in Auckland the second lies on the next day.
    found = _attempts(account(-1, zone=zone), failed(0), failed(0.125))
    assert len(found) == attempts


def test_attempts_of_earlier_runs_stay() -> None:
    then = given(failed(0), withdrawn(1), enrolled(2)).when(failed(3))
    assert len(then.row("training", attempts=1).rows("attempts")) == 2


def test_the_score_is_that_of_the_first_pass_that_states_one() -> None:
    scores = [completed(1), completed(2, score=Decimal(80)), completed(3, score=Decimal(99))]
    given(*scores).when(failed(4, score=Decimal(20))).row("training", score=Decimal(80))


def test_without_a_pass_the_score_is_the_latest_failure_s() -> None:
    given(failed(2, score=Decimal(40))).when(failed(1, score=Decimal(50))).row(
        "training", score=Decimal(40)
    )


def test_failed_then_passed_is_completed_with_both_attempts() -> None:
    story = (started(0), failed(1, score=Decimal(40)))
    then = given(*story).when(completed(2, score=Decimal("95.5")))
    then.row("training", status="completed", score=Decimal("95.5"), attempts=2)


def test_a_row_is_dated_by_when_it_was_first_and_last_heard_of() -> None:
    early, late = started(5), enrolled(0, after=on(9) - on(0))
    given(early).when(late).row(
        "training", created_at=early.recorded_at, updated_at=late.recorded_at
    )


def test_leaving_makes_a_row_inactive_and_joining_active_again() -> None:
    given(joined(0), started(1)).when(left(3)).row("training", active=False, status="in_progress")
    given(joined(0), started(1), left(3)).when(joined(4)).row("training", active=True)


def test_presence_alone_makes_no_row() -> None:
    assert given(joined(0)).when(left(1)).rows("training") == []


def test_a_stall_is_shown_and_goes_with_the_next_activity() -> None:
    given(started(0)).when(tick(14)).row("training", status="abandoned", stalled_at=on(14))
    given(started(0), tick(14)).when(module(15)).row(
        "training", status="in_progress", stalled_at=None
    )


def test_a_failed_learner_who_falls_silent_has_abandoned() -> None:
    given(failed(0)).when(tick(20)).row("training", status="abandoned")


def test_a_completed_course_expires_when_a_tick_sees_its_certificate_lapse() -> None:
    story = (*CATALOGUE, completed(0))
    given(*story).when(tick(364)).row("training", status="completed")
    given(*story).when(tick(365)).row("training", status="expired", completed_at=on(0))


def test_a_revocation_leaves_a_course_completed() -> None:
    given(*CATALOGUE, completed(0)).when(revoked(5)).row("training", status="completed")


def test_a_completion_earns_the_certificate_that_the_catalogue_names() -> None:
    given(*CATALOGUE).when(completed(1, score=Decimal(80))).then(
        said(TakingChanged, taking=Taking("completed", Decimal(80))),
        said(CertificateEarned, certificate=CERTIFICATE, course=COURSE, score=Decimal(80)),
    )
    given().when(completed(1)).then(said(TakingChanged))


@pytest.mark.parametrize(
    ("fact", "taking"),
    [
        (enrolled(1), Taking("enrolled")),
        (failed(1, score=Decimal(40)), Taking("enrolled")),
        (completed(1, score=Decimal(80)), Taking("completed", Decimal(80))),
        (waived(1), Taking("waived", None, CERTIFICATE)),
        (withdrawn(1), Taking("withdrawn")),
    ],
)
def test_teams_hear_how_she_stands_to_the_course(fact: Fact, taking: Taking) -> None:
    then = given(*CATALOGUE).when(fact)
    assert [e.taking for e in then.events if isinstance(e, TakingChanged)] == [taking]


def test_progress_that_changes_no_count_is_told_to_no_team() -> None:
    for fact in (started(1), module(2), failed(3), enrolled(4)):
        heard = given(*CATALOGUE, enrolled(0), started(0.5)).when(fact).events
        assert not [event for event in heard if isinstance(event, TakingChanged)]


def test_a_teams_score_is_that_of_her_latest_passing_attempt_of_all_runs() -> None:
    def score(*facts: Fact) -> object:
        then = given(*facts[:-1]).when(facts[-1])
        (state,) = [state for key, state in then.fold.states.items() if key[0] == "enrolment"]
        return state.taking.score

    first = (completed(1, score=Decimal(90), attempt=1), enrolled(5))
    assert score(*first) == Decimal(90)
    assert score(*first, completed(6, attempt=1)) == Decimal(90)
    assert score(*first, failed(6, score=Decimal(30), attempt=1)) == Decimal(90)
    assert score(*first, completed(6, score=Decimal(70), attempt=1)) == Decimal(70)
    assert score(completed(6, score=Decimal(70), attempt=2), first[0]) == Decimal(70)


def test_a_waiver_spares_the_certificate_that_the_catalogue_named_at_the_last_fact() -> None:
    story = (*CATALOGUE, waived(1), described(2, certificate="other"))
    assert given(*story[:-1]).when(story[-1]).events == []
    given(*story).when(started(3)).then(said(TakingChanged, taking=Taking("waived", None, "other")))


def test_the_patience_is_copied_with_an_activity_and_no_other_fact() -> None:
    story = (started(0), described(0.5, patience_days=30))
    given(*story).when(enrolled(1)).then()
    then = given(*story).when(module(1))
    then.then(said(ClockMoved))
    assert then.events[0].clock.deadline == on(31)


def test_the_same_record_again_changes_nothing() -> None:
    for fact in (enrolled(0), module(1), completed(2)):
        fold = Fold().fold(*CATALOGUE, enrolled(0), module(1), completed(2))
        before = fold.kept()
        assert fold.fold(fact).kept() == before


TELLERS: list[Teller[Fact]] = [enrolled, started, module, failed, completed, withdrawn, waived]

tellings = st.lists(
    st.tuples(st.sampled_from(TELLERS), st.integers(0, 4), st.sampled_from([None, "A", "B"])),
    min_size=1,
    max_size=8,
)


@hypothesis.given(tellings, st.randoms(use_true_random=False))
def test_runs_part_the_facts_and_do_not_depend_on_the_order_of_arrival(
    tellings: list[tuple[Teller[Fact], int, str | None]], shuffle: Random
) -> None:
    facts = [
        tell(at, name=str(place), registration=registration)
        for place, (tell, at, registration) in enumerate(tellings)
    ]
    shuffled = list(facts)
    shuffle.shuffle(shuffled)
    one, other = Fold().fold(*facts), Fold().fold(*shuffled)
    assert one.kept() == other.kept()
    assert one.rows() == other.rows()
    (state,) = [state for key, state in one.states.items() if key[0] == "enrolment"]
    parted = sorted(fact.cause for run in state.runs for fact in run.facts)
    assert parted == sorted(fact.cause for fact in state.facts)
