"""What is known of a course, and of who earns a certificate by it?"""

from itertools import permutations

import hypothesis
from hypothesis import strategies as st

from handlers import catalogue, offers
from handlers.catalogue import Course
from handlers.derived import OfferChanged
from handlers.offers import Offer, Offered, offer_key
from schemas.facts import CourseDescribed

from .fold import Fold
from .spec import of, said
from .story import COURSE, described

given = of(catalogue)


def _course(*facts: CourseDescribed) -> Course:
    state = Fold().fold(*facts).states["catalogue", f"catalogue|{COURSE}"]
    assert isinstance(state, Course)
    return state


def _offer(fold: Fold, certificate: str) -> object:
    return fold.states[offers.NAME, offer_key(certificate)]


def test_silence_may_last_fourteen_days_unless_the_course_says_otherwise() -> None:
    assert _course(described(0, certificate="X")).patience == 14
    assert _course(described(0, patience_days=30)).patience == 30


def test_a_field_left_out_changes_nothing() -> None:
    course = _course(described(0, certificate="X", patience_days=7), described(1, patience_days=9))
    assert (course.offer, course.patience) == (("X", None), 9)


def test_what_was_said_last_stands_not_what_was_heard_last() -> None:
    assert _course(described(2, patience_days=7), described(1, patience_days=9)).patience == 7


def test_a_new_certificate_is_offered_and_the_old_one_no_longer() -> None:
    given(described(0, certificate="X", validity_months=12)).when(
        described(1, certificate="Y")
    ).then(
        said(OfferChanged, certificate="X", course=COURSE, offered=False),
        said(OfferChanged, certificate="Y", course=COURSE, offered=True, months=12),
    )


def test_a_new_validity_is_offered_under_the_same_certificate() -> None:
    given(described(0, certificate="X", validity_months=12)).when(
        described(1, validity_months=24)
    ).then(said(OfferChanged, certificate="X", offered=True, months=24))


def test_what_concerns_no_certificate_offers_nothing() -> None:
    given(described(0, certificate="X")).when(described(1, patience_days=9)).then()


def test_two_courses_may_earn_one_certificate() -> None:
    fold = Fold().fold(
        described(0, course="b", certificate="X", validity_months=24),
        described(1, course="a", certificate="X"),
    )
    offer = Offer((Offered("a"), Offered("b", 24)))
    assert _offer(fold, "X") == offer
    assert (offer.months("a"), offer.months("b"), offer.months(None)) == (None, 24, 24)


descriptions = st.builds(
    lambda at, name, fields: described(at, name=name, **fields),
    st.integers(0, 2),
    st.uuids().map(str),
    st.fixed_dictionaries(
        {},
        optional={
            "certificate": st.sampled_from(["X", "Y"]),
            "validity_months": st.integers(1, 24),
            "patience_days": st.integers(1, 60),
        },
    ),
)


@hypothesis.given(st.lists(descriptions, min_size=1, max_size=4))
def test_courses_and_offers_do_not_depend_on_the_order_of_arrival(
    facts: list[CourseDescribed],
) -> None:
    ends = [Fold().fold(*told).kept() for told in permutations(facts)]
    assert all(end == ends[0] for end in ends)
