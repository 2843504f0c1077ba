"""Does the order of arrival matter on the whole way, through resolution and the engine's own fold?

The directory's word that the person belongs to the account arrives anywhere among what she did.
What comes before it waits in quarantine and is released by it, as it was first heard. What she did
after she had left waits if the leaving is known by then, else it goes its way: so what waits may
depend on the order, and nothing but what waits may.
"""

import copy
import functools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import pytest

from handlers import alerts
from handlers.directory import Accepted, Directory, Miss
from projections.rows import rows_of
from projections.store import StateKey
from schemas.alerts import CERTIFICATION_EARNED, TRAINING_ABANDONED
from schemas.envelope import Event
from schemas.facts import CompletionWithdrawn, Fact, OfCatalogue, PersonJoined, PersonLeft
from schemas.incoming import EVENTS, Incoming
from streams.fold import BY_NAME, Fold
from tests.handlers.histories import History, histories
from tests.handlers.story import CATALOGUE, COURSE, PERSON, joined, tick

TICKS = (0, 5, 15, 16, 25, 31, 50, 366, 380)
BEFORE = tuple(fact for fact in CATALOGUE if not isinstance(fact, PersonJoined))
MEMBERSHIP = joined(-90)
FIFTY = 50
KINDS = {event.WIRE: event for event in EVENTS}
NOT_SAID = {field.name for field in fields(Fact)}


class NothingStored(Mapping[StateKey, Any]):
    """A database in which no state stands yet."""

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: StateKey) -> Any:
        return None

    def __iter__(self) -> Iterator[StateKey]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass
class Laurel:
    """Resolution and fold without a broker or a database."""

    directory: Directory = field(default_factory=Directory)
    waiting: tuple[Fact, ...] = ()
    fold: Fold = field(default_factory=lambda: Fold(NothingStored()))
    released: int = 0

    def branch(self) -> "Laurel":
        fold = Fold(self.fold.known, dict(self.fold.changed), list(self.fold.decided))
        return Laurel(self.directory, self.waiting, fold, self.released)

    def hear(self, fact: Fact) -> "Laurel":
        """Take a fact as a producer would tell it; what it makes known releases what waited."""
        if isinstance(fact, PersonJoined | PersonLeft):
            self.directory = copy.deepcopy(self.directory)  # other branches have not heard it yet
        outcome = self.directory.accept(event_of(fact), fact.recorded_at)
        if isinstance(outcome, Miss):
            self.waiting = (*self.waiting, fact)
            return self
        assert isinstance(outcome, Accepted), outcome
        for said in outcome.facts:
            self.fold.fact(said.fact, 0)
        if outcome.learned and self.waiting:
            released, self.waiting = self.waiting, ()
            for early in released:
                self.hear(early)
            self.released += len(released) - len(self.waiting)
        return self

    def tick(self, day: float) -> "Laurel":
        now = tick(day)
        self.fold.fire(self.fold.due((), now), now, 0)
        return self

    def end(self) -> dict[str, Any]:
        """States but the desk's own and empty ones, rows, and open alerts."""
        latest = {change.alert: change for _, change in self.fold.decided}
        rows = [rows for key, state in self.fold.changed.items() for rows in rows_of(*key, state)]
        return {
            "states": {
                key: state
                for key, state in self.fold.changed.items()
                if key[0] != alerts.NAME and state != BY_NAME[key[0]].State()
            },
            "rows": sorted(
                (row.table, *row.key.values(), str(row.rows)) for row in rows if row.rows
            ),
            "open": sorted(
                (change.rule, change.subject, change.at, change.causes, str(change.values))
                for change in latest.values()
                if change.status == "open"
            ),
        }

    def waits(self) -> frozenset[str]:
        """What stays in quarantine."""
        return frozenset(fact.cause for fact in self.waiting)


@functools.cache
def event_of(fact: Fact) -> Event:
    """The fact as a producer would tell it, naming the person by the directory's id."""
    source, id = fact.cause.split("#")
    said = {
        field.name: value
        for field in fields(fact)
        if field.name not in NOT_SAID and (value := getattr(fact, field.name)) is not None
    }
    if "person" in said:
        said["person"] = {"id": PERSON}
        if not isinstance(fact, PersonJoined | PersonLeft):
            del said["customer"]
    if isinstance(fact, OfCatalogue) and "modules" in said:
        said["modules"] = [{"id": module} for module in said["modules"]]
    if isinstance(fact, CompletionWithdrawn) and fact.withdraws:
        said["withdraws"] = fact.withdraws.removeprefix(f"{source}#")
    data: Incoming = KINDS[fact.WIRE].model_validate(said)
    return Event(id, source, fact.at, data)


def known() -> Laurel:
    """Laurel once it has heard of the account and the courses."""
    laurel = Laurel()
    for fact in BEFORE:
        laurel.hear(fact)
    return laurel


def heard(*facts: Fact) -> Laurel:
    """Laurel after these, which come one by one."""
    laurel = known()
    for fact in facts:
        laurel.hear(fact)
    return laurel


def short(rule: str) -> list[History]:
    """Histories that leave room for the membership among six arrivals, a record for each fact.

    Where one record tells of two facts, they cannot arrive in another order.
    """
    return [
        history
        for history in histories(rule, many=300)
        if len({fact.cause for fact in history.facts}) == len(history.facts) <= 5
    ][:FIFTY]


def moves(history: History) -> list[Fact]:
    """The comings and goings, which wait for nothing."""
    return [fact for fact in history.facts if isinstance(fact, PersonJoined | PersonLeft)]


ALL = [*short(TRAINING_ABANDONED), *short(CERTIFICATION_EARNED)]


@pytest.mark.parametrize("history", ALL, ids=lambda history: f"{history.rule}: {history.name}")
def test_every_order_of_arrival_ends_the_same_on_the_whole_way(history: History) -> None:
    members, others = moves(history), [fact for fact in history.facts if fact not in moves(history)]
    gone = heard(MEMBERSHIP, *members, *others).waits()
    expected: dict[frozenset[str], dict[str, Any]] = {}
    for told in (heard(MEMBERSHIP, *history.facts), heard(MEMBERSHIP, *members, *others)):
        expected.setdefault(told.waits(), told.tick(history.last_tick).end())
    rng = random.Random(history.name)
    released = 0
    for laurel, order in orders(history, known(), (MEMBERSHIP, *history.facts), (), rng):
        waits = laurel.waits()
        assert waits <= gone, f"heard as {order}"
        end = laurel.tick(history.last_tick).end()
        assert end == expected.setdefault(waits, end), f"heard as {order}"
        released = max(released, laurel.released)
    assert released == len(others), "nothing that told of her membership came last"


def test_each_rule_is_tried_with_fifty_histories_on_the_whole_way() -> None:
    for rule in (TRAINING_ABANDONED, CERTIFICATION_EARNED):
        assert len([history for history in ALL if history.rule == rule]) == FIFTY
    assert len([history for history in ALL if moves(history)]) >= 10


def test_the_courses_of_these_histories_are_known() -> None:
    assert COURSE in known().directory.courses


def orders(
    history: History,
    laurel: Laurel,
    left: tuple[Fact, ...],
    order: tuple[str, ...],
    rng: random.Random,
) -> Iterator[tuple[Laurel, tuple[str, ...]]]:
    """Every permutation of what is left, each after a shared beginning, with ticks between."""
    if not left:
        yield laurel, order
    for place, fact in enumerate(left):
        then, told = laurel.branch().hear(fact), (*order, fact.cause)
        if rng.random() < 1 / 4:
            day = rng.choice([day for day in TICKS if day <= history.last_tick])
            then, told = then.tick(day), (*told, f"tick at {day}")
        yield from orders(history, then, left[:place] + left[place + 1 :], told, rng)
