"""Is a person there, and who hears when that changes?"""

from itertools import permutations

import hypothesis
from hypothesis import strategies as st

from handlers import standing
from handlers.derived import Presence, PresenceChanged
from schemas.facts import Fact

from .fold import Fold
from .spec import of, said
from .story import COURSE, Teller, enrolled, joined, left, on, started

given = of(standing)


def _returned(at: float, *causes: str) -> Presence:
    return Presence(False, on(at), causes or (joined(at).cause,), joined(at).recorded_at)


def test_leaving_is_told_to_every_course_she_is_in() -> None:
    given(joined(0), enrolled(1), started(2, course="other")).when(left(5)).then(
        said(PresenceChanged, course=COURSE, presence=Presence(gone=True), at=on(5)),
        said(PresenceChanged, course="other", presence=Presence(gone=True), at=on(5)),
    )


def test_who_is_in_no_course_leaves_silently() -> None:
    given(joined(0)).when(left(5)).then()


def test_a_first_joining_is_no_return() -> None:
    given(enrolled(1)).when(joined(2)).then()


def test_a_joining_after_a_leaving_is_a_return() -> None:
    given(joined(0), enrolled(1), left(5)).when(joined(9)).then(
        said(PresenceChanged, presence=_returned(9))
    )


def test_being_announced_again_is_no_return() -> None:
    given(joined(0), enrolled(1), left(5), joined(9)).when(joined(12)).then()


def test_a_leaving_told_late_makes_the_joining_known_before_a_return() -> None:
    given(joined(0), enrolled(1), joined(9)).when(left(5)).then(
        said(PresenceChanged, presence=_returned(9))
    )


def test_leaving_and_joining_at_one_instant_is_leaving() -> None:
    given(joined(0), enrolled(1), left(5)).when(joined(5)).then()
    given(joined(0), enrolled(1), joined(5, name="again")).when(left(5)).then(
        said(PresenceChanged, presence=Presence(gone=True))
    )


def test_a_twin_of_the_return_is_one_of_its_causes() -> None:
    twin = joined(9, name="a twin")
    causes = tuple(sorted((joined(9).cause, twin.cause)))
    given(enrolled(1), left(5), joined(9)).when(twin).then(
        said(PresenceChanged, presence=_returned(9, *causes))
    )


def test_a_course_that_begins_later_knows_that_she_is_gone() -> None:
    given(joined(0), left(5)).when(enrolled(1)).row("training", active=False)


moves = st.lists(
    st.tuples(st.sampled_from([joined, left]), st.integers(0, 3)), min_size=1, max_size=5
)


@hypothesis.settings(deadline=None)
@hypothesis.given(moves)
def test_presence_does_not_depend_on_the_order_of_arrival(
    moves: list[tuple[Teller[Fact], int]],
) -> None:
    facts = [tell(at, name=str(place)) for place, (tell, at) in enumerate(moves)]
    ends = [Fold().fold(enrolled(0), *told).kept() for told in permutations(facts)]
    assert all(end == ends[0] for end in ends)
