"""What do the tests of intake tell of? A few customers, one course and Ada."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.envelope import stamp
from schemas.ids import ident

from .steps import event

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ADA = str(ident("person", "urn:hr", "7"))


def customer(id: str = "acme", **more: Any) -> dict[str, Any]:
    return event("customer.described.v1", MONDAY, f"c-{id}", "urn:hr", customer=id, **more)


def course(id: str = "git", **more: Any) -> dict[str, Any]:
    return event("course.described.v1", MONDAY, f"k-{id}", "urn:hr", course=id, **more)


def joined(at: datetime = MONDAY, customer: str = "acme", **person: Any) -> dict[str, Any]:
    who = {"id": "7", "email": "ada@acme.example", **person}
    id = f"j-{customer}-{who['id']}-{stamp(at)}"
    return event("person.joined.v1", at, id, "urn:hr", customer=customer, person=who)


def left(at: datetime, customer: str = "acme") -> dict[str, Any]:
    id = f"l-{customer}-{stamp(at)}"
    return event("person.left.v1", at, id, "urn:hr", customer=customer, person={"id": "7"})


def started(id: str = "1", at: datetime = MONDAY + DAY, **more: Any) -> dict[str, Any]:
    person = {"email": "ada@acme.example"}
    return event("training.started.v1", at, id, **{"person": person, "course": "git", **more})


EVERYONE = (customer(), customer("bolt"), course(certificate="pro"), joined())
