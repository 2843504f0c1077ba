"""What becomes of an alert: opened, amended, closed, opened again, and never raised twice?"""

import hypothesis
from hypothesis import strategies as st

from handlers import alerts
from schemas.alerts import AlertChanged
from schemas.facts import Fact, Tick
from schemas.ids import ident

from .fold import Fold
from .spec import of, said
from .story import (
    CATALOGUE,
    CERTIFICATE,
    COURSE,
    CUSTOMER,
    ENROLMENT,
    HOLDING,
    completed,
    failed,
    granted,
    left,
    module,
    on,
    renewed,
    revoked,
    started,
    tick,
)

given = of(alerts)

# The second failure turns out to be the first attempt, told before: the last activity is day 1's.
BACK = failed(0.5, attempt=1, name="the same attempt")
STALLED = (failed(1, attempt=2), tick(15))
WITHDRAWN = (*STALLED, failed(2, attempt=1))


def test_an_alert_is_named_by_customer_rule_subject_and_episode() -> None:
    episode = "2026-01-20T09:00:00+00:00"
    alert = str(ident(CUSTOMER, "training_abandoned", ENROLMENT, episode))
    given(started(1)).when(tick(15)).then(
        said(
            AlertChanged,
            customer=CUSTOMER,
            alert=alert,
            version=1,
            rule_version=1,
            subject=ENROLMENT,
            status="open",
            notify=True,
            trigger=tick(15).trigger,
        )
    )


def test_it_is_raised_when_a_fact_makes_its_condition_true() -> None:
    given(*CATALOGUE).when(granted(1)).then(
        said(AlertChanged, subject=HOLDING, raised_at=granted(1).recorded_at, at=on(1))
    )


def test_what_changes_nothing_it_says_makes_no_version() -> None:
    given(*CATALOGUE, granted(1)).when(renewed(100)).then()


def test_an_alert_keeps_its_name_and_its_raising_when_it_is_re_dated() -> None:
    then = given(failed(1), tick(15)).when(failed(0.9))
    (told,) = then.fold.alerts.values()
    assert [(alert.version, alert.at) for alert in told] == [(1, on(15)), (2, on(14.9))]
    assert {alert.raised_at for alert in told} == {on(15)}


def test_what_closes_it_is_one_of_its_causes_but_a_tick_is_none() -> None:
    given(*CATALOGUE, granted(1)).when(revoked(5)).alerts(
        {"causes": tuple(sorted((granted(1).cause, revoked(5).cause))), "status": "corrected"}
    )
    given(*CATALOGUE, granted(1)).when(tick(400)).alerts(
        {"causes": (granted(1).cause,), "status": "resolved"}
    )


def test_a_closed_alert_does_not_change() -> None:
    given(*WITHDRAWN).when(failed(1, attempt=2, name="a twin")).then()


def test_the_same_stall_again_opens_the_same_alert() -> None:
    then = given(*WITHDRAWN, BACK).when(tick(15.5))
    then.statuses(("open", "withdrawn", "open"))
    then.alerts({"raised_at": on(15), "causes": (failed(1).cause,), "notify": True})
    then.alerts({"reopened": True})


def test_only_what_was_closed_opens_again() -> None:
    then = given(failed(1), tick(15)).when(failed(0.9), module(16), tick(40))
    versions = [alert for told in then.fold.alerts.values() for alert in told]
    assert {alert.status for alert in versions} == {"open", "resolved"}
    assert not any(alert.reopened for alert in versions)


def test_a_stall_without_a_card_is_not_recorded_where_an_alert_told_of_it() -> None:
    given(*WITHDRAWN, BACK).when(module(16)).then()


def test_an_open_alert_that_turns_out_to_be_an_older_one_gives_way_to_it() -> None:
    then = given(*WITHDRAWN, tick(16)).when(BACK)
    then.statuses(("open", "withdrawn", "open"), ("open", "withdrawn"))
    then.alerts({"at": on(15)}, {"at": on(16)})


def test_a_stall_without_a_card_opens_for_one_when_it_comes_back() -> None:
    then = given(failed(1, attempt=2), failed(15.5, attempt=1), tick(16)).when(
        failed(0.5, attempt=1), tick(16.5)
    )
    then.statuses(("resolved", "open")).alerts({"notify": True, "version": 1, "reopened": True})


def test_alerts_of_two_rules_and_subjects_do_not_meet() -> None:
    story = (*CATALOGUE, started(0), granted(1))
    given(*story).when(tick(14)).statuses(("open",), ("open",))


EVENTS: list[Fact | Tick] = [
    *(module(at, module=str(at)) for at in (0, 9, 16, 31)),
    *(failed(at, attempt=number) for number, at in enumerate((0.2, 1, 15))),
    *(failed(at, attempt=number, name="twin") for number, at in enumerate((9.5, 0.3, 2))),
    *(granted(at, last_day=on(last).date()) for at, last in ((0, 20), (2, 9), (25, 60))),
    *(tick(at) for at in (10, 15, 20, 30, 45)),
    left(40),
    revoked(3),
    completed(44),
]


@hypothesis.given(st.permutations(EVENTS))
def test_versions_are_counted_and_at_most_one_alert_of_a_subject_is_open(
    events: list[Fact | Tick],
) -> None:
    fold = Fold().fold(*CATALOGUE)
    for event in events:
        # The fold itself looks at versions, and that nothing is closed or raised twice.
        subjects = [alert[:3] for alert in fold.fold(event).open_alerts()]
        assert len(subjects) == len(set(subjects))


def test_values_say_what_it_was_decided_on() -> None:
    then = given(*CATALOGUE).when(completed(1))
    (alert,) = then.fold.open_alerts()
    assert alert[-1] == {
        "course": COURSE,
        "certificate": CERTIFICATE,
        "score": None,
        "at": "2026-01-06T09:00:00+00:00",
        "number": None,
        "last_day": "2027-01-05",
    }
