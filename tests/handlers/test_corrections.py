"""What is left when a completion was none, and what is a score that was regraded?"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from handlers import alerts, certification, enrolment
from handlers.derived import CompletionsCorrected, Correction
from schemas.facts import Fact, Tick

from .fold import Fold
from .spec import Then, of
from .story import (
    CATALOGUE,
    CERTIFICATE,
    COURSE,
    SOON,
    completed,
    described,
    enrolled,
    failed,
    granted,
    joined,
    module,
    on,
    regraded,
    renewed,
    required,
    started,
    tick,
    undone,
    waived,
)

given = of(enrolment)

A_MONTH_LATE = timedelta(days=30)
C = completed(2, name="c", score=Decimal(80))
UNDONE = undone(3, withdraws="lms#c")
NOTHING: dict[str, Any] = {
    "status": "not_started",
    "started_at": None,
    "completed_at": None,
    "score": None,
    "attempts": 0,
    "modules": [],
    "last_activity_at": None,
}


def ended(*events: Fact | Tick) -> Then:
    """What stands after all that, and what became of the alerts."""
    return of(alerts)(*events[:-1]).when(events[-1])


# Which completions go


def test_a_completion_taken_back_leaves_what_was_there_without_it() -> None:
    given(enrolled(0), module(1), C).when(UNDONE).row(
        "training",
        status="in_progress",
        completed_at=None,
        score=None,
        attempts=0,
        last_activity_at=on(1),
        updated_at=UNDONE.recorded_at,
    )


@pytest.mark.parametrize("facts", [[C, UNDONE], [UNDONE, C], [UNDONE], [undone(3)]])
def test_where_nothing_else_is_left_the_course_is_not_started(facts: list[Fact]) -> None:
    given(*facts[:-1]).when(facts[-1]).row("training", **NOTHING)


def test_by_name_it_goes_whatever_the_times() -> None:
    given(C, started(0)).when(undone(1, withdraws="lms#c")).row("training", status="in_progress")


def test_what_is_named_and_no_completion_of_hers_takes_nothing() -> None:
    given(C, enrolled(0, name="e")).when(undone(3, withdraws="lms#e")).row(
        "training", status="completed"
    )


def test_without_a_name_all_of_its_run_go_up_to_its_time() -> None:
    twins = (completed(1), completed(2), completed(4, name="late"))
    given(started(0), *twins).when(undone(2)).row(
        "training", status="completed", completed_at=on(4), attempts=1
    )


def test_with_an_attempt_only_those_that_state_it_go() -> None:
    tellings = (completed(1, attempt=1), completed(1.1), completed(2, attempt=2))
    given(*tellings).when(undone(3, attempt=2)).row(
        "training", status="completed", completed_at=on(1), attempts=1
    )


def test_an_earlier_run_keeps_its_completion() -> None:
    story = (enrolled(0), completed(1), enrolled(5), completed(6))
    given(*story).when(undone(7)).row("training", status="not_started", attempts=0)
    assert [row["at"] for row in given(*story).when(undone(7)).rows("attempts")] == [on(1)]


def test_an_enrolment_after_a_completion_that_was_none_begins_no_run() -> None:
    given(enrolled(0), module(1), C, enrolled(5)).when(UNDONE).row(
        "training", modules=["m1"], status="in_progress"
    )


def test_a_registration_is_begun_by_neither_correction() -> None:
    story = (enrolled(0), undone(1, registration="R"), regraded(2, registration="R", score=3))
    given(*story, module(4)).when(enrolled(5, registration="R")).row("training", modules=[])
    given(*story).when(module(4)).row("training", modules=["m1"])


def test_another_waiver_or_withdrawal_then_stands() -> None:
    given(started(0), waived(1), C).when(UNDONE).row("training", status="waived")


# The clock that runs again


def test_the_clock_runs_again_from_what_is_left() -> None:
    given(started(1), C, UNDONE).when(tick(15)).row("training", stalled_at=on(15))
    then = ended(started(1), C, UNDONE, tick(15))
    then.alerts({"at": on(15), "status": "open", "causes": (started(1).cause,)})


@pytest.mark.parametrize(("heard", "told"), [(16.9, [("open",)]), (17.1, [])])
def test_a_deadline_that_it_makes_history_marks_and_tells_nobody(
    heard: float, told: list[tuple[str]]
) -> None:
    late = undone(heard, withdraws="lms#c", after=timedelta())
    then = ended(started(1), C, late, tick(30))
    then.row("training", status="abandoned", stalled_at=on(15)).statuses(*told)


def test_a_stall_that_a_completion_resolved_opens_again_however_late() -> None:
    back = completed(16, name="c")
    story = (started(1), tick(15), back, undone(40, withdraws="lms#c"))
    ended(*story[:-1]).statuses(("open", "resolved"))
    then = ended(*story, tick(41)).statuses(("open", "resolved", "open"))
    then.alerts({"at": on(15), "causes": (started(1).cause,), "notify": True, "reopened": True})


def test_what_was_no_stall_when_it_was_heard_is_one_to_no_order_of_arrival() -> None:
    back, late = completed(16, name="c"), undone(40, withdraws="lms#c")
    for story in ([late, back, started(1)], [started(1), late, back], [back, started(1), late]):
        ended(*story, tick(41)).alerts({"at": on(15), "status": "open"})


def test_a_completion_that_came_and_went_long_after_the_stall_leaves_it_open() -> None:
    went = (undone(41, withdraws="lms#c"), completed(5, name="c", after=A_MONTH_LATE))
    then = ended(started(1), tick(15), *went)
    then.alerts({"at": on(15), "status": "open", "version": 1})


def test_what_was_taken_back_once_is_not_taken_back_later_by_another_that_says_so() -> None:
    again = undone(37, name="again", withdraws="lms#c", after=timedelta())
    ended(started(1), C, UNDONE, tick(15), again, tick(40)).statuses(("open",))
    ended(started(1), C, UNDONE, again, tick(40)).statuses(("open",))


# Certificates


def test_a_certificate_goes_with_its_completion_and_its_alert_is_corrected() -> None:
    then = ended(*CATALOGUE, C, UNDONE)
    then.statuses(("open", "corrected"))
    then.alerts({"at": on(2), "causes": (UNDONE.cause, C.cause)})
    assert then.rows("certificates") == []


def test_so_does_one_that_the_completion_brought_along() -> None:
    inline = completed(2, name="c", certificate="other")
    share = granted(2, name="c", certificate="other")
    for story in ((inline, share, UNDONE), (UNDONE, inline, share), (inline, UNDONE, share)):
        then = ended(*CATALOGUE, *story)
        assert then.rows("certificates") == []
        assert then.fold.open_alerts() == []


def test_heard_before_its_completion_it_lets_nothing_be_told() -> None:
    ended(*CATALOGUE, UNDONE, C).alerts()


def test_an_explicit_grant_stays_and_its_alert_is_re_dated() -> None:
    grant = granted(4, number="N1")
    then = ended(*CATALOGUE, C, grant, undone(5, withdraws="lms#c"))
    then.statuses(("open", "open", "open"))
    then.alerts({"at": on(4), "causes": (grant.cause,), "raised_at": C.recorded_at})
    then.row("certificates", status="valid", earned_at=on(4), number="N1")


def test_a_renewal_becomes_the_beginning_and_no_second_card() -> None:
    then = ended(*CATALOGUE, C, renewed(300), undone(301, withdraws="lms#c"))
    then.statuses(("open", "open")).alerts({"at": on(300)})


def test_what_is_left_from_before_tracking_is_told_to_nobody() -> None:
    old = granted(4, after=A_MONTH_LATE)
    then = ended(*CATALOGUE, C, old, undone(40, withdraws="lms#c"))
    then.alerts({"status": "corrected", "at": on(2)})


def test_two_completions_that_go_at_once_close_the_alert_in_one_step() -> None:
    twin = completed(2.1, name="twin")
    then = ended(*CATALOGUE, C, twin, undone(3))
    then.statuses(("open", "open", "corrected"))
    then.alerts({"at": on(2), "causes": tuple(sorted((C.cause, twin.cause, undone(3).cause)))})


def test_a_completion_that_counts_again_opens_its_alert_again() -> None:
    taken = (*CATALOGUE, enrolled(0), completed(1), undone(5))
    ended(*taken).statuses(("open", "corrected"))
    then = ended(*taken, enrolled(2)).statuses(("open", "corrected", "open"))
    then.alerts({"causes": (completed(1).cause,)})


def test_a_lapse_takes_no_part_in_what_is_taken_back() -> None:
    then = ended(*CATALOGUE, enrolled(0), granted(2, last_day=on(4).date()), enrolled(6), C, UNDONE)
    then.row("training", status="not_started")


def test_certification_hears_of_each_completion_once() -> None:
    heard = given(*CATALOGUE, C).when(UNDONE).events
    assert [event for event in heard if isinstance(event, CompletionsCorrected)] == [
        CompletionsCorrected(
            customer="acme",
            at=UNDONE.at,
            trigger=UNDONE.trigger,
            person="ann",
            certificate=CERTIFICATE,
            corrections=(Correction("lms#c", taken_back=True),),
        )
    ]
    assert not [
        event
        for event in given(*CATALOGUE, C, UNDONE).when(undone(4)).events
        if isinstance(event, CompletionsCorrected)
    ]


# Teams


def test_a_team_that_had_it_by_that_completion_has_it_no_longer() -> None:
    story = (*CATALOGUE[:2], required(-50, role="admin", course=COURSE), joined(-40, role="admin"))
    then = ended(*story, C, UNDONE)
    milestones = [told for told in then.fold.alerts.values() if told[0].rule == "team_milestone"]
    assert [[version.status for version in told] for told in milestones] == [["open", "corrected"]]
    assert milestones[0][-1].causes == (UNDONE.cause, C.cause)


# Scores


def test_the_latest_attempt_is_regraded_where_none_is_named() -> None:
    story = (failed(1, score=Decimal(40)), completed(2, score=Decimal(80)))
    then = given(*story).when(regraded(3, score=Decimal(85)))
    then.row("training", score=Decimal(85), updated_at=on(3) + SOON, attempts=2)
    assert [row["score"] for row in then.rows("attempts")] == [Decimal(40), Decimal(85)]


def test_a_regrade_means_the_attempt_up_to_its_time() -> None:
    story = (failed(1, score=Decimal(40)), failed(5, score=Decimal(50)))
    then = given(*story).when(regraded(3, score=Decimal(0)))
    assert [row["score"] for row in then.rows("attempts")] == [Decimal(0), Decimal(50)]


def test_an_attempt_that_is_named_is_regraded_whenever_it_was() -> None:
    story = (failed(1, attempt=1), completed(5, attempt=2), completed(9, attempt=3))
    then = given(*story).when(regraded(3, attempt=2, score=Decimal(77)))
    assert [row["score"] for row in then.rows("attempts")] == [None, Decimal(77), None]


def test_the_latest_regrade_holds_in_any_order() -> None:
    first, second = regraded(3, score=Decimal(60)), regraded(4, score=Decimal(70))
    for story in ([C, first, second], [second, C, first], [second, first, C]):
        given(*story[:-1]).when(story[-1]).row("training", score=Decimal(70))


def test_all_that_tell_of_an_attempt_state_its_new_score() -> None:
    story = (completed(1), completed(1.1, score=Decimal(50)), completed(1.05, attempt=9))
    given(*story[:2]).when(regraded(2, score=Decimal(90))).row("training", score=Decimal(90))


def test_a_regrade_is_no_activity_and_makes_no_row() -> None:
    assert given().when(regraded(3, score=Decimal(1))).rows("training") == []
    then = given(regraded(9, score=Decimal(1)), started(1)).when(tick(15))
    then.row("training", stalled_at=on(15), updated_at=on(9) + SOON, attempts=0)
    given(regraded(3, score=Decimal(1))).when(undone(4)).row("training", **NOTHING)


def test_who_is_known_by_a_regrade_alone_is_one_of_the_people() -> None:
    (row,) = given().when(regraded(3, score=Decimal(1))).rows("teams")
    assert (row["people"], row["enrolled"], row["targets"]) == (1, 0, [])


def test_the_score_told_of_a_certificate_is_the_regraded_one() -> None:
    then = ended(*CATALOGUE, C, regraded(3, score=Decimal("91.5")))
    then.statuses(("open", "open"))
    ((*_, causes, values),) = then.fold.open_alerts()
    assert (causes, values["score"]) == ((C.cause,), "91.5")


def test_a_regrade_heard_first_is_told_at_once() -> None:
    ended(*CATALOGUE, regraded(3, score=Decimal(91)), C).statuses(("open",))


def test_certification_takes_no_other_attempts_score() -> None:
    story = (*CATALOGUE, completed(2, attempt=1, score=Decimal(80)), failed(4, attempt=2))
    then = of(certification)(*story).when(regraded(5, score=Decimal(10)))
    then.then()


def test_a_team_sums_the_regraded_scores() -> None:
    (row,) = given(joined(0), C).when(regraded(3, score=Decimal(95))).rows("teams")
    assert (row["scored"], row["score_sum"]) == (1, Decimal(95))


def test_a_course_told_of_without_a_certificate_corrects_none() -> None:
    assert given(described(0), C).when(UNDONE).rows("certificates") == []
    assert not [key for key in Fold().fold(C, UNDONE).states if key[0] == certification.NAME]
