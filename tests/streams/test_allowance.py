"""How much may a token send at once, and in the long run?"""

from hypothesis import given
from hypothesis import strategies as st

from streams.allowance import Allowance


def test_what_was_saved_may_be_sent_at_once_and_then_has_to_be_waited_for() -> None:
    allowance = Allowance(rate=2, most=10)
    assert allowance.take("a", 10, now=0) == 0
    assert allowance.take("a", 1, now=0) == 0.5
    assert allowance.take("a", 1, now=0.5) == 0
    assert allowance.take("a", 3, now=1) == 1


def test_no_more_is_saved_than_a_purse_holds() -> None:
    allowance = Allowance(rate=2, most=10)
    assert allowance.take("a", 10, now=0) == 0
    assert allowance.take("a", 10, now=1000) == 0
    assert allowance.take("a", 1, now=1000) == 0.5


def test_what_is_given_back_may_be_spent_but_fills_no_purse_beyond_its_brim() -> None:
    allowance = Allowance(rate=2, most=10)
    assert allowance.take("a", 10, now=0) == 0
    allowance.give_back("a", 4)
    assert allowance.take("a", 5, now=0) == 0.5
    allowance.give_back("a", 100)
    assert allowance.take("a", 11, now=0) == 0.5


def test_one_name_does_not_spend_what_is_anothers() -> None:
    allowance = Allowance(rate=1, most=1)
    assert allowance.take("a", 1, now=0) == 0
    assert allowance.take("b", 1, now=0) == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 12)), max_size=50))
def test_nobody_sends_more_than_the_rate_and_one_purse(asked: list[tuple[float, int]]) -> None:
    allowance = Allowance(rate=3, most=10)
    now, sent = 0.0, 0
    for pause, amount in asked:
        now += pause
        if allowance.take("a", amount, now) == 0:
            sent += amount
        assert sent <= 10 + 3 * now + 1e-6
