"""How much of what does an account use, and who does?

What usage adds up to does not depend on the order it is told in. So it is not folded fact by fact:
the engine hands over all that a batch tells, and gets the rows that follow. A row is the state.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from schemas.facts import UsageRecorded


class Total(NamedTuple):
    """Of a metric in an account, since ever: `users` are the people who were named."""

    total: Decimal
    events: int
    users: int
    first_at: datetime
    last_at: datetime


class Day(NamedTuple):
    """Of a metric in an account, in a day of UTC."""

    total: Decimal
    events: int


class User(NamedTuple):
    """When a person first used a metric in an account."""

    first_at: datetime


class Feature(NamedTuple):
    """A feature is adopted by an account when it is first used."""

    events: int
    first_at: datetime
    last_at: datetime


Metric = tuple[str, str]
"""(customer, metric)"""


class Told(NamedTuple):
    """What some facts add up to, by key, or the rows that follow."""

    totals: Mapping[Metric, Total]
    days: Mapping[tuple[str, str, date], Day]
    users: Mapping[tuple[str, str, str], User]
    features: Mapping[tuple[str, str], Feature]


class Known(NamedTuple):
    """The rows that stood under those keys before; None: there was none."""

    totals: Mapping[Metric, Total | None]
    days: Mapping[tuple[str, str, date], Day | None]
    users: Mapping[tuple[str, str, str], User | None]
    features: Mapping[tuple[str, str], Feature | None]


def tally(facts: Iterable[UsageRecorded]) -> Told:
    """What these facts add up to by themselves; nobody is counted as a user as yet."""
    days: dict[tuple[str, str, date], Total] = {}
    users: dict[tuple[str, str, str], User] = {}
    features: dict[tuple[str, str], Feature] = {}
    for fact in facts:
        at, customer, metric = fact.at, fact.customer, fact.metric
        day = (customer, metric, at.date())
        days[day] = _sum(Total(fact.quantity, 1, 0, at, at), days.get(day))
        if fact.person is not None:
            user = (customer, metric, fact.person)
            users[user] = min(User(at), users.get(user, User(at)))
        if fact.feature is not None:
            feature = (customer, fact.feature)
            features[feature] = _feature(Feature(1, at, at), features.get(feature))
    totals: dict[Metric, Total] = {}
    for (customer, metric, _), total in days.items():
        totals[customer, metric] = _sum(total, totals.get((customer, metric)))
    by_day = {day: Day(total.total, total.events) for day, total in days.items()}
    return Told(totals, by_day, users, features)


def follow(told: Told, known: Known) -> Told:
    """The rows as they are once this was told, of those that change."""
    users, new = {}, Counter[Metric]()
    for key, user in told.users.items():
        before = known.users.get(key)
        if before is None:
            new[key[:2]] += 1
        if before is None or user < before:
            users[key] = user
    return Told(
        {
            key: _sum(row._replace(users=new[key]), known.totals.get(key))
            for key, row in told.totals.items()
        },
        {key: _day(row, known.days.get(key)) for key, row in told.days.items()},
        users,
        {key: _feature(row, known.features.get(key)) for key, row in told.features.items()},
    )


def _sum(a: Total, b: Total | None) -> Total:
    if b is None:
        return a
    return Total(
        a.total + b.total,
        a.events + b.events,
        a.users + b.users,
        min(a.first_at, b.first_at),
        max(a.last_at, b.last_at),
    )


def _day(a: Day, b: Day | None) -> Day:
    return a if b is None else Day(a.total + b.total, a.events + b.events)


def _feature(a: Feature, b: Feature | None) -> Feature:
    if b is None:
        return a
    return Feature(a.events + b.events, min(a.first_at, b.first_at), max(a.last_at, b.last_at))
