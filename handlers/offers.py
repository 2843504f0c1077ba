"""Which courses earn a certificate, and for how long?"""

from dataclasses import dataclass

from schemas.topics import CATALOGUE

from .derived import Derived, OfferChanged
from .handler import joined, never, nothing_read

NAME = "offers"
VERSION = 1
ACCEPTS = (OfferChanged,)
Read = None


@dataclass(frozen=True, slots=True)
class Offered:
    course: str
    months: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """The courses that earn a certificate, by id."""

    by: tuple[Offered, ...] = ()

    def months(self, course: str | None) -> int | None:
        """What `course` says; where none is named, the first that says anything."""
        return next(
            (offered.months for offered in self.by if offered.course == course)
            if course
            else (offered.months for offered in self.by if offered.months is not None),
            None,
        )


State = Offer
reads = nothing_read
deadline = never


def offer_key(certificate: str) -> str:
    return joined(CATALOGUE, "certificate", certificate)


def key(event: OfferChanged) -> str:
    return offer_key(event.certificate)


def evolve(state: Offer, event: OfferChanged, read: None) -> Offer:
    others = [offered for offered in state.by if offered.course != event.course]
    if event.offered:
        others.append(Offered(event.course, event.months))
    return Offer(tuple(sorted(others, key=lambda offered: offered.course)))


def decide(event: OfferChanged, state: Offer, read: None) -> list[Derived]:
    return []
