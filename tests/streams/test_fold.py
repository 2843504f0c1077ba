"""Do records lead to what the handlers say, in the declared order, whatever was known before?"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.facts import (
    CertificateGranted,
    CustomerDescribed,
    Fact,
    ModuleCompleted,
    Tick,
    TrainingStarted,
)
from streams import fold as folding
from streams.fold import BY_NAME, Fold
from streams.stop import HandlerFailed
from tests.streams.folding import a_fact, day, poison

Key = tuple[str, str]


class Everything(dict[Key, Any]):
    """A database in which nothing is missing; states never stored are None."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: Key) -> None:
        return None


def started(person: str, at: float) -> Fact:
    return a_fact(
        TrainingStarted, at, f"{person}@{at}", customer="acme", person=person, course="admin"
    )


def silent(people: int) -> Fold:
    """So many learners who started within twenty days, told in no order, and then fell silent."""
    fold = Fold(Everything())
    starts = [(f"p{i:02}", float(i % 7)) for i in range(people)]
    random.Random(1).shuffle(starts)
    for offset, (person, at) in enumerate(starts):
        fold.fact(started(person, at), offset)
    return fold


def by_deadline(fold: Fold, keys: Sequence[Key]) -> list[tuple[datetime | None, str, str]]:
    return [(BY_NAME[key[0]].deadline(fold.state(key)), *key) for key in keys]


def test_states_fire_by_deadline_then_handler_then_key() -> None:
    fold = silent(40)
    tick = Tick(now=day(60))
    order = fold.due([], tick)
    asked = by_deadline(fold, order)
    assert len(asked) == 40
    assert asked == sorted(asked, key=str)
    fold.fire(order, tick, offset=40)
    raised = [(change.at, change.subject) for _, change in fold.decided]
    assert raised == [(at, key.removeprefix("acme|")) for at, _, key in asked]


def test_what_is_not_due_yet_does_not_fire() -> None:
    fold = silent(40)
    tick = Tick(now=day(14 + 3))
    fold.fire(fold.due([], tick), tick, offset=40)
    assert {change.at for _, change in fold.decided} == {day(14 + i) for i in range(4)}


def test_a_tick_fires_the_first_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    tick = Tick(now=day(60))
    fold = silent(40)
    all_of_them = fold.due([], tick)
    monkeypatch.setattr(folding, "FIRED_AT_MOST", 7)
    assert fold.due([], tick) == all_of_them[:7]


def test_a_fold_asks_for_all_that_it_misses_and_then_needs_nothing_more() -> None:
    known: dict[Key, Any] = {}
    asked = []
    for _ in range(10):
        fold = Fold(known)
        fold.fact(started("ann", 0), 0)
        fold.fact(started("bea", 0), 1)
        if not fold.missing:
            break
        asked.append(fold.missing.keys)
        known.update(dict.fromkeys(fold.missing.keys))
    assert len(asked) < 4
    assert {("enrolment", "acme|ann|admin"), ("enrolment", "acme|bea|admin")} <= asked[0]
    assert fold.changed == _folded(Everything()).changed


def test_a_state_that_is_missing_is_not_taken_for_a_new_one() -> None:
    """What a handler makes of a state that was not loaded counts for nothing, not even its fall."""
    before = _folded(Everything())
    stored = Everything(before.changed)
    broken = a_fact(CustomerDescribed, 1, "z", customer="acme", zone="Nowhere/Never")
    module = a_fact(
        ModuleCompleted, 2, "m", customer="acme", person="ann", course="admin", module="m1"
    )
    fold = Fold({})
    fold.fact(broken, 0)
    fold.fact(module, 1)
    assert ("enrolment", "acme|ann|admin") in fold.missing.keys
    whole = Fold(stored)
    whole.fact(module, 2)
    assert not whole.missing
    assert whole.changed["enrolment", "acme|ann|admin"].facts[-1].kind == "module"
    assert len(whole.changed["enrolment", "acme|ann|admin"].facts) == 2


def _folded(known: Everything) -> Fold:
    fold = Fold(known)
    fold.fact(started("ann", 0), 0)
    fold.fact(started("bea", 0), 1)
    assert not fold.missing
    return fold


def test_a_handler_that_raises_is_named_with_the_record() -> None:
    fold = Fold(Everything())
    zone, grant = poison()
    fold.fact(zone, 6)
    fold.fact(grant, 7)
    with pytest.raises(HandlerFailed, match=r"^certification\.\w+ at offset 8: ZoneInfoNotFound"):
        fold.fact(granted(last_day=date(2028, 1, 1)), 8)


def granted(last_day: date) -> Fact:
    whose = {"customer": "acme", "person": "eve", "certificate": "admin-cert"}
    return a_fact(CertificateGranted, 73, "longer", **whose, last_day=last_day)


@dataclass(frozen=True)
class Alarm:
    """A state that waits until `due`."""

    due: datetime | None = None


@dataclass(frozen=True)
class Moved:
    """Says that the alarm of this name is due at another time, or no more."""

    name: str
    due: datetime | None


def handler(name: str, decide: Callable[[Any, Alarm], list[Any]]) -> Any:
    """A handler of alarms, which decides so when one is due."""
    return SimpleNamespace(
        NAME=name,
        VERSION=1,
        State=Alarm,
        Read=None,
        ACCEPTS=(Moved,),
        key=lambda moved: moved.name,
        reads=lambda _: {},
        evolve=lambda state, moved, _: (
            replace(state, due=moved.due) if moved.name.startswith(name) else state
        ),
        decide=lambda event, state, _: decide(event, state) if isinstance(event, Tick) else [],
        deadline=lambda state: state.due,
    )


def given(monkeypatch: pytest.MonkeyPatch, *handlers: Any) -> None:
    monkeypatch.setattr(folding, "HANDLERS", handlers)
    monkeypatch.setattr(folding, "BY_NAME", {each.NAME: each for each in handlers})


def fired(states: dict[Key, Alarm]) -> Fold:
    fold = Fold(Everything(states))
    tick = Tick(now=day(10))
    fold.fire(fold.due(states, tick), tick, offset=3)
    return fold


def test_a_handler_that_is_still_due_stops_the_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, handler("stubborn", lambda event, state: []))
    with pytest.raises(HandlerFailed, match=r"stubborn is still due .* the state x, at offset 3"):
        fired({("stubborn", "x"): Alarm(day(9))})


def test_a_deadline_that_another_moved_away_does_not_fire(monkeypatch: pytest.MonkeyPatch) -> None:
    fires = []

    def first(event: Tick, state: Alarm) -> list[Moved]:
        fires.append("a")
        return [Moved("a1", None), Moved("b1", day(20))]

    def second(event: Tick, state: Alarm) -> list[Moved]:
        fires.append("b")
        return [Moved("b1", None)]

    given(monkeypatch, handler("a", first), handler("b", second))
    fold = fired({("a", "a1"): Alarm(day(8)), ("b", "b1"): Alarm(day(9))})
    assert fires == ["a"]
    assert fold.state(("b", "b1")) == Alarm(day(20))
