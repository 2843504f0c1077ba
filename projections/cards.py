"""What does the card of an alert show, and who is to get it? Looked up when it is drawn."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from handlers.cards import CardFacts, Progress

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

ALERT = """
SELECT version, rule, rule_version, status, "values", customer, subject FROM alerts WHERE alert = %s
"""

KNOWN = """
-- what is known of this account, person and course? (views by constant keys, so that indexes serve)
SELECT u.name, u.zone, coalesce(p.name, p.lms_name), m.role,
       c.name, c.certificate_name, c.modules,
       t.status, t.active, t.started_at, t.completed_at, t.last_activity_at
FROM (VALUES (1)) AS one
LEFT JOIN customers u ON u.customer = %(customer)s
LEFT JOIN people p ON p.person = %(person)s
LEFT JOIN members m ON m.customer = %(customer)s AND m.person = %(person)s
LEFT JOIN courses c ON c.course = %(course)s
LEFT JOIN training t
       ON t.customer = %(customer)s AND t.person = %(person)s AND t.course = %(course)s
"""


@dataclass(frozen=True, slots=True)
class Current:
    """An alert's present version, and what its card shows."""

    version: int
    facts: CardFacts


async def current(connection: Connection, alert: UUID, now: datetime) -> Current | None:
    """The alert as it stands, with what is known of its account at `now`; None: no such alert."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(ALERT, (alert,))
    row = await cursor.fetchone()
    if row is None:
        return None
    version, rule, rule_version, status, values, customer, subject = row
    whose = {"customer": customer, "person": subject.split("|")[0], "course": values["course"]}
    await cursor.execute(KNOWN, whose)
    (found,) = await cursor.fetchall()
    account, zone, person, role, course, certificate, modules, *progress = found
    facts = CardFacts(
        rule=rule,
        rule_version=rule_version,
        status=status,
        values=values,
        account=account or customer,
        zone=zone or "UTC",
        person=person,
        role=role,
        course=course,
        certificate=certificate,
        modules=tuple((module["id"], module.get("name")) for module in modules or ()),
        progress=Progress(*progress) if progress[0] else None,
        now=now,
    )
    return Current(version, facts)


async def csm_of(connection: Connection, customer: str) -> str | None:
    """The e-mail of the customer's CSM; None where the directory names none."""
    cursor = await connection.execute(
        "SELECT csm_email FROM customers WHERE customer = %s", (customer,)
    )
    row = await cursor.fetchone()
    return str(row[0]) if row and row[0] else None
