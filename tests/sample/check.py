"""Did all of a sample arrive as it should? Reads the play, the database and the ledger.

Writes a summary as JSON, and says what differs; exit code 0 only if everything is as expected.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

from projections import exports
from schemas.exports import EXPORTS
from streams import database, settings

from .expect import expect
from .rows import rows, summary

SHOWN = 5
"""Differences printed of each kind."""

Connection = psycopg.Connection[tuple[Any, ...]]


def differences(connection: Connection, play: Path) -> dict[str, list[str]]:
    """Rows of each export that lack (`-`) or are too many (`+`), against the brute force."""
    replay = expect(play)
    found = {}
    for kind in EXPORTS:
        wanted = Counter(json.dumps(row) for row in rows(replay, kind))
        stands = Counter(json.dumps(row) for row in exports.rows(connection, kind))
        found[kind] = [
            *(f"- {row}" for row in (wanted - stands).elements()),
            *(f"+ {row}" for row in (stands - wanted).elements()),
        ]
    return found


def counts(connection: Connection) -> dict[str, Any]:
    """What stands in the database, in the terms of the expectation's summary."""

    def one(query: str) -> int:
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def by(query: str) -> dict[str, int]:
        return {str(row[0]): int(row[1]) for row in connection.execute(query).fetchall()}

    alerts: dict[str, dict[str, int]] = {}
    grouped = "SELECT rule, status, count(*) FROM alerts GROUP BY 1, 2 ORDER BY 1, 2"
    for rule, status, count in connection.execute(grouped).fetchall():
        alerts.setdefault(rule, {})[status] = count
    return {
        "alerts": alerts,
        "rows": {
            kind: sum(1 for _ in exports.rows(connection, kind))
            for kind in EXPORTS
            if kind != "alerts"
        },
        "dead_letters": one("SELECT count(*) FROM dead_letters"),
        "quarantined": by("SELECT reason, count(*) FROM quarantine GROUP BY 1 ORDER BY 1"),
        "cards": one("SELECT count(*) FROM deliveries WHERE state = 'sent'"),
    }


def await_cards(connection: Connection, seconds: float) -> None:
    """Wait until every alert that asks for a card has its last version shown, or is given up."""
    deadline = time.monotonic() + seconds
    waiting = """
        SELECT (SELECT count(*) FROM outbox)
             + (SELECT count(*) FROM alerts a LEFT JOIN deliveries d USING (alert)
                WHERE a.notify AND (d.alert IS NULL OR d.desired < a.version
                                    OR (d.posted < d.desired
                                        AND d.state NOT IN ('silent', 'dead'))))
    """
    while True:
        row = connection.execute(waiting).fetchone()
        if row == (0,) or time.monotonic() > deadline:
            return
        time.sleep(0.1)


def main() -> int:
    """Wait for the cards, compare, print; the result is the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.sample.check", description=(__doc__ or "").strip()
    )
    parser.add_argument("play", type=Path, help="the file that was played")
    parser.add_argument("--wait", type=float, default=120, help="seconds to wait for the last card")
    parser.add_argument("--out", type=Path, help="where to write the summary; else it is printed")
    options = parser.parse_args()
    with database.connect(settings.load()) as connection:
        await_cards(connection, options.wait)
        found = differences(connection, options.play)
        stands = counts(connection)
    wanted = summary(expect(options.play))
    for kind, lines in found.items():
        for line in lines[:SHOWN]:
            sys.stderr.write(f"{kind}: {line}\n")
    wrong = [name for name, value in stands.items() if wanted[name] != value]
    for name in wrong:
        sys.stderr.write(f"{name}: expected {wanted[name]}, found {stands[name]}\n")
    said = json.dumps({"events": wanted["events"], **stands}) + "\n"
    if options.out:
        options.out.write_text(said)
    else:
        sys.stdout.write(said)
    return 1 if wrong or any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
