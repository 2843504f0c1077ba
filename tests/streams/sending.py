"""How does a test send cards? Alerts in a database, a sender that is not patient, and its process.

`python -m tests.streams.sending` sends until it is killed; a failpoint may do that.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from schemas.alerts import TRAINING_ABANDONED
from schemas.ids import ident
from streams import database, logs
from streams.sender import Pace, Sender, Timing
from streams.settings import Settings, load
from tests.local_slack import LocalSlack
from tests.streams.system import Running
from tests.streams.watching import counted

RAISED = datetime(2026, 1, 22, 12, tzinfo=UTC)
TIMING = Timing(lease=2, request=1, looks=(0.2, 0.4), again=0.2, stand_still=0.3)


class Desk:
    """A database with alerts and their deliveries, and a Slack to send them to.

    A fallback is named where cards are sent to a Slack that is there.
    """

    def __init__(self, url: str, api: str, folder: Path, fallback: str = "C0") -> None:
        self.env = {
            "DATABASE_URL": url,
            "SLACK_API_URL": api,
            "SLACK_BOT_TOKEN": "xoxb-local",
            "SLACK_FALLBACK_CHANNEL": fallback,
        }
        self.folder = folder
        self.settings: Settings = load(self.env)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return database.connect(self.settings)

    def customer(self, name: str, csm: str | None) -> None:
        """Let the directory name the customer, and whose it is."""
        with self.connect() as connection:
            connection.execute(
                "INSERT INTO customer_facts (customer, source_id, at, name, csm_email)"
                " VALUES (%s, 'd#1', %s, %s, %s)",
                (name, RAISED, name.capitalize(), csm),
            )

    def require(self, count: int) -> None:
        """Ask so many courses of everyone, as Acme's five people have heard."""
        with self.connect() as connection:
            connection.execute(
                "INSERT INTO requirement_facts (requirement, source_id, at, target_kind, target)"
                " SELECT 'r' || n, 'd#1', %s, 'course', 'c' || n FROM generate_series(1, %s) AS n"
                " ON CONFLICT DO NOTHING",
                (RAISED, count),
            )
            connection.execute(
                "INSERT INTO teams VALUES ('acme', 'any', 'any', 5, 0, 0, 0, '[]')"
                " ON CONFLICT DO NOTHING"
            )

    def alert(self, customer: str = "acme", number: int = 1, desired: int = 1) -> UUID:
        """Raise one and ask for its card."""
        alert = ident(customer, number)
        values = {
            "course": "c1",
            "last_activity": "2026-01-08T12:00:00+00:00",
            "last_module": None,
            "patience_days": 14,
        }
        with self.connect() as connection:
            connection.execute(
                """
                INSERT INTO alerts (alert, version, rule, rule_version, customer, subject, status,
                                    at, raised_at, causes, "values", notify)
                VALUES (%s, 1, %s, 1, %s, %s, 'open', %s, %s, '{}', %s, true)
                """,
                (
                    alert,
                    TRAINING_ABANDONED,
                    customer,
                    f"p{number}|c1",
                    RAISED,
                    RAISED + timedelta(seconds=number),
                    Jsonb(values),
                ),
            )
            connection.execute(
                "INSERT INTO deliveries (alert, customer, desired, posted, state, attempts, looked)"
                " VALUES (%s, %s, %s, 0, 'pending', 0, 0)",
                (alert, customer, desired),
            )
        return alert

    def close(self, alert: UUID, version: int = 2, status: str = "resolved") -> None:
        """Close an alert and ask that its card says so."""
        with self.connect() as connection:
            connection.execute(
                "UPDATE alerts SET version = %s, status = %s WHERE alert = %s",
                (version, status, alert),
            )
            connection.execute(
                "UPDATE deliveries SET desired = %s WHERE alert = %s", (version, alert)
            )

    def row(self, alert: UUID) -> dict[str, Any]:
        """How the delivery stands."""
        with self.connect() as connection:
            cursor = connection.execute("SELECT * FROM deliveries WHERE alert = %s", (alert,))
            row = cursor.fetchone()
            assert row is not None
            assert cursor.description is not None
            return dict(zip((column.name for column in cursor.description), row, strict=True))

    def open(self) -> int:
        """How many deliveries wait for something."""
        with self.connect() as connection:
            row = connection.execute(
                "SELECT count(*) FROM deliveries"
                " WHERE posted < desired AND state NOT IN ('silent', 'dead')"
            ).fetchone()
            assert row is not None
            return int(row[0])

    def send(self, until: Callable[[], object] | None = None, pace: Pace | None = None) -> None:
        """Run a sender until nothing waits, or until `until` answers something true."""
        done = until or (lambda: not self.open())
        asyncio.run(send(self.settings, done, pace or Pace(per_second=1000, burst=1000)))

    def start(self, failpoint: str) -> Running:
        """Start a sender as a process of its own, which dies or freezes there."""
        return Running(
            "sender",
            [sys.executable, "-m", "tests.streams.sending"],
            {**os.environ, **self.env, "FAILPOINT": failpoint},
            self.folder / "sender.log",
        )


def cards(slack: LocalSlack, alert: UUID | None = None) -> list[dict[str, Any]]:
    """The cards that stand in Slack, wherever; those of one alert or all."""
    said = [
        message for one in slack.get("_control/messages")["channels"] for message in one["messages"]
    ]
    return [
        message
        for message in said
        if alert is None or message["metadata"]["event_payload"]["delivery_id"] == str(alert)
    ]


def calls(slack: LocalSlack, method: str) -> list[dict[str, Any]]:
    return [call for call in slack.get("_control/calls") if call["method"] == method]


def struck(slack: LocalSlack) -> list[int]:
    """How often each fault that was ordered did strike."""
    return [fault["struck"] for fault in slack.get("_control/faults")]


def unsettled() -> float:
    return counted("laurel_deliveries_total", outcome="unsettled")


async def send(settings: Settings, done: Callable[[], object], pace: Pace | None = None) -> None:
    """Run a sender until it is done, at the pace that the settings say unless another is given."""
    deadline = time.monotonic() + 30
    async with database.open_pool(settings) as pool:
        sender = Sender(settings, pool, TIMING, pace)
        while not await asyncio.to_thread(done) or sender.flying:
            assert time.monotonic() < deadline, "the sender did not get done in 30 s"
            with suppress(*database.PASSING):
                await sender.step()
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    logs.set_up()
    asyncio.run(send(load(), lambda: False, Pace(per_second=1000, burst=1000)))
