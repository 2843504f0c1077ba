"""How much of what does an account use, and who does?

What usage adds up to does not depend on the order it is told in. So it is not folded fact by fact:
the engine hands over all that a batch tells, and gets the rows that follow. A row is the state.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from schemas.facts import UsageRecorded

ZERO = Decimal(0)


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
    days: dict[tuple[str, str, date], list[Any]] = {}
    users: dict[tuple[str, str, str], datetime] = {}
    features: dict[tuple[str, str], list[Any]] = {}
    for fact in facts:
        # Added up in place: this is done for each event, all else for each row.
        at, customer, metric = fact.at, fact.customer, fact.metric
        day = (customer, metric, at.date())
        if day in days:
            _add(days[day], fact.quantity, at)
        else:
            days[day] = [fact.quantity, 1, at, at]
        if fact.person is not None:
            user = (customer, metric, fact.person)
            if user not in users or at < users[user]:
                users[user] = at
        if fact.feature is not None:
            feature = (customer, fact.feature)
            if feature in features:
                _add(features[feature], ZERO, at)
            else:
                features[feature] = [ZERO, 1, at, at]
    totals: dict[Metric, Total] = {}
    for (customer, metric, _), (total, events, first, last) in days.items():
        whole = Total(total, events, 0, first, last)
        totals[customer, metric] = _sum(whole, totals.get((customer, metric)))
    return Told(
        totals,
        {day: Day(total, events) for day, (total, events, _, _) in days.items()},
        {user: User(first) for user, first in users.items()},
        {key: Feature(*times) for key, (_, *times) in features.items()},
    )


def _add(sum: list[Any], quantity: Decimal, at: datetime) -> None:
    sum[0] += quantity
    sum[1] += 1
    if at < sum[2]:
        sum[2] = at
    elif at > sum[3]:
        sum[3] = at


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
