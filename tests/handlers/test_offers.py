"""Who offers a certificate, and for how long does it hold?"""

import hypothesis
from hypothesis import strategies as st

from handlers import offers
from handlers.offers import Offer, Offered, offer_key

from .fold import Fold
from .story import CERTIFICATE, described


def _offer(*described_courses: object) -> Offer:
    state = Fold().fold(*described_courses).states[offers.NAME, offer_key(CERTIFICATE)]  # type: ignore[arg-type]
    assert isinstance(state, Offer)
    return state


def test_a_course_says_for_how_long_and_another_says_otherwise() -> None:
    offer = _offer(
        described(0, course="a", certificate=CERTIFICATE, validity_months=12),
        described(1, course="b", certificate=CERTIFICATE, validity_months=6),
    )
    assert (offer.months("a"), offer.months("b"), offer.months("c")) == (12, 6, None)


def test_where_no_course_is_named_the_first_that_says_anything_counts() -> None:
    offer = _offer(
        described(0, course="b", certificate=CERTIFICATE, validity_months=6),
        described(1, course="a", certificate=CERTIFICATE),
    )
    assert offer.months(None) == 6


def test_a_course_that_turns_to_another_certificate_no_longer_offers_it() -> None:
    offer = _offer(
        described(0, course="a", certificate=CERTIFICATE, validity_months=12),
        described(1, course="a", certificate="other"),
    )
    assert offer == Offer()


@hypothesis.given(order=st.permutations(["a", "b", "c"]))
def test_the_order_in_which_courses_are_described_does_not_matter(order: list[str]) -> None:
    told = [described(0, course=course, certificate=CERTIFICATE, name=course) for course in order]
    assert _offer(*told) == Offer((Offered("a"), Offered("b"), Offered("c")))
