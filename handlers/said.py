"""Who said a field last? The last writer by (time, cause), whatever the order of arrival."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from schemas.facts import Fact

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Said(Generic[T]):
    value: T
    at: datetime
    cause: str


def said(known: Said[T] | None, value: T | None, fact: Fact) -> Said[T] | None:
    """What stands after `fact`; a value left out changes nothing."""
    if value is None:
        return known
    if known is not None and (known.at, known.cause) >= (fact.at, fact.cause):
        return known
    return Said(value, fact.at, fact.cause)
