"""Why was this alert raised? Each of its versions, what made it, and what became of its card."""

import json
from argparse import Namespace
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
               "values" ->> 'course'
        FROM alerts WHERE alert = %s
        """,
        (alert,),
    ).fetchone()
    if row is None:
        raise Failed(f"there is no alert {alert}")
    rule, rule_version, customer, subject, status, version, at, raised_at, course = row
    person = subject.partition("|")[0]
    _line("alert", alert)
    _line("rule", f"{rule}, version {rule_version}")
    _line("customer", customer)
    _line("subject", subject)
    if named:
        _names(connection, customer, person, course)
    _line("status", f"{status}, in version {version}")
    _line("since", f"{stamp(at)}, when its condition became true")
    _line("raised", f"{stamp(raised_at)}, when Laurel knew")


def _names(connection: Connection, customer: str, person: str, course: str | None) -> None:
    row = connection.execute(
        """
        SELECT (SELECT name FROM customers WHERE customer = %s),
               (SELECT coalesce(name, lms_name) FROM people WHERE person = %s),
               (SELECT name FROM courses WHERE course = %s)
        """,
        (customer, person, course),
    ).fetchone()
    account, who, what = row or (None, None, None)
    _line("that is", f"{who or 'a former user'} of {account or customer}, {what or course}")


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
