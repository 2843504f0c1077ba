"""What is a customer's account? The zone its days are counted in."""

from dataclasses import dataclass

from schemas.facts import CustomerDescribed

from .derived import Derived
from .handler import never, nothing_read
from .said import Said, said

NAME = "account"
VERSION = 1
ACCEPTS = (CustomerDescribed,)
Read = None


@dataclass(frozen=True, slots=True)
class Account:
    zone_said: Said[str] | None = None

    @property
    def zone(self) -> str:
        return self.zone_said.value if self.zone_said else "UTC"


State = Account
reads = nothing_read
deadline = never


def key(event: CustomerDescribed) -> str:
    return event.customer


def evolve(state: Account, event: CustomerDescribed, read: None) -> Account:
    return Account(said(state.zone_said, event.zone, event))


def decide(event: CustomerDescribed, state: Account, read: None) -> list[Derived]:
    return []
