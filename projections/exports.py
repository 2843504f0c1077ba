"""Which rows does an export hold? Its columns as JSON values, sorted by their JSON texts."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg

from schemas.envelope import stamp
from schemas.exports import EXPORTS

TABLES = {
    "alerts": "(SELECT rule AS kind, * FROM alerts) AS alerts",
    "training": "training",
    "attempts": "attempts",
    "certificates": "certificates",
    "coverage": "(SELECT customer_id AS customer, requirement_id AS requirement,"
    " target_id AS target, * FROM training_coverage) AS coverage",
    "teams": "(SELECT customer_id AS customer, * FROM training_rates) AS teams",
    "targets": "(SELECT customer_id AS customer, target_id AS target, * FROM team_targets)"
    " AS targets",
}


def rows(connection: psycopg.Connection[tuple[Any, ...]], kind: str) -> list[dict[str, object]]:
    """Every row of an export, in its order."""
    columns = EXPORTS[kind]
    with connection.cursor(binary=True) as cursor:
        cursor.execute(f"SELECT {', '.join(columns)} FROM {TABLES[kind]}")
        found = [dict(zip(columns, map(plain, row), strict=True)) for row in cursor]
    return sorted(found, key=lambda row: [json.dumps(value) for value in row.values()])


def plain(value: object) -> object:
    """A column's value as JSON has it: times in UTC with milliseconds, decimals as strings."""
    match value:
        case datetime():
            return stamp(value)
        case date():
            return value.isoformat()
        case Decimal():
            text = f"{value:f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case _:
            return value
