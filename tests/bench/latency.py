"""How long after an event are its row and its alert there, and Slack asked to show it, by load?

Usage comes at a steady rate, and ten certificates a second are each worth a card, which go to
twenty customer-success managers in a local Slack. Takes about two minutes.
"""

import argparse
import json
import statistics
import sys
import time
from itertools import cycle
from pathlib import Path

import psycopg

from schemas.topics import ALERTS
from tests.bench import workload
from tests.bench.arena import Arena, arena, begin, say
from tests.bench.field import ENGINE_POSITIONS
from tests.bench.lateness import committed, quantile, send, waited
from tests.bench.race import Failed, await_end, of, worker
from tests.bench.tables import aligned
from tests.bench.workload import BEGIN, CERTIFIED, Shape
from tests.local_slack import TOKEN, LocalSlack

CARDS = 10
"""Alerts a second."""

MANAGERS = 20
"""Slack takes one message a channel and second."""

PATIENCE = 60


def main() -> int:
    """Measure and print; the result is the exit status."""
    parser = argparse.ArgumentParser(prog="./dev bench latency", description=__doc__)
    parser.add_argument("--rates", default="2000,10000,20000", help="events/s (%(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="of each rate")
    parser.add_argument(
        "--given", action="store_true", help="on the parts KAFKA_BOOTSTRAP and DATABASE_URL name"
    )
    options = parser.parse_args()
    found: dict[float, dict[str, list[float]]] = {}
    faults: list[str] = []
    with arena(given=options.given) as made, slack() as desk:
        faults += made.faults()
        for rate in map(float, options.rates.split(",")):
            say(f"{rate:,.0f} events a second for {options.seconds:.0f} s")
            try:
                found[rate] = measure(made, desk, rate, options.seconds)
            except Failed as fault:
                faults.append(f"at {rate:,.0f} events/s: {fault}")
    rows = [("events/s", "until", "measured", "p50 ms", "p99 ms")]
    for rate, waits in found.items():
        for what, each in waits.items():
            p50, p99 = statistics.median(each), quantile(each, 0.99)
            rows.append(
                (f"{rate:,.0f}", what, f"{len(each):,}", f"{p50 * 1e3:.0f}", f"{p99 * 1e3:.0f}")
            )
    sys.stdout.write(aligned(rows) + "\n")
    sys.stdout.writelines(f"invalid: {fault}\n" for fault in faults)
    sys.stdout.write(json.dumps({"seconds": found, "invalid": faults}) + "\n")
    return 1 if faults else 0


def slack() -> LocalSlack:
    """A Slack that knows everybody; the managers are enough for its real limits."""
    return LocalSlack("--users", "any", "--rate-limits", "off")


def measure(made: Arena, desk: LocalSlack, rate: float, seconds: float) -> dict[str, list[float]]:
    """Seconds until row, alert and request, each in order; raises `Failed`."""
    path = made.folder / f"latency-{next(made.names)}"
    shape = Shape(int(rate * seconds), seed=3, probe_each=100, alert_each=max(2, int(rate / CARDS)))
    workload.write(path, shape)
    prefix = made.topics("latency")
    env = {
        "SLACK_API_URL": desk.api,
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_FALLBACK_CHANNEL": desk.channel("general"),
    }
    with made.database() as url, of(url) as connection:
        settings = made.settings(prefix, url)
        begin(settings)
        begin(settings, "slack", ALERTS)
        manage(connection, path)
        with (
            worker(made, "engine", prefix, url, **env) as engine,
            worker(made, "slack", prefix, url, **env) as sender,
        ):
            both = [engine, sender]
            for process in both:
                process.await_partitions()
            sent = send(made, prefix, path, rate)
            await_end(
                both, lambda: dict(connection.execute(ENGINE_POSITIONS).fetchall()), sent.ends
            )
            certified = {who: at for who, at in sent.due.items() if who.startswith(CERTIFIED)}
            await_cards(connection, len(certified))
        used = {who: at for who, at in sent.due.items() if who not in certified}
        say(f"the sender was {sent.late * 1e3:.0f} ms late at most")
        return {
            "row": waited(used, committed(url)),
            "alert": waited(certified, dict(connection.execute(ALERTED).fetchall())),
            "Slack": waited(certified, dict(connection.execute(SHOWN).fetchall())),
        }


ALERTED = """
    -- when could the alert of each customer be read?
    SELECT a.customer, extract(epoch FROM pg_xact_commit_timestamp(v.xmin))::float
    FROM alerts a JOIN alert_versions v USING (alert) WHERE v.version = 1
"""

SHOWN = """
    -- when did Slack take the card of each customer?
    SELECT customer, ts::float FROM deliveries WHERE ts IS NOT NULL
"""


def manage(connection: psycopg.Connection[tuple[object, ...]], path: Path) -> None:
    """Give those who are worth a card a manager each."""
    managers = cycle(f"csm-{number}@laurel.example" for number in range(MANAGERS))
    for line in workload.read(path):
        if line.key.startswith(CERTIFIED):
            connection.execute(
                "INSERT INTO customer_facts (customer, source_id, at, name, csm_email)"
                " VALUES (%s, 'bench#1', %s, %s, %s)",
                (line.key, BEGIN, line.key, next(managers)),
            )


def await_cards(connection: psycopg.Connection[tuple[object, ...]], count: int) -> None:
    """Wait until Slack has taken so many cards; raises `Failed`."""
    deadline = time.monotonic() + PATIENCE
    while len(shown := connection.execute(SHOWN).fetchall()) < count:
        if time.monotonic() > deadline:
            raise Failed(f"Slack has {len(shown)} cards of {count} after {PATIENCE} s")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
