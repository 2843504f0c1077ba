"""Does every handler keep the contract that the engine relies on?"""

from dataclasses import is_dataclass
from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from handlers import HANDLERS
from handlers.handler import Handler, once
from schemas.alerts import CERTIFICATION_EARNED, TRAINING_ABANDONED
from schemas.facts import Fact

from .fold import BY_NAME, Fold
from .histories import ABANDONED, CERTIFIED, History, histories
from .story import (
    CATALOGUE,
    enrolled,
    failed,
    granted,
    module,
    started,
    tick,
)

TOLD = [*histories(TRAINING_ABANDONED), *histories(CERTIFICATION_EARNED)]


def test_names_are_unique_and_stand_for_good() -> None:
    assert [handler.NAME for handler in HANDLERS] == [
        "catalogue",
        "offers",
        "requirements",
        "demands",
        "account",
        "standing",
        "enrolment",
        "certification",
        "abandonment",
        "holdings",
        "teams",
        "alerts",
    ]


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: handler.NAME)
def test_a_state_that_knows_nothing_waits_for_nothing(handler: Handler) -> None:
    assert is_dataclass(handler.State)
    assert handler.deadline(handler.State()) is None


@pytest.mark.parametrize("history", TOLD, ids=lambda history: f"{history.rule}: {history.name}")
def test_every_state_survives_being_stored(history: History) -> None:
    for (name, key), state in history.told().states.items():
        adapter = TypeAdapter(BY_NAME[name].State)
        stored = adapter.dump_json(state)
        read = adapter.validate_json(stored)
        assert read == state, f"{name} {key}"
        assert adapter.dump_json(read) == stored, f"{name} {key}"


@pytest.mark.parametrize("facts", [told for _, told in {**ABANDONED, **CERTIFIED}.values()])
def test_stored_states_go_on_as_if_they_had_never_been_stored(facts: tuple[Fact, ...]) -> None:
    kept, stored = Fold().fold(*CATALOGUE), Fold().fold(*CATALOGUE)
    for fact in facts:
        for event in (fact, tick(20)):
            kept.fold(event)
            stored.fold(event)
            stored.states = {key: _stored(key[0], state) for key, state in stored.states.items()}
    assert stored.states == kept.states
    assert stored.rows() == kept.rows()
    assert stored.alerts == kept.alerts


def _stored(name: str, state: object) -> object:
    adapter = TypeAdapter(BY_NAME[name].State)
    return adapter.validate_json(adapter.dump_json(state))


def test_a_module_that_is_told_often_in_a_day_is_a_small_state() -> None:
    modules = [module(1 + at / 1440, module=f"m{at % 8}") for at in range(200)]
    fold = Fold().fold(*CATALOGUE, enrolled(0), started(0), *modules, failed(9), granted(300))
    sizes = {
        key[0]: len(TypeAdapter(BY_NAME[key[0]].State).dump_json(state))
        for key, state in fold.states.items()
    }
    assert max(sizes.values()) < 4500, sizes


def test_once_asks_again_only_for_other_arguments() -> None:
    asked = []

    @once
    def double(of: timedelta) -> timedelta:
        asked.append(of)
        return of * 2

    day, same_day = timedelta(days=1), timedelta(days=1)
    assert double(day) == double(day) == timedelta(days=2)
    assert asked == [day]
    double(same_day)
    assert len(asked) == 2
