"""Why was this alert raised? Each of its versions, what made it, and what became of its card."""

import json
from argparse import Namespace
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from schemas.envelope import stamp

from . import database
from .settings import Settings
from .shell import Failed, Refused, say

Connection = psycopg.Connection[tuple[Any, ...]]


def run(settings: Settings, options: Namespace) -> None:
    """Explain one alert; ids only, unless names are asked for."""
    try:
        alert = UUID(options.alert)
    except ValueError:
        raise Refused(f"{options.alert!r} is no UUID, as alert ids are: see `alert_log`") from None
    with database.connect(settings) as connection:
        _head(connection, alert, options.names)
        _delivery(connection, alert)
        _versions(connection, alert)


def _line(head: str, text: object) -> None:
    say(f"{head:10} {text}")


def _head(connection: Connection, alert: UUID, named: bool) -> None:
    row = connection.execute(
        """
        SELECT rule, rule_version, customer, subject, status, version, at, raised_at,
               "values"
        FROM alerts WHERE alert = %s
        """,
        (alert,),
    ).fetchone()
    if row is None:
        raise Failed(f"there is no alert {alert}")
    rule, rule_version, customer, subject, status, version, at, raised_at, values = row
    _line("alert", alert)
    _line("rule", f"{rule}, version {rule_version}")
    _line("customer", customer)
    _line("subject", subject)
    if named:
        _names(connection, customer, subject.partition("|")[0], values)
    _line("status", f"{status}, in version {version}")
    _line("since", f"{stamp(at)}, when its condition became true")
    _line("raised", f"{stamp(raised_at)}, when Laurel knew")


def _names(
    connection: Connection, customer: str, person: str, values: Mapping[str, object]
) -> None:
    """Who of which account, and which course or certificate; a team has no name but its role's."""
    course = values.get("course") or (
        values.get("target") if values.get("target_kind") == "course" else None
    )
    certificate = values.get("certificate") or values.get("target")
    row = connection.execute(
        """
        SELECT (SELECT name FROM customers WHERE customer = %s),
               (SELECT coalesce(name, lms_name) FROM people WHERE person = %s),
               coalesce((SELECT name FROM courses WHERE course = %s),
                        (SELECT min(certificate_name) FROM courses WHERE certificate = %s))
        """,
        (customer, person, course, certificate),
    ).fetchone()
    account, who, what = row or (None, None, None)
    if "role" in values:
        who = f"the team of role {values['role']} and level {values['level']}"
    whose = f"{who or 'a former user'} of {account or customer}"
    _line("that is", f"{whose}, {what or course or certificate}")


def _delivery(connection: Connection, alert: UUID) -> None:
    row = connection.execute(
        """
        SELECT state, desired, posted, channel, ts, attempts, sent_at, outcome
        FROM deliveries WHERE alert = %s
        """,
        (alert,),
    ).fetchone()
    if row is None:
        _line("card", "none: the ledger has not heard of it, or it is silent")
        return
    state, desired, posted, channel, ts, attempts, sent_at, outcome = row
    shows = f"shows version {posted} of {desired}" if posted else f"not posted, wanted: {desired}"
    where = f", {channel} {ts}, {_at(sent_at)}" if ts else ""
    _line("card", f"{state}, {shows}{where}")
    _line("", f"after {attempts} attempts; Slack answered: {outcome or 'nothing yet'}")
    reply = connection.execute(
        "SELECT state, ts, outcome FROM deliveries WHERE thread_of = %s", (alert,)
    ).fetchone()
    if reply:
        state, ts, outcome = reply
        _line("reply", f"{state}, {ts or 'not posted'}; Slack answered: {outcome or 'nothing yet'}")


def _versions(connection: Connection, alert: UUID) -> None:
    found = connection.execute(
        """
        SELECT version, status, at, decided_at, trigger, partition, "offset", causes, "values"
        FROM alert_versions WHERE alert = %s ORDER BY version
        """,
        (alert,),
    ).fetchall()
    for version, status, at, decided_at, trigger, partition, offset, causes, values in found:
        say()
        say(f"version {version}: {status}")
        _line("  decided", f"{stamp(decided_at)}, by {trigger or 'the clock'}")
        _line("  folded", f"timeline[{partition}], offset {offset}")
        _line("  since", stamp(at))
        for i, cause in enumerate(causes):
            _line("  because" if i == 0 else "", cause)
        for i, (name, value) in enumerate(sorted(values.items())):
            _line("  values" if i == 0 else "", f"{name} = {json.dumps(value, ensure_ascii=False)}")


def _at(at: datetime | None) -> str:
    return stamp(at) if at else "at an unknown time"
