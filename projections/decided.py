"""How do alerts get into Postgres? As they stand now, each of their versions, and what to send."""

from collections.abc import Sequence
from typing import Any

import orjson
import psycopg

from schemas.alert_message import encode
from schemas.alerts import AlertChanged

_ALERTS = """
    INSERT INTO alerts (alert, version, rule, rule_version, customer, subject, status, at,
                        raised_at, causes, "values", notify)
    SELECT * FROM json_to_recordset(%b::json) AS said (
        alert uuid, version int, rule text, rule_version int, customer text, subject text,
        status text, at timestamptz, raised_at timestamptz, causes text[], "values" jsonb,
        notify boolean
    )
    ON CONFLICT (alert) DO UPDATE SET
        version = excluded.version, rule_version = excluded.rule_version,
        status = excluded.status, at = excluded.at, causes = excluded.causes,
        "values" = excluded."values", notify = excluded.notify
"""

_VERSIONS = """
    INSERT INTO alert_versions (alert, version, status, at, causes, "values", decided_at,
                                trigger, partition, "offset")
    SELECT * FROM json_to_recordset(%b::json) AS said (
        alert uuid, version int, status text, at timestamptz, causes text[], "values" jsonb,
        decided_at timestamptz, trigger text, partition int, "offset" bigint
    )
"""

_OUTBOX = """
    -- numbered in the order in which they were decided
    INSERT INTO outbox (partition, customer, message)
    SELECT %s, customer, message
    FROM unnest(%s::text[], %s::bytea[]) WITH ORDINALITY AS said (customer, message, place)
    ORDER BY place
"""


async def write(
    cursor: psycopg.AsyncCursor[Any], partition: int, decided: Sequence[tuple[int, AlertChanged]]
) -> None:
    """Write what was decided at these offsets, each table's rows by one statement."""
    if not decided:
        return
    latest = {change.alert: change for _, change in decided}
    alerts = [
        {
            **_said(change),
            "rule": change.rule,
            "rule_version": change.rule_version,
            "customer": change.customer,
            "subject": change.subject,
            "raised_at": change.raised_at,
            "notify": change.notify,
        }
        for change in sorted(latest.values(), key=lambda change: change.alert)
    ]
    await cursor.execute(_ALERTS, (orjson.dumps(alerts).decode(),))
    versions = [
        {
            **_said(change),
            "decided_at": change.trigger.heard,
            "trigger": change.trigger.cause,
            "partition": partition,
            "offset": offset,
        }
        for offset, change in decided
    ]
    await cursor.execute(_VERSIONS, (orjson.dumps(versions).decode(),))
    sent = [(change.customer, encode(change)) for _, change in decided if change.notify]
    if sent:
        customers, messages = zip(*sent, strict=True)
        await cursor.execute(_OUTBOX, (partition, list(customers), list(messages)))


def _said(change: AlertChanged) -> dict[str, Any]:
    return {
        "alert": change.alert,
        "version": change.version,
        "status": change.status,
        "at": change.at,
        "causes": change.causes,
        "values": dict(change.values),
    }
