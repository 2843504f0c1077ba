"""Whom does the end of an account concern? Everyone known there, and each of its teams."""

from collections.abc import Callable, Iterable

from schemas.facts import CustomerEnded

from .derived import Derived, PersonReleased, TeamDissolved
from .handler import joined
from .holdings import NAME as PEOPLE
from .teams import NAME as TEAMS

Below = Callable[[str, str], Iterable[str]]
"""The keys of a handler's states that begin so, in their order."""


def endings(event: CustomerEnded, below: Below) -> list[Derived]:
    """What it means to each of them; all of it is of one record."""
    customer = joined(event.customer, "")
    ended: list[Derived] = [
        PersonReleased(
            customer=event.customer,
            at=event.at,
            trigger=event.trigger,
            person=key.removeprefix(customer),
        )
        for key in below(PEOPLE, customer)
    ]
    for key in below(TEAMS, customer):
        role, level = key.removeprefix(customer).split("|")
        ended.append(
            TeamDissolved(
                customer=event.customer,
                at=event.at,
                trigger=event.trigger,
                role=role,
                level=level,
            )
        )
    return ended
