"""Who holds a certificate, since when and until when, and when does that deserve a word?"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from handlers import certification
from handlers.derived import (
    AlertUnwanted,
    AlertWanted,
    CertificateLapsed,
    HoldingChanged,
    Validity,
    ValidityChanged,
)
from schemas.facts import Fact

from .fold import Fold
from .spec import of, said
from .story import (
    CATALOGUE,
    CERTIFICATE,
    COURSE,
    HOLDING,
    Teller,
    account,
    completed,
    described,
    granted,
    on,
    renewed,
    revoked,
    tick,
)

given = of(certification)

A_SECOND = timedelta(seconds=1)
A_MONTH_LATE = timedelta(days=30)
YEAR_OVER = datetime(2027, 1, 4, 23, tzinfo=UTC)
"""When what was earned on day 0 for 12 months lapses: midnight in Berlin."""


def test_a_grant_is_told_of_with_its_lapse() -> None:
    given(*CATALOGUE).when(granted(0, number="N1")).then(
        said(HoldingChanged, certificate=CERTIFICATE, held=True),
        said(ValidityChanged, course=COURSE, validity=Validity((YEAR_OVER,))),
        said(
            AlertWanted,
            subject=HOLDING,
            since=on(0),
            causes=(granted(0).cause,),
            values=(
                ("course", COURSE),
                ("certificate", CERTIFICATE),
                ("score", None),
                ("at", "2026-01-05T09:00:00+00:00"),
                ("number", "N1"),
                ("last_day", "2027-01-04"),
            ),
        ),
    )


def test_completing_the_course_earns_its_certificate() -> None:
    then = given(*CATALOGUE).when(completed(0, score=Decimal("95.50")))
    then.row("certificates", course=COURSE, status="valid", earned_at=on(0), number=None)
    (alert,) = then.fold.open_alerts()
    assert alert[-1]["score"] == "95.50"


def test_a_course_without_a_certificate_earns_none() -> None:
    assert given().when(completed(0)).rows("certificates") == []


@pytest.mark.parametrize(
    ("zone", "earned", "months", "last_day"),
    [
        ("UTC", datetime(2023, 2, 12, 12, tzinfo=UTC), 12, date(2024, 2, 11)),
        ("UTC", datetime(2024, 2, 29, 12, tzinfo=UTC), 12, date(2025, 2, 27)),
        ("UTC", datetime(2023, 8, 31, 12, tzinfo=UTC), 6, date(2024, 2, 28)),
        ("Pacific/Auckland", datetime(2023, 2, 12, 12, tzinfo=UTC), 12, date(2024, 2, 12)),
        ("America/Los_Angeles", datetime(2023, 2, 12, 7, tzinfo=UTC), 12, date(2024, 2, 10)),
    ],
)
def test_validity_is_counted_in_months_of_the_account(
    zone: str, earned: datetime, months: int, last_day: date
) -> None:
    course = described(-9000, certificate=CERTIFICATE, validity_months=months)
    given(course, account(-9000, zone=zone)).when(completed(earned)).row(
        "certificates", last_day=last_day
    )


def test_a_stated_last_day_wins_over_the_months() -> None:
    last = date(2026, 3, 1)
    given(*CATALOGUE).when(granted(0, last_day=last)).row("certificates", last_day=last)


def test_what_has_no_last_day_never_lapses() -> None:
    for kind in (granted(0), granted(0, last_day=date.max)):
        given().when(kind, tick(200_000)).row("certificates", status="valid")


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "Asia/Beirut"])
def test_the_last_valid_day_is_valid_to_its_end_in_the_account(zone: str) -> None:
    # In Beirut the next day begins at one: clocks jump at midnight.
    story = (account(-9, zone=zone), granted(0, last_day=date(2026, 3, 28)))
    end = {
        "Pacific/Auckland": datetime(2026, 3, 28, 11, tzinfo=UTC),
        "America/Los_Angeles": datetime(2026, 3, 29, 7, tzinfo=UTC),
        "Asia/Beirut": datetime(2026, 3, 28, 22, tzinfo=UTC),
    }[zone]
    given(*story).when(tick(end - A_SECOND)).row("certificates", status="valid")
    given(*story).when(tick(end)).row("certificates", status="expired")


def test_a_lapse_is_told_once_and_resolves_the_alert() -> None:
    story = (*CATALOGUE, granted(0))
    given(*story).when(tick(YEAR_OVER)).then(
        said(CertificateLapsed),
        said(HoldingChanged, held=False),
        said(ValidityChanged, validity=Validity((YEAR_OVER,), lapsed=True)),
        said(AlertUnwanted, status="resolved"),
    )
    given(*story, tick(YEAR_OVER)).when(tick(400)).then()


def test_a_renewal_in_time_says_nothing_and_lasts_longer() -> None:
    then = given(*CATALOGUE, granted(0)).when(renewed(300))
    then.statuses(("open",)).row(
        "certificates", earned_at=on(0), renewed_at=on(300), last_day=date(2027, 10, 31)
    )
    given(*CATALOGUE, granted(0), renewed(300)).when(tick(366)).statuses(("open",))


def test_a_renewal_that_keeps_the_number_still_lasts_longer() -> None:
    renewal = renewed(300, number="N", last_day=date(2027, 12, 31))
    given(*CATALOGUE, granted(0, number="N")).when(renewal).row(
        "certificates", renewed_at=on(300), last_day=date(2027, 12, 31), number="N"
    )


@pytest.mark.parametrize(
    ("first", "then", "stands"),
    [
        (date(2026, 2, 1), None, None),
        (None, date(2026, 2, 1), None),
        (date(2026, 2, 1), date.max, None),
        (date(2027, 6, 30), date(2026, 2, 1), date(2027, 6, 30)),
        (date(2026, 2, 1), date(2027, 6, 30), date(2027, 6, 30)),
    ],
)
def test_the_register_shows_the_day_on_which_the_longest_award_ends(
    first: date | None, then: date | None, stands: date | None
) -> None:
    story = (account(-9), granted(0, last_day=first))
    shown = given(*story).when(renewed(10, last_day=then), tick(60))
    shown.row("certificates", status="valid", last_day=stands)
    if stands is not None:
        over = (stands - on(0).date()).days + 1
        given(*story, renewed(10, last_day=then)).when(tick(over)).row(
            "certificates", status="expired", last_day=stands
        )


def test_a_grant_while_one_is_valid_is_a_renewal() -> None:
    given(*CATALOGUE, granted(0)).when(granted(300)).row(
        "certificates", earned_at=on(0), renewed_at=on(300)
    )


def test_at_its_lapse_it_is_too_late_to_renew() -> None:
    before = YEAR_OVER - A_SECOND
    given(*CATALOGUE, granted(0)).when(renewed(before)).row("certificates", earned_at=on(0))
    given(*CATALOGUE, granted(0)).when(renewed(YEAR_OVER)).row(
        "certificates", earned_at=YEAR_OVER, renewed_at=None
    )


def test_earning_it_again_after_a_lapse_is_told_again() -> None:
    given(*CATALOGUE, granted(0), tick(400)).when(granted(410)).statuses(
        ("open", "resolved"), ("open",)
    )


def test_a_new_chain_resolves_the_old_alert_where_no_tick_saw_the_lapse() -> None:
    then = (
        given(*CATALOGUE, granted(0)).when(granted(410)).statuses(("open", "resolved"), ("open",))
    )
    both = tuple(sorted((granted(0).cause, granted(410).cause)))
    then.alerts({"causes": both}, {"causes": (granted(410).cause,)})


def test_a_late_renewal_re_opens_the_alert_that_a_tick_resolved() -> None:
    then = given(*CATALOGUE, granted(0), tick(366)).when(renewed(300))
    then.statuses(("open", "resolved", "open")).alerts({"causes": (granted(0).cause,)})
    then.row("certificates", status="valid")


def test_a_late_renewal_joins_two_chains_and_opens_the_first_alert() -> None:
    given(*CATALOGUE, granted(0), granted(400)).when(renewed(300)).statuses(
        ("open", "resolved", "open"), ("open", "withdrawn")
    )


def test_a_revocation_corrects_the_alert() -> None:
    then = given(*CATALOGUE, granted(0)).when(revoked(5))
    then.then(
        said(HoldingChanged, held=False),
        said(ValidityChanged, validity=Validity()),
        said(AlertUnwanted, status="corrected"),
    )
    then.row("certificates", status="revoked", revoked_at=on(5), earned_at=on(0))


def test_what_was_revoked_never_expires() -> None:
    given(*CATALOGUE, granted(0), revoked(5)).when(tick(400)).then().row(
        "certificates", status="revoked"
    )


def test_a_revocation_alone_makes_no_row_but_its_person_is_heard_of() -> None:
    then = given(*CATALOGUE).when(revoked(5)).then(said(HoldingChanged, held=False))
    assert then.rows("certificates") == []


def test_a_revocation_after_the_lapse_ends_nothing() -> None:
    given(*CATALOGUE, granted(0), tick(400)).when(revoked(366)).then().row(
        "certificates", status="expired", revoked_at=None
    )


def test_a_revocation_of_another_number_means_another_certificate() -> None:
    given(*CATALOGUE, granted(0, number="N1")).when(revoked(5, number="N2")).then()
    given(*CATALOGUE, granted(0)).when(revoked(5, number="N2")).statuses(("open", "corrected"))


def test_a_number_told_later_unmakes_the_revocation_of_another() -> None:
    given(*CATALOGUE, granted(0), revoked(5, number="N2")).when(granted(0.1, number="N1")).statuses(
        ("open", "corrected", "open")
    )


def test_revoked_and_granted_again_is_told_twice() -> None:
    given(*CATALOGUE, granted(0), revoked(5)).when(granted(6)).statuses(
        ("open", "corrected"), ("open",)
    )


def test_a_revocation_told_late_parts_what_looked_like_a_renewal() -> None:
    then = given(*CATALOGUE, granted(0), granted(10)).when(revoked(5))
    then.statuses(("open", "corrected"), ("open",)).row("certificates", earned_at=on(10))


def test_granted_and_revoked_at_one_instant_is_revoked() -> None:
    given(*CATALOGUE, revoked(1)).when(granted(1)).row("certificates", status="revoked")


def test_a_completion_and_a_grant_within_seven_days_are_one() -> None:
    for first, then in ((completed(0), granted(7)), (granted(0), completed(7))):
        given(*CATALOGUE, first).when(then).row("certificates", renewed_at=None)
    for first, then in (
        (completed(0), granted(on(7) + A_SECOND)),
        (granted(0), completed(on(7) + A_SECOND)),
        (completed(0), completed(7)),
        (granted(0), granted(7)),
    ):
        given(*CATALOGUE, first).when(then).row("certificates", renewed_at=then.at)


def test_the_explicit_grant_adds_its_number_and_its_id() -> None:
    then = given(*CATALOGUE, completed(0, score=Decimal(80))).when(granted(3, number="N1"))
    then.row("certificates", number="N1", earned_at=on(0), renewed_at=None)
    then.alerts({"version": 2, "causes": tuple(sorted((completed(0).cause, granted(3).cause)))})


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"number": "N1"}, {"number": "N1"}, True),
        ({"number": "N1"}, {"number": "N2"}, False),
        ({"number": "N1", "last_day": date(2026, 9, 9)}, {"last_day": date(2026, 9, 9)}, True),
        ({"last_day": date(2026, 9, 9)}, {"last_day": date(2026, 9, 10)}, False),
        ({"number": "N1"}, {}, True),
    ],
)
@pytest.mark.parametrize("later", [0.1, 0.5])
def test_grants_agree_by_number_then_last_day_then_day(
    first: dict[str, Any], second: dict[str, Any], same: bool, later: float
) -> None:
    told = granted(0, **first), granted(later, name="second", **second)
    renewed_at = None if same else on(later)
    given(*CATALOGUE, told[0]).when(told[1]).row("certificates", renewed_at=renewed_at)


def test_the_day_on_which_grants_agree_is_the_account_s() -> None:
    # 9:00 and 12:00 UTC: in Auckland the second lies on the next day.
    for zone, renewed_at in (("Pacific/Auckland", on(0.125)), ("UTC", None)):
        given(account(-9, zone=zone), granted(0)).when(granted(0.125)).row(
            "certificates", renewed_at=renewed_at
        )


def test_a_renewal_keeps_its_number_and_is_no_twin_of_the_grant() -> None:
    story = (*CATALOGUE, granted(0, number="N1"))
    given(*story).when(renewed(300, number="N1")).row(
        "certificates", renewed_at=on(300), last_day=date(2027, 10, 31)
    )
    given(*story).when(renewed(0.1)).row("certificates", renewed_at=on(0.1))


def test_renewals_are_twins_by_last_day_and_day_but_not_by_number() -> None:
    story = (*CATALOGUE, granted(0), renewed(300, number="N1", last_day=date(2027, 9, 9)))
    for twin in (
        renewed(310, last_day=date(2027, 9, 9)),
        renewed(300.1, number="N2"),
    ):
        given(*story).when(twin).row("certificates", renewed_at=on(300))
    given(*story).when(renewed(310, number="N1")).row("certificates", renewed_at=on(310))


def test_twins_never_meet_across_a_revocation() -> None:
    story = (granted(0, number="N1"), revoked(0.1), granted(0.2, number="N1"))
    given(*CATALOGUE, *story[:2]).when(story[2]).row("certificates", earned_at=on(0.2))


def test_a_twin_at_the_instant_of_the_revocation_lies_before_it_and_one_after_does_not() -> None:
    given(*CATALOGUE, granted(1), revoked(1.1)).when(granted(1.1)).row(
        "certificates", status="revoked", renewed_at=None
    )
    given(*CATALOGUE, granted(1), revoked(1)).when(granted(1.1)).row(
        "certificates", status="valid", earned_at=on(1.1)
    )


def test_a_completion_and_its_certificate_in_one_record_are_one_award() -> None:
    then = given(*CATALOGUE, completed(1, name="both")).when(granted(1, name="both", number="N1"))
    then.row("certificates", number="N1", renewed_at=None)
    then.alerts({"causes": ("lms#both",), "version": 2})


def test_a_twin_that_was_earlier_re_dates_the_alert() -> None:
    given(*CATALOGUE, granted(0.5)).when(granted(0.1)).alerts({"at": on(0.1), "version": 2})


def test_history_stands_in_the_register_and_alerts_nobody() -> None:
    then = given(*CATALOGUE).when(granted(0, after=A_MONTH_LATE))
    then.alerts().row("certificates", status="valid")
    given(*CATALOGUE).when(granted(0, after=timedelta(hours=48))).statuses(("open",))


def test_a_twin_heard_in_time_makes_history_news() -> None:
    given(*CATALOGUE, granted(0, after=A_MONTH_LATE)).when(granted(0.1)).alerts(
        {"status": "open", "at": on(0)}
    )


def test_an_older_grant_from_history_withdraws_the_word_on_its_renewal() -> None:
    given(*CATALOGUE, granted(100)).when(granted(0, after=A_MONTH_LATE)).statuses(
        ("open", "withdrawn")
    )


def test_later_months_in_the_catalogue_do_not_change_what_was_granted() -> None:
    story = (*CATALOGUE, granted(0), described(5, validity_months=24))
    given(*story).when(renewed(100)).row("certificates", last_day=date(2028, 4, 14))
    then = given(*story).when(tick(366))
    then.row("certificates", status="expired", last_day=date(2027, 1, 4))


def test_a_course_that_earns_it_no_longer_still_hears_of_what_it_earned() -> None:
    story = (*CATALOGUE, completed(0), described(5, certificate="another"))
    again = renewed(10, last_day=on(300).date())
    given(*story, again).when(tick(400)).row("training", status="expired")


def test_every_course_that_earns_it_hears_of_the_lapse() -> None:
    courses = [described(-9, course=name, certificate=CERTIFICATE) for name in ("b", "a")]
    then = given(*courses, completed(0, course="b")).when(granted(1, last_day=on(20).date()))
    assert [event.course for event in then.events[:2]] == ["a", "b"]
    then.row("certificates", course="b")


tellings = st.lists(
    st.tuples(
        st.sampled_from([granted, renewed, revoked, completed]),
        st.sampled_from([0, 0.2, 5, 9, 200, 360, 370, 600]),
    ),
    min_size=1,
    max_size=7,
)


@hypothesis.given(tellings, st.randoms(use_true_random=False), st.sampled_from([1, 300, 370, 2000]))
def test_an_alert_is_open_exactly_while_the_register_says_valid(
    tellings: list[tuple[Teller[Fact], float]], shuffle: Random, now: float
) -> None:
    facts: list[Fact] = [tell(at, name=str(place)) for place, (tell, at) in enumerate(tellings)]
    fold, shuffled = Fold().fold(*CATALOGUE, *facts, tick(now)), list(facts)
    shuffle.shuffle(shuffled)
    valid = [
        row["earned_at"]
        for table, *_, rows in fold.rows()
        for row in rows
        if table == "certificates" and row["status"] == "valid"
    ]
    opened = [alert for alert in fold.open_alerts() if alert[2] == HOLDING]
    assert [alert[3] for alert in opened] == valid
    assert Fold().fold(*CATALOGUE, *shuffled, tick(now)).open_alerts() == fold.open_alerts()
