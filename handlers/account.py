"""What is a customer's account? The zone its days are counted in, and whether it has ended."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from schemas.facts import CustomerDescribed, CustomerEnded

from .derived import Derived
from .handler import never, nothing_read
from .said import Said, said

NAME = "account"
VERSION = 2
ACCEPTS = (CustomerDescribed, CustomerEnded)
Read = None


class End(NamedTuple):
    at: datetime
    cause: str
    heard: datetime


@dataclass(frozen=True, slots=True)
class Account:
    zone_said: Said[str] | None = None
    ended: End | None = None

    @property
    def zone(self) -> str:
        return self.zone_said.value if self.zone_said else "UTC"


State = Account
OfAccount = CustomerDescribed | CustomerEnded
reads = nothing_read
deadline = never


def key(event: OfAccount) -> str:
    return event.customer


def evolve(state: Account, event: OfAccount, read: None) -> Account:
    if isinstance(event, CustomerEnded):
        end = End(event.at, event.cause, event.recorded_at)
        return replace(state, ended=min(end, state.ended or end))
    return replace(state, zone_said=said(state.zone_said, event.zone, event))


def decide(event: OfAccount, state: Account, read: None) -> list[Derived]:
    return []
