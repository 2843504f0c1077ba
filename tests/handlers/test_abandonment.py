"""When has a learner given up a course, and what does a late word make of it?"""

from datetime import timedelta
from random import Random

import hypothesis
import pytest
from hypothesis import strategies as st

from handlers import abandonment
from handlers.derived import AlertMissed, AlertUnwanted, AlertWanted, StallChanged
from schemas.facts import Fact

from .fold import Fold
from .spec import of, said
from .story import (
    COURSE,
    ENROLMENT,
    SOON,
    completed,
    described,
    enrolled,
    failed,
    joined,
    left,
    module,
    on,
    started,
    tick,
    waived,
    withdrawn,
)

given = of(abandonment)

STALLED = (enrolled(0), started(1), tick(15))
A_MICROSECOND = timedelta(microseconds=1)
A_MONTH_LATE = timedelta(days=30)


def test_silence_until_the_deadline_is_abandonment() -> None:
    given(started(1)).when(tick(15)).then(
        said(StallChanged, stalled_at=on(15)),
        said(
            AlertWanted,
            since=on(15),
            subject=ENROLMENT,
            causes=(started(1).cause,),
            values=(
                ("course", COURSE),
                ("last_activity", "2026-01-06T09:00:00+00:00"),
                ("last_module", None),
                ("patience_days", 14),
            ),
        ),
    )


def test_a_tick_before_the_deadline_says_nothing() -> None:
    given(started(1)).when(tick(on(15) - A_MICROSECOND)).then()


def test_a_second_tick_says_nothing_more() -> None:
    given(*STALLED).when(tick(20)).then()


def test_a_late_tick_dates_the_stall_by_its_deadline() -> None:
    then = given(started(1)).when(tick(40))
    then.alerts({"at": on(15), "raised_at": on(40), "status": "open"})


def test_the_clock_runs_from_the_last_activity_not_from_the_start() -> None:
    last = module(on(14) - timedelta(minutes=1))
    given(enrolled(0), started(0), last).when(tick(27)).then()
    given(enrolled(0), started(0), last).when(tick(28)).alerts({"at": last.at + timedelta(days=14)})


def test_who_never_started_abandons_nothing() -> None:
    given(enrolled(0)).when(tick(400)).then()


def test_a_failed_attempt_is_activity() -> None:
    given(started(1), failed(10)).when(tick(15)).then()


def test_a_course_may_have_more_patience() -> None:
    story = (described(-1, patience_days=30), started(1))
    given(*story).when(tick(30.9)).then()
    given(*story).when(tick(31)).alerts({"at": on(31), "status": "open"})


@pytest.mark.parametrize("ending", [completed(9), withdrawn(9), waived(9), left(9)])
def test_what_is_over_is_never_abandoned(ending: Fact) -> None:
    given(started(1), ending).when(tick(100)).alerts()


def test_the_last_module_is_among_the_values() -> None:
    then = given(module(1), module(2, module="m7"), started(3)).when(tick(17))
    then.alerts(
        {
            "values": {
                "course": COURSE,
                "last_activity": "2026-01-08T09:00:00+00:00",
                "last_module": "m7",
                "patience_days": 14,
            }
        }
    )


@pytest.mark.parametrize("back", [module(16), failed(16), completed(16), withdrawn(16), left(16)])
def test_coming_back_or_ending_it_resolves_the_alert(back: Fact) -> None:
    then = given(*STALLED).when(back)
    then.then(said(StallChanged, stalled_at=None), said(AlertUnwanted, status="resolved"))
    then.alerts({"status": "resolved", "causes": tuple(sorted((started(1).cause, back.cause)))})


def test_activity_exactly_at_the_deadline_is_too_late() -> None:
    given(*STALLED).when(module(15)).statuses(("open", "resolved"))


def test_a_module_told_late_withdraws_the_alert() -> None:
    given(*STALLED).when(module(on(15) - A_MICROSECOND)).statuses(("open", "withdrawn"))


def test_older_activity_leaves_the_alert_alone() -> None:
    given(*STALLED).when(started(0.5)).then()


def test_a_module_before_the_last_activity_is_one_of_the_values() -> None:
    then = given(*STALLED).when(module(0.5)).statuses(("open", "open"))
    (alert,) = then.fold.open_alerts()
    assert alert[-1]["last_module"] == "m1"


def test_a_second_stall_is_a_second_alert() -> None:
    given(*STALLED, module(16)).when(tick(30)).alerts(
        {"at": on(15), "status": "resolved"}, {"at": on(30), "status": "open"}
    )


def test_a_twin_of_the_last_activity_joins_the_causes() -> None:
    twin = started(1, name="a twin")
    given(*STALLED).when(twin).alerts(
        {"status": "open", "version": 2, "causes": (twin.cause, started(1).cause)[::-1]}
    )


def test_a_twin_of_a_failure_joins_the_causes_and_is_no_activity() -> None:
    twin = failed(1.1, name="a twin")
    given(failed(1), tick(15)).when(twin).alerts(
        {"status": "open", "at": on(15), "causes": tuple(sorted((failed(1).cause, twin.cause)))}
    )


def test_a_twin_that_moves_a_failure_back_re_dates_the_stall() -> None:
    then = given(failed(1), tick(15)).when(failed(0.9))
    then.alerts({"status": "open", "at": on(14.9), "version": 2, "raised_at": on(15)})
    then.row("training", stalled_at=on(14.9))


def test_a_return_known_before_the_tick_is_a_stall_without_a_card() -> None:
    then = given(started(1)).when(module(16))
    then.then(said(AlertMissed, since=on(15)))
    then.alerts(
        {
            "status": "resolved",
            "version": 0,
            "notify": False,
            "raised_at": module(16).recorded_at,
            "causes": tuple(sorted((started(1).cause, module(16).cause))),
        }
    )


def test_activity_at_a_deadline_that_no_tick_reached_is_too_late_as_well() -> None:
    given(started(1)).when(module(15)).then(said(AlertMissed, since=on(15)))
    given(started(1)).when(module(on(15) - A_MICROSECOND)).then()


def test_a_stall_that_was_told_of_is_not_recorded_again() -> None:
    given(*STALLED).when(module(16)).statuses(("open", "resolved"))


def test_history_stalls_without_a_word() -> None:
    old = started(1, after=A_MONTH_LATE)
    then = given(old).when(tick(31))
    then.alerts().row("training", status="abandoned", stalled_at=on(15))
    given(old).when(module(16)).alerts()


def test_history_whose_deadline_lay_at_most_two_days_back_is_told() -> None:
    given(started(1, after=timedelta(days=16))).when(tick(31)).alerts({"at": on(15)})
    given(started(1, after=timedelta(days=16) + A_MICROSECOND)).when(tick(31)).alerts()


def test_history_whose_deadline_lies_ahead_is_told_when_it_comes() -> None:
    given(started(1, after=timedelta(days=13))).when(tick(15)).alerts({"status": "open"})


def test_a_twin_heard_in_time_makes_a_stall_of_history_one_to_tell() -> None:
    given(started(1, after=A_MONTH_LATE), tick(31)).when(started(1, name="a twin")).alerts(
        {"at": on(15), "status": "open", "raised_at": on(1) + SOON}
    )


def test_coming_back_to_the_account_starts_the_clock_afresh() -> None:
    story = (joined(0), started(1), left(5), joined(10))
    given(*story).when(tick(23.9)).then()
    given(*story).when(tick(24)).alerts({"at": on(24), "causes": (joined(10).cause,)})


def test_a_first_joining_after_the_activity_does_not() -> None:
    given(started(1), joined(3)).when(tick(15)).alerts({"at": on(15)})


def test_who_was_away_only_before_her_last_activity_has_no_fresh_start() -> None:
    given(joined(0), started(1), left(5), joined(6), module(8)).when(tick(22)).alerts(
        {"at": on(22), "causes": (module(8).cause,)}
    )


def test_a_leaving_told_late_withdraws_the_alert() -> None:
    given(*STALLED).when(left(9)).statuses(("open", "withdrawn"))


def test_a_new_run_ends_the_stall_of_the_old() -> None:
    given(started(1, registration="A"), tick(15)).when(enrolled(20, registration="B")).statuses(
        ("open", "resolved")
    )


activities = st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True)


@hypothesis.given(activities, st.randoms(use_true_random=False))
def test_an_alert_is_open_exactly_while_the_latest_activity_is_two_weeks_old(
    days: list[int], shuffle: Random
) -> None:
    told = [module(at, module=str(at)) for at in days]
    shuffle.shuffle(told)
    for now in (max(days) + 13, max(days) + 14, max(days) + 15):
        opened = Fold().fold(*told, tick(now)).open_alerts()
        expected = [on(max(days) + 14)] if now >= max(days) + 14 else []
        assert [at for _, _, _, at, *_ in opened] == expected
