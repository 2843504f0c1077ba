"""What is a contestant told, and what do several of them do alike?

Each is a program that reads a topic from its beginning and adds up usage in a table of its own.
It says `BEGUN` on standard output when it sees the first record, or is about to.
"""

import os
from collections.abc import Iterable
from decimal import Decimal

BEGUN = "begun"

BOOTSTRAP = os.environ.get("KAFKA_BOOTSTRAP", "")
DATABASE = os.environ.get("DATABASE_URL", "")
TOPIC = os.environ.get("BENCH_TOPIC", "")
GROUP = os.environ.get("BENCH_GROUP", "")
FOLDER = os.environ.get("BENCH_FOLDER", "")
PARTITIONS = int(os.environ.get("BENCH_PARTITIONS", "0"))

COMMIT_SECONDS = 0.5
"""Between two commits of a framework: no result may stay unseen for a second."""

USAGE = "usage.recorded.v1"

UPSERT = """
    INSERT INTO usage_totals AS t (customer, metric, total, events)
    VALUES (%s, %s, %s, 1)
    ON CONFLICT (customer, metric)
    DO UPDATE SET total = t.total + excluded.total, events = t.events + 1
"""

UPSERT_MANY = """
    INSERT INTO usage_totals AS t (customer, metric, total, events)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::numeric[], %s::bigint[])
    ON CONFLICT (customer, metric)
    DO UPDATE SET total = t.total + excluded.total, events = t.events + excluded.events
"""

Sums = dict[tuple[str, str], tuple[Decimal, int]]

_begun = False


def begin() -> None:
    """Say once that it begins."""
    global _begun  # noqa: PLW0603, a process begins once
    if not _begun:
        _begun = True
        print(BEGUN, flush=True)  # noqa: T201, it is what the race listens for


def add(sums: Sums, customer: str, metric: str, quantity: str) -> None:
    """One event more."""
    total, events = sums.get((customer, metric), (Decimal(0), 0))
    sums[customer, metric] = total + Decimal(quantity), events + 1


def columns(sums: Sums) -> tuple[list[str], list[str], list[Decimal], list[int]]:
    """For `UPSERT_MANY`, in the order of the key, in which nobody waits for another in a circle."""
    keys = sorted(sums)
    return (
        [customer for customer, _ in keys],
        [metric for _, metric in keys],
        [sums[key][0] for key in keys],
        [sums[key][1] for key in keys],
    )


def usage(events: Iterable[dict[str, object]]) -> Iterable[dict[str, str]]:
    """What the usage among these events says."""
    return (event["data"] for event in events if event["type"] == USAGE)  # type: ignore[misc]
