"""Does usage add up to the same rows however it is told, and to the right ones?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handlers.usage import Day, Feature, Known, Told, Total, User, follow, tally
from schemas.facts import UsageRecorded

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def used(
    quantity: str = "1", at: datetime = NOON, who: str | None = None, what: str | None = None
) -> UsageRecorded:
    return UsageRecorded(
        at=at,
        recorded_at=at,
        cause="urn:meter#1",
        customer="acme",
        metric="calls",
        quantity=Decimal(quantity),
        person=who,
        feature=what,
    )


def fold(*batches: Sequence[UsageRecorded]) -> dict[str, dict[Any, Any]]:
    """What stands after these batches."""
    stands: dict[str, dict[Any, Any]] = {name: {} for name in Told._fields}
    for batch in batches:
        for name, rows in follow(tally(batch), Known(**stands))._asdict().items():
            stands[name].update(rows)
    return stands


def test_a_total_counts_events_people_and_the_times_between_which_they_lie() -> None:
    facts = used("2"), used("0.5", NOON - HOUR, "ada"), used("3", NOON + HOUR, "ada"), used("1")
    assert fold(facts)["totals"] == {
        ("acme", "calls"): Total(Decimal("6.5"), 4, 1, NOON - HOUR, NOON + HOUR)
    }


def test_a_day_is_one_of_utc() -> None:
    late = datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
    days = fold([used("2", late), used("3", late + timedelta(seconds=1))])["days"]
    assert days == {
        ("acme", "calls", date(2026, 3, 2)): Day(Decimal(2), 1),
        ("acme", "calls", date(2026, 3, 3)): Day(Decimal(3), 1),
    }


def test_a_person_is_a_user_once_and_since_the_first_time_whenever_that_is_told() -> None:
    stands = fold([used(who="ada")], [used(at=NOON - HOUR, who="ada")], [used(who="bob")])
    assert stands["users"] == {
        ("acme", "calls", "ada"): User(NOON - HOUR),
        ("acme", "calls", "bob"): User(NOON),
    }
    assert stands["totals"]["acme", "calls"].users == 2


def test_a_user_who_comes_again_changes_no_row_of_hers() -> None:
    known = Known(**fold([used(who="ada")]))
    assert follow(tally([used(at=NOON + HOUR, who="ada")]), known).users == {}


def test_a_feature_is_adopted_when_it_is_first_used() -> None:
    stands = fold([used(what="exports")], [used(at=NOON - HOUR, what="exports"), used()])
    assert stands["features"] == {("acme", "exports"): Feature(2, NOON - HOUR, NOON)}


def test_what_was_told_too_much_is_taken_back() -> None:
    assert fold([used("10")], [used("-4")])["totals"]["acme", "calls"].total == 6


FACTS = st.builds(
    replace,
    st.just(used()),
    customer=st.sampled_from(["acme", "bolt"]),
    metric=st.sampled_from(["calls", "seats"]),
    quantity=st.decimals(-100, 100, places=2),
    at=st.integers(0, 80).map(lambda hours: NOON + hours * HOUR),
    person=st.sampled_from([None, "ada", "bob"]),
    feature=st.sampled_from([None, "exports", "search"]),
)


@given(st.lists(FACTS, max_size=30), st.integers(1, 10), st.randoms())
def test_batches_and_their_order_make_no_difference(
    facts: list[UsageRecorded], size: int, chance: Any
) -> None:
    mixed = list(facts)
    chance.shuffle(mixed)
    cut = [mixed[i : i + size] for i in range(0, len(mixed), size)]
    whole, parts = fold(facts), fold(*cut)
    assert parts == whole
    # Equal numbers may be spelt in two ways; a rebuild compares the spelling.
    spelt = {key: str(row.total) for key, row in whole["totals"].items()}
    assert {key: str(row.total) for key, row in parts["totals"].items()} == spelt
