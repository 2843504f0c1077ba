"""Did all of a sample arrive as it should? Reads the play, the timeline, the database and Slack.

Writes a summary as JSON, and says what differs; exit code 0 only if everything is as expected.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
from kafka import KafkaConsumer, TopicPartition

from projections import exports
from schemas.envelope import decode
from schemas.exports import EXPORTS
from schemas.facts import Tick
from schemas.topics import TIMELINE
from streams import database
from streams.settings import Settings, load

from .expect import expect
from .replay import Replay
from .rows import rows, summary

SHOWN = 5
"""Differences printed of each kind."""

Connection = psycopg.Connection[tuple[Any, ...]]


def differences(connection: Connection, replay: Replay) -> dict[str, list[str]]:
    """Rows of each export that lack (`-`) or are too many (`+`), against the brute force."""
    found = {}
    for kind in EXPORTS:
        wanted = Counter(json.dumps(row) for row in rows(replay, kind))
        stands = Counter(json.dumps(row) for row in exports.rows(connection, kind))
        found[kind] = [
            *(f"- {row}" for row in (wanted - stands).elements()),
            *(f"+ {row}" for row in (stands - wanted).elements()),
        ]
    return found


def events(settings: Settings) -> int:
    """How many incoming events the timeline tells of; copies, and a second fact, count no more."""
    consumer = KafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, isolation_level="read_committed"
    )
    topic, deadline = settings.topic(TIMELINE), time.monotonic() + 60
    told: set[str] = set()
    try:
        places = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
        consumer.assign(places)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(places)
        while any(consumer.position(place) < end for place, end in ends.items()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic} could not be read to its end within a minute")
            for records in consumer.poll(timeout_ms=200).values():
                facts = (decode(record.value).fact for record in records)
                told.update(fact.cause for fact in facts if not isinstance(fact, Tick))
    finally:
        consumer.close()
    return len(told)


def cards(slack: str) -> int:
    """How many cards people see in the local Slack of that address; a reply to one is none."""
    return sum(message["thread_ts"] is None for message in _messages(slack))


def owed(slack: str) -> int:
    """How many cards there promise more in a thread in which nothing stands."""
    messages = _messages(slack)
    answered = {message["thread_ts"] for message in messages}
    return sum(
        "in the thread" in json.dumps(message["blocks"]) and message["ts"] not in answered
        for message in messages
        if message["thread_ts"] is None
    )


def _messages(slack: str) -> list[dict[str, Any]]:
    with urlopen(f"{slack}_control/messages", timeout=10) as answer:
        channels = json.load(answer)["channels"]
    return [message for channel in channels for message in channel["messages"]]


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
    """Wait until every alert that asks for a card has its last version shown, or is given up.

    What goes on in its thread is waited for, too.
    """
    deadline = time.monotonic() + seconds
    waiting = """
        SELECT (SELECT count(*) FROM outbox)
             + (SELECT count(*) FROM alerts a LEFT JOIN deliveries d USING (alert)
                WHERE a.notify AND (d.alert IS NULL OR d.desired < a.version
                                    OR (d.posted < d.desired
                                        AND d.state NOT IN ('silent', 'dead'))))
             + (SELECT count(*) FROM deliveries
                WHERE thread_of IS NOT NULL AND posted < desired AND state <> 'dead')
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
    parser.add_argument("--wait", type=float, default=300, help="seconds to wait for the last card")
    parser.add_argument("--slack", help="address of the local Slack; else the ledger is believed")
    parser.add_argument("--out", type=Path, help="where to write the summary; else it is printed")
    options = parser.parse_args()
    settings, replay = load(), expect(options.play)
    with database.connect(settings) as connection:
        await_cards(connection, options.wait)
        found = differences(connection, replay)
        stands = {"events": events(settings), **counts(connection)}
    lacking = 0
    if options.slack:
        stands["cards"], lacking = cards(options.slack), owed(options.slack)
    wanted = summary(replay)
    for kind, lines in found.items():
        for line in lines[:SHOWN]:
            sys.stderr.write(f"{kind}: {line}\n")
    wrong = [name for name, value in stands.items() if wanted[name] != value]
    for name in wrong:
        sys.stderr.write(f"{name}: expected {wanted[name]}, found {stands[name]}\n")
    if lacking:
        sys.stderr.write(f"cards: {lacking} promise more in their thread, and nothing is there\n")
    said = json.dumps(stands) + "\n"
    if options.out:
        options.out.write_text(said)
    else:
        sys.stdout.write(said)
    return 1 if wrong or lacking or any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
