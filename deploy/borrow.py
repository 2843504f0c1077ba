"""Makes or drops a run's own database and topics, on a Postgres and a Kafka that are not its own.

Their addresses come from DATABASE_URL and KAFKA_BOOTSTRAP; topics are made by `laurel topics`.
"""

import argparse
import os
import sys

import psycopg
from kafka import KafkaAdminClient
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Identifier


def make_database(name: str) -> None:
    """Make it unless it is there."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        query = "SELECT FROM pg_database WHERE datname = %s"
        if connection.execute(query, (name,)).fetchone() is not None:
            return
        try:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        except InsufficientPrivilege as fault:
            who = connection.info.user
            sys.exit(f"{fault}: every run makes its own, so let {who!r}: ALTER ROLE … CREATEDB")


def drop_database(name: str) -> None:
    """Drop it if it is there, whoever of ours still looks at it."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        # WITH (FORCE) would also end autovacuum, which is not ours to end; DROP itself may.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND usename = current_user",
            (name,),
        )
        connection.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(name)))


def drop_topics(prefix: str) -> None:
    """Delete every topic that begins like this."""
    client = KafkaAdminClient(bootstrap_servers=os.environ["KAFKA_BOOTSTRAP"].split(","))
    try:
        if ours := [topic for topic in client.list_topics() if topic.startswith(prefix)]:
            client.delete_topics(ours)
    finally:
        client.close()


def main() -> None:
    """Do what the words say."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.borrow", description=(__doc__ or "").strip()
    )
    parser.add_argument("what", choices=("make", "drop"))
    parser.add_argument("--database", metavar="NAME")
    parser.add_argument("--topics", metavar="PREFIX", help="those to drop")
    options = parser.parse_args()
    if options.database:
        {"make": make_database, "drop": drop_database}[options.what](options.database)
    if options.what == "drop" and options.topics:
        drop_topics(options.topics)


if __name__ == "__main__":
    main()
