"""How is a play of a few lines written by hand?"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.sample.replay import Replay
from tests.sample.rows import rows

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Script:
    """A play of one customer and one person to begin with, written line by line."""

    def __init__(self, zone: str = "UTC", **course: Any) -> None:
        self.lines: list[dict[str, Any]] = []
        self.opening = NOON - 5 * HOUR
        self.listed("customer.described.v1", customer="acme", zone=zone)
        course = {"certificate": "badge", **course}
        self.listed("course.described.v1", course="c", **course)
        self.listed("course.described.v1", course="plain")
        self.joined()

    def listed(
        self, wire: str, at: datetime | None = None, heard: datetime | None = None, **data: Any
    ) -> str:
        at = at or NOON - 90 * DAY
        return self._line("intake.directory", wire, at, heard or max(at, self.opening), data)

    def joined(
        self,
        at: datetime | None = None,
        customer: str = "acme",
        heard: datetime | None = None,
        id: str = "ada",
        **place: str,
    ) -> str:
        person = {"id": id, "email": f"{id}@ACME.example"}
        return self.listed("person.joined.v1", at, heard, customer=customer, person=person, **place)

    def moved(self, at: datetime, id: str = "ada", heard: datetime | None = None, **to: str) -> str:
        person = {"id": id}
        return self.listed("role.changed.v1", at, heard, customer="acme", person=person, **to)

    def left(
        self,
        at: datetime,
        id: str = "ada",
        customer: str = "acme",
        heard: datetime | None = None,
    ) -> str:
        return self.listed("person.left.v1", at, heard, customer=customer, person={"id": id})

    def ended(self, at: datetime, heard: datetime | None = None, customer: str = "acme") -> str:
        return self.listed("customer.ended.v1", at, heard, customer=customer)

    def required(
        self, id: str = "r", at: datetime | None = None, heard: datetime | None = None, **said: str
    ) -> str:
        return self.listed("requirement.described.v1", at, heard, requirement=id, **said)

    def told(self, wire: str, at: datetime, heard: datetime | None = None, **data: Any) -> str:
        data = {"person": {"email": "Ada@Acme.example"}, **data}
        if "certificate" not in data or wire == "training.completed.v1":
            data.setdefault("course", "plain")
        return self._line("intake.training", wire, at, heard or at, data)

    def unmade(
        self, at: datetime, heard: datetime | None = None, named: str | None = None, **data: Any
    ) -> str:
        """A completion is withdrawn: the one with the cause that is named, else by run."""
        if named:
            data["withdraws"] = named.rsplit("#", 1)[1]
        return self.told("training.completion.withdrawn.v1", at, heard, **data)

    def regraded(self, at: datetime, heard: datetime | None = None, **data: Any) -> str:
        return self.told("training.score.regraded.v1", at, heard, **data)

    def _line(
        self, topic: str, wire: str, at: datetime, heard: datetime, data: dict[str, Any]
    ) -> str:
        event = {
            "specversion": "1.0",
            "id": str(len(self.lines)),
            "source": "urn:t",
            "type": wire,
            "time": at.isoformat(),
            "data": data,
        }
        line = {"deliver_at": heard.isoformat(), "topic": topic, "key": "k", "event": event}
        self.lines.append(line)
        return f"urn:t#{event['id']}"

    def played(self, until: datetime = NOON + 40 * DAY) -> Replay:
        self.listed("customer.described.v1", until, customer="acme", health=50)
        replay = Replay()
        in_order = sorted(self.lines, key=lambda line: datetime.fromisoformat(line["deliver_at"]))
        replay.play([json.loads(json.dumps(line), parse_float=Decimal) for line in in_order])
        return replay

    def alerts(self) -> list[tuple[str, str, str, list[str]]]:
        """When it became true, when it was raised, how it stands, and why."""
        return [
            (row["at"], row["raised_at"], row["status"], row["causes"])
            for row in rows(self.played(), "alerts")
        ]


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
