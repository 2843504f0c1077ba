"""Does the order of arrival matter? Every permutation of many short histories, with ticks between.

Compared at the end, after one last tick: states (but the desk's own), rows, and open alerts.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.alerts import CERTIFICATION_EARNED, TRAINING_ABANDONED
from schemas.facts import Fact

from .fold import Fold
from .histories import History, histories
from .story import CATALOGUE, tick

TICKS = (0, 5, 14, 15, 15.5, 16, 17, 25, 29.5, 31, 45, 50, 60, 300, 366, 380, 500, 1000)
TICK_AFTER_A_FACT = 1 / 3

ALL = [*histories(TRAINING_ABANDONED), *histories(CERTIFICATION_EARNED)]


@pytest.mark.parametrize("history", ALL, ids=lambda history: f"{history.rule}: {history.name}")
def test_every_order_of_arrival_ends_the_same(history: History) -> None:
    expected = _end(history.told())
    rng = random.Random(history.name)
    for fold, order in _orders(history, Fold().fold(*CATALOGUE), history.facts, (), rng):
        end = _end(fold.fold(tick(history.last_tick)))
        assert end == expected, f"told as {order}"


def test_each_rule_is_tried_with_fifty_histories_and_more() -> None:
    for rule in (TRAINING_ABANDONED, CERTIFICATION_EARNED):
        assert len([history for history in ALL if history.rule == rule]) > 50
    assert {len(history.facts) for history in ALL} == {4, 5, 6}


def _end(fold: Fold) -> dict[str, Any]:
    return {"states": fold.kept(), "rows": fold.rows(), "open": fold.open_alerts()}


def _orders(
    history: History, fold: Fold, left: tuple[Fact, ...], order: tuple[str, ...], rng: random.Random
) -> Iterator[tuple[Fold, tuple[str, ...]]]:
    """Every permutation of what is left, each after a shared beginning."""
    if not left:
        yield fold, order
    for place, fact in enumerate(left):
        then, told = fold.branch().fold(fact), (*order, fact.cause)
        if rng.random() < TICK_AFTER_A_FACT:
            at = rng.choice([at for at in TICKS if at <= history.last_tick])
            then, told = then.fold(tick(at)), (*told, f"tick at {at}")
        yield from _orders(history, then, left[:place] + left[place + 1 :], told, rng)
