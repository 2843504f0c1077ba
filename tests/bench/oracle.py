"""Which rows must come of a workload? Read off its file by itself, with no code of Laurel's.

A duplicate has the source and id of an event before it. Who cannot tell duplicates counts them, and
is checked against the totals that have them twice.
"""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

Totals = dict[tuple[str, str], tuple[Decimal, int]]
"""(customer, metric) to total and events."""


def totals(path: Path, events: int, *, once: bool) -> Totals:
    """What the first so many records add up to; `once`: each id counts once."""
    found: Totals = {}
    seen: set[tuple[str, str]] = set()
    with path.open(encoding="utf-8") as file:
        for line, _ in zip(file, range(events), strict=False):
            event = json.loads(line.split("\t")[2])
            name = event["source"], event["id"]
            if once and name in seen:
                continue
            seen.add(name)
            if event["type"] == "usage.recorded.v1":
                data = event["data"]
                key = data["customer"], data["metric"]
                total, count = found.get(key, (Decimal(0), 0))
                found[key] = total + Decimal(data["quantity"]), count + 1
    return found


def differences(
    wanted: Totals, rows: Iterable[tuple[str, str, Decimal, int]], most: int = 5
) -> list[str]:
    """What is missing, too much or wrong, the first few; empty when the rows are as wanted."""
    found: Mapping[tuple[str, str], tuple[Decimal, int]] = {
        (customer, metric): (total, events) for customer, metric, total, events in rows
    }
    wrong = [
        f"{'/'.join(key)}: {found.get(key)}, not {wanted.get(key)}"
        for key in sorted(wanted.keys() | found.keys())
        if wanted.get(key) != found.get(key)
    ]
    return [*wrong[:most], f"… {len(wrong)} rows in all"] if len(wrong) > most else wrong
