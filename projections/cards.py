"""What does the card of an alert show, and who is to get it? Looked up when it is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from handlers.cards import CardFacts, Progress
from handlers.readiness import Gap, Modules, Readiness, Standing
from schemas.alerts import TEAM_MILESTONE, Value

from .team_views import COUNTS

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
Cursor = psycopg.AsyncCursor[tuple[Any, ...]]

ALERT = """
SELECT version, raised_at, rule, rule_version, status, at, "values", customer, subject
FROM alerts WHERE alert = %s
"""

KNOWN = """
-- what is known of this account, person and course? (views by constant keys, so that indexes serve)
SELECT u.name, u.zone, coalesce(p.name, p.lms_name), m.role,
       c.name,
       coalesce(c.certificate_name,
                (SELECT min(certificate_name) FROM courses WHERE certificate = %(certificate)s)),
       c.modules,
       t.status, t.active, t.started_at, t.completed_at, t.last_activity_at
FROM (VALUES (1)) AS one
LEFT JOIN customers u ON u.customer = %(customer)s
LEFT JOIN people p ON p.person = %(person)s
LEFT JOIN members m ON m.customer = %(customer)s AND m.person = %(person)s
LEFT JOIN courses c ON c.course = %(course)s
LEFT JOIN training t
       ON t.customer = %(customer)s AND t.person = %(person)s AND t.course = %(course)s
"""

STANDINGS = f"""
-- how does the account stand to each requirement that concerns somebody there? (teams by their key)
WITH named AS MATERIALIZED (SELECT course, name, certificate, certificate_name FROM courses)
SELECT r.role, r.level, r.target_kind, r.target,
       CASE r.target_kind
           WHEN 'course' THEN (SELECT n.name FROM named n WHERE n.course = r.target)
           ELSE (SELECT min(n.certificate_name) FROM named n WHERE n.certificate = r.target)
       END,
       t.people - coalesce(c.waived, 0), coalesce(c.met, 0)
FROM requirements r
JOIN teams t ON t.customer = %s AND t.role = r.role AND t.level = r.level
LEFT JOIN LATERAL {COUNTS} ON c.kind = r.target_kind AND c.id = r.target
WHERE NOT r.retired AND r.target IS NOT NULL AND t.people - coalesce(c.waived, 0) >= 1
ORDER BY r.requirement COLLATE "C"
"""

AVERAGE = """
SELECT score_sum / nullif(scored, 0) FROM teams
WHERE customer = %s AND role = 'any' AND level = 'any'
"""

GAPS = """
-- who is longest on the way to what is required of her? (index training_open; a role, a certificate
-- and a waiver are looked up by their keys, and only for a way that leads to something required)
SELECT (SELECT coalesce(p.name, p.lms_name) FROM people p WHERE p.person = g.person),
       coalesce(c.name, g.course), g.started_at, c.modules, g.modules
FROM (
    SELECT t.person, t.course, t.started_at, t.modules FROM training t
    WHERE t.customer = %(customer)s AND t.active
      AND t.status IN ('in_progress', 'failed', 'abandoned') AND t.started_at IS NOT NULL
      AND (t.course = ANY(%(courses)s::text[]) OR t.certificate = ANY(%(certificates)s::text[]))
      AND EXISTS (
          SELECT FROM unnest(%(roles)s::text[], %(levels)s::text[], %(kinds)s::text[],
                             %(targets)s::text[]) AS r (role, level, kind, target)
          WHERE r.target = CASE r.kind WHEN 'course' THEN t.course ELSE t.certificate END
            AND (r.role = 'any' OR r.role = (SELECT m.role FROM members m
                 WHERE m.customer = t.customer AND m.person = t.person))
            AND (r.level = 'any' OR r.level = (SELECT m.level FROM members m
                 WHERE m.customer = t.customer AND m.person = t.person))
            AND (r.kind = 'course' OR NOT EXISTS (
                 SELECT FROM certificates h WHERE h.customer = t.customer AND h.person = t.person
                    AND h.certificate = r.target AND h.status = 'valid')
                 AND NOT EXISTS (
                 SELECT FROM training w WHERE w.customer = t.customer AND w.person = t.person
                    AND w.certificate = r.target AND w.status = 'waived')))
    ORDER BY t.started_at LIMIT %(limit)s
) g
LEFT JOIN LATERAL (
    SELECT name, modules FROM courses WHERE course = g.course LIMIT 1
) c ON true
"""

GAPS_READ = 200
"""About as many as a reply in the thread can show."""


@dataclass(frozen=True, slots=True)
class Current:
    """An alert's present version, when it was raised, and what its card shows."""

    version: int
    raised_at: datetime
    facts: CardFacts


async def current(connection: Connection, alert: UUID, now: datetime) -> Current | None:
    """The alert as it stands, with what is known of its account at `now`; None: no such alert."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(ALERT, (alert,))
    row = await cursor.fetchone()
    if row is None:
        return None
    version, raised_at, rule, rule_version, status, at, values, customer, subject = row
    person = None if rule == TEAM_MILESTONE else subject.split("|")[0]
    whose = {"customer": customer, "person": person, **_targets(values)}
    await cursor.execute(KNOWN, whose)
    (found,) = await cursor.fetchall()
    account, zone, person, role, course, certificate, modules, *progress = found
    facts = CardFacts(
        rule=rule,
        rule_version=rule_version,
        status=status,
        at=at,
        values=values,
        account=account or customer,
        zone=zone or "UTC",
        person=person,
        role=role,
        course=course,
        certificate=certificate,
        modules=_modules(modules),
        progress=Progress(*progress) if progress[0] else None,
        readiness=await _readiness(cursor, customer),
        now=now,
    )
    return Current(version, raised_at, facts)


def _targets(values: Mapping[str, Value]) -> dict[str, Value]:
    """The course and the certificate that an alert is about."""
    if "target" in values:
        return {"course": None, "certificate": None, str(values["target_kind"]): values["target"]}
    return {"course": values["course"], "certificate": values.get("certificate")}


async def _readiness(cursor: Cursor, customer: str) -> Readiness:
    await cursor.execute(STANDINGS, (customer,))
    asked = await cursor.fetchall()
    await cursor.execute(AVERAGE, (customer,))
    average = await cursor.fetchone()
    gaps: list[Gap] = []
    if asked:
        roles, levels, kinds, targets, *_ = map(list, zip(*asked, strict=True))
        sought = {
            "roles": roles,
            "levels": levels,
            "kinds": kinds,
            "targets": targets,
            "courses": [one[3] for one in asked if one[2] == "course"],
            "certificates": [one[3] for one in asked if one[2] == "certificate"],
        }
        await cursor.execute(GAPS, {"customer": customer, "limit": GAPS_READ + 1, **sought})
        gaps = [
            Gap(person, course, started_at, _modules(modules), tuple(done))
            for person, course, started_at, modules, done in await cursor.fetchall()
        ]
    return Readiness(
        standings=tuple(
            Standing(role, level, kind, name or target, people, met)
            for role, level, kind, target, name, people, met in asked
        ),
        average=average[0] if average else None,
        gaps=tuple(gaps[:GAPS_READ]),
        more_gaps=len(gaps) > GAPS_READ,
    )


def _modules(said: list[dict[str, str]] | None) -> Modules:
    return tuple((module["id"], module.get("name")) for module in said or ())


async def csm_of(connection: Connection, customer: str) -> str | None:
    """The e-mail of the customer's CSM; None where the directory names none."""
    cursor = await connection.execute(
        "SELECT csm_email FROM customers WHERE customer = %s", (customer,)
    )
    row = await cursor.fetchone()
    return str(row[0]) if row and row[0] else None
