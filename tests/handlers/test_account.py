"""In which zone are the days of an account counted?"""

from itertools import permutations

import hypothesis
from hypothesis import strategies as st

from handlers.account import Account

from .fold import Fold
from .story import CUSTOMER, account


def _zone(fold: Fold) -> str:
    state = fold.states.get(("account", CUSTOMER), Account())
    assert isinstance(state, Account)
    return state.zone


def test_the_days_of_an_unknown_account_are_those_of_utc() -> None:
    assert _zone(Fold()) == "UTC"


def test_a_description_without_a_zone_leaves_it_as_it_was() -> None:
    fold = Fold().fold(account(0, zone="Asia/Tokyo"), account(1, segment="large"))
    assert _zone(fold) == "Asia/Tokyo"


def test_of_two_zones_said_at_once_the_later_cause_stands() -> None:
    b, a = account(0, zone="Asia/Tokyo", name="b"), account(0, zone="UTC", name="a")
    assert _zone(Fold().fold(b, a)) == _zone(Fold().fold(a, b)) == "Asia/Tokyo"


@hypothesis.given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([None, "Asia/Tokyo", "Europe/Oslo", "UTC"])),
        min_size=1,
        max_size=4,
    )
)
def test_the_zone_does_not_depend_on_the_order_of_arrival(said: list[tuple[int, str]]) -> None:
    facts = [account(at, zone=zone, name=str(place)) for place, (at, zone) in enumerate(said)]
    assert len({_zone(Fold().fold(*told)) for told in permutations(facts)}) == 1
