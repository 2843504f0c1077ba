"""What do the accounts, people and courses of a test say? Events, told in order."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.envelope import stamp
from streams.append import partition_of
from tests.streams.system import Story

TRACKED = timedelta(days=40)
"""How long ago customers, people and courses came to be."""


def ago(**length: float) -> datetime:
    """So long before now."""
    return datetime.now(UTC) - timedelta(**length)


def customer_in(partition: int, name: str, partitions: int = 3) -> str:
    """A customer of this name, numbered so that its story lies in this partition."""
    return next(
        numbered
        for number in range(1000)
        if partition_of(numbered := f"{name}-{number}", partitions) == partition
    )


class Lms(Story):
    """One source, which is the directory too; nothing of it is known to another."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"urn:lms:{name}")
        self.name = name
        self.course = f"{name}-course"
        self.certificate = f"{name}-certificate"

    def told(self, wire: str, at: datetime | None, **data: Any) -> dict[str, Any]:
        """An event of that time, or of when everything came to be."""
        return self.event(wire, stamp(at or ago(days=TRACKED.days)), **data)

    def described(self, customer: str) -> dict[str, Any]:
        csm = {"email": f"csm@{self.name}.example"}
        return self.told(
            "customer.described.v1", None, customer=customer, name=customer, zone="UTC", csm=csm
        )

    def offered(self, at: datetime | None = None) -> dict[str, Any]:
        """The course: two modules, two weeks' patience, a certificate."""
        return self.told(
            "course.described.v1",
            at,
            course=self.course,
            type="certification",
            certificate=self.certificate,
            modules=[{"id": "m1"}, {"id": "m2"}],
            patience_days=14,
        )

    def joined(self, person: str, customer: str, at: datetime | None = None) -> dict[str, Any]:
        return self._moved("person.joined.v1", person, customer, at)

    def left(self, person: str, customer: str, at: datetime) -> dict[str, Any]:
        return self._moved("person.left.v1", person, customer, at)

    def started(self, person: str, at: datetime) -> dict[str, Any]:
        return self._did("training.started.v1", person, at)

    def module(self, person: str, at: datetime, module: str = "m1") -> dict[str, Any]:
        return self._did("module.completed.v1", person, at, module=module)

    def completed(self, person: str, at: datetime, **more: Any) -> dict[str, Any]:
        return self._did("training.completed.v1", person, at, score=90, **more)

    def certified(self, person: str, at: datetime) -> dict[str, Any]:
        """A completion that brings its certificate: one record that means two facts."""
        paper = {"certificate": self.certificate, "number": f"{person}-1"}
        return self.completed(person, at, certificate=paper)

    def email(self, person: str) -> str:
        return f"{person}@{self.name}.example"

    def _moved(self, wire: str, person: str, customer: str, at: datetime | None) -> dict[str, Any]:
        who = {"id": person, "name": person.title(), "email": self.email(person)}
        return self.told(wire, at, customer=customer, person=who)

    def _did(self, wire: str, person: str, at: datetime, **data: Any) -> dict[str, Any]:
        who = {"email": self.email(person)}
        return self.told(wire, at, person=who, course=self.course, **data)
