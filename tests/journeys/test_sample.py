"""Does a sample come out as an independent program says it must, and again when it is rebuilt?

The default sample and three drawn ones go in through the intake topics.
A program that shares nothing with the handlers says by brute force what every export must hold.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from projections.dump import canonical_dump
from projections.migrate import migrate
from schemas.envelope import encode_fact
from schemas.facts import CertificateGranted
from schemas.topics import ALERTS, TIMELINE
from streams import clock
from streams.append import partition_of
from streams.database import connect
from streams.settings import load
from tests.conftest import Broker
from tests.local_slack import LocalSlack
from tests.sample import check, generate
from tests.sample.expect import expect
from tests.sample.rows import summary
from tests.streams.system import System, wait_for

DEFAULT, *_ = SEEDS = [int(seed) for seed in os.environ["LAUREL_SAMPLE_SEEDS"].split(",")]
BATCHES = (1, 7, 500)
PARTITIONS = 4

FETCHED = dict(zip(SEEDS, ("2000", "1", "7", "500"), strict=False))
"""How many records the workers fetch at most, by seed."""


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(600)
def test_a_sample_comes_out_as_it_must(
    seed: int, kafka: Broker, database: str, tmp_path: Path
) -> None:
    sample = tmp_path / "sample.jsonl"
    lines = generate.write(seed, 4, 60, generate.instant("now")).lines
    sample.write_text("".join(f"{line.text()}\n" for line in lines))
    options = ("--users", "any", "--rate-limits", "off")
    with (
        LocalSlack(*options) as slack,
        System(
            kafka.bootstrap,
            database,
            tmp_path,
            PARTITIONS,
            SLACK_API_URL=slack.api,
            LAUREL_BATCH=FETCHED[seed],
            LAUREL_SLACK_PER_SECOND="100",
            SLACK_BOT_TOKEN="xoxb-local",
            SLACK_FALLBACK_CHANNEL=slack.channel("customer-success"),
        ) as system,
    ):
        for kind in ("intake", "engine", "slack"):
            system.start(kind)
        laurel(system, "play", str(sample))
        replay = expect(sample)
        with system.connect() as connection:
            check.await_cards(connection, 240)
            differences = check.differences(connection, replay)
            counts = check.counts(connection)
        assert differences == {kind: [] for kind in differences}, f"seed {seed}"
        wanted = summary(replay)
        assert counts == {name: wanted[name] for name in counts}, f"seed {seed}"
        assert check.cards(slack.url) == wanted["cards"], f"seed {seed}"
        assert check.owed(slack.url) == 0, f"seed {seed}"
        assert check.events(system.settings) == wanted["events"], f"seed {seed}"
        if seed == DEFAULT:
            for worker in system.workers:
                worker.close()
            rebuild_with_every_batch_size(system, slack)


def rebuild_with_every_batch_size(system: System, slack: LocalSlack) -> None:
    """Into empty databases; then the last one goes on, and nothing old is sent."""
    with system.connect() as connection:
        live = canonical_dump(connection)
    shown = check.cards(slack.url)
    with ExitStack() as databases:
        for batch in BATCHES:
            url = databases.enter_context(empty_database(system.env["DATABASE_URL"], batch))
            laurel(system, "rebuild", "--batch", str(batch), DATABASE_URL=url)
            with connect(load({**system.env, "DATABASE_URL": url})) as connection:
                rebuilt = canonical_dump(connection)
                assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
            for table, rows in live.items():
                assert rebuilt[table] == rows, f"{table} with batches of {batch}"
        alerts = sum(system.ends(ALERTS).values())
        system.start("engine", DATABASE_URL=url)
        system.start("slack", DATABASE_URL=url)
        system.append(TIMELINE, partition_of("acme", PARTITIONS), "acme", a_new_grant())
        wait_for(lambda: check.cards(slack.url) == shown + 1, "the card of the one new alert")
        assert sum(system.ends(ALERTS).values()) == alerts + 1


def a_new_grant() -> bytes:
    """A fact that earns a card now."""
    now = clock.real()
    fact = CertificateGranted(
        at=now, recorded_at=now, cause="urn:t#new", customer="acme", person="p", certificate="c"
    )
    return encode_fact(fact, "urn:t", "new")


@contextmanager
def empty_database(url: str, number: int) -> Iterator[str]:
    """A migrated database beside the test's own."""
    server, name = url.rsplit("/", 1)
    beside = Identifier(f"{name}_{number}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(beside))
        migrate(f"{server}/{name}_{number}")
        yield f"{server}/{name}_{number}"
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(beside))


def laurel(system: System, *words: str, **env: str) -> None:
    """Run a command to its end; fails with what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", *words],
        env={**system.env, **env},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
