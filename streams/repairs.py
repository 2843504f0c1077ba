"""What may an operator change of how far the apps have come? Positions, and records passed over."""

import re
import time
from argparse import Namespace
from typing import Any, get_args

import psycopg
from kafka.errors import RetriableError

from schemas.envelope import stamp
from schemas.topics import READS, TIMELINE, App

from . import clock, database
from .reach import reach_kafka
from .set_aside import TABLES
from .settings import Settings
from .shell import Failed, Refused, say, table
from .topics import admin, extents, topic_ids

Connection = psycopg.Connection[tuple[Any, ...]]

COORDINATOR_WITHIN = 10.0
"""Seconds in which a broker that had no group yet makes the topic that keeps them."""


def show(settings: Settings, _: Namespace) -> None:
    """Every position, how many records lie beyond it, and the times that belong to it."""
    reach_kafka(settings)
    # Asked first, because a consumer would look for missing topics for half a minute.
    topic_ids(settings)
    rows = []
    with database.connect(settings) as connection:
        found = connection.execute(
            "SELECT app, topic, partition, next_offset, watermark, log_time, ticked FROM positions"
            " ORDER BY app, topic, partition"
        ).fetchall()
    ends = {
        settings.topic(name): extents(settings, name)
        for app in get_args(App)
        for name in READS[app]
    }
    for app, topic, partition, position, *times in found:
        extent = ends.get(topic, {}).get(partition)
        lag = extent.end - position if extent else "no such partition"
        rows.append((app, topic, partition, position, lag, *(at and stamp(at) for at in times)))
    table(("app", "topic", "partition", "position", "lag", "watermark", "log time", "ticked"), rows)


def set_position(settings: Settings, options: Namespace) -> None:
    """Let intake or slack go on at an offset: after a loss, or beyond what cannot be read."""
    name = options.topic.removeprefix(settings.laurel_prefix)
    if name not in READS[options.app]:
        raise Refused(f"{options.app} reads {', '.join(READS[options.app])}, not {options.topic}")
    named = None if options.partition == "all" else _number(options.partition, "PARTITION", "all")
    ends = ("start", "end")
    number = None if options.offset in ends else _number(options.offset, "OFFSET", "start, end")
    reach_kafka(settings)
    topic = settings.topic(name)
    topic_id = topic_ids(settings)[topic]
    found = extents(settings, name)
    if named is not None and named not in found:
        raise Refused(f"{name} has partitions 0 to {len(found) - 1}, not {named}")
    offsets = {}
    for partition in sorted(found) if named is None else [named]:
        extent = found[partition]
        offset = getattr(extent, options.offset) if number is None else number
        if not extent.start <= offset <= extent.end:
            raise Refused(
                f"{name}[{partition}] begins at {extent.start} and ends at {extent.end};"
                f" {offset} lies outside"
            )
        offsets[partition] = offset
    _refuse_while_it_works(settings, options.app)
    with database.connect(settings) as connection, connection.transaction():
        for partition, offset in offsets.items():
            before = _set(connection, (options.app, topic, partition), topic_id, offset)
            was = "there was none" if before is None else f"it was {before}"
            say(f"{options.app} goes on in {topic}[{partition}] at {offset}; {was}")


def _refuse_while_it_works(settings: Settings, app: App) -> None:
    """Raises `Failed` naming the workers, which would go on where they are until they stop."""
    group = settings.group(app)
    client = admin(settings)
    deadline = time.monotonic() + COORDINATOR_WITHIN
    try:
        while True:
            try:
                members = client.describe_groups([group])[group]["members"]
                break
            except RetriableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
    finally:
        client.close()
    if members:
        names = ", ".join(sorted(member["group_instance_id"] for member in members))
        raise Failed(
            f"{names} would not notice: stop every {app} worker first; Kafka forgets one that"
            f" stopped after {settings.laurel_session_seconds:g} s"
        )


def _number(text: str, what: str, other: str) -> int:
    if not re.fullmatch("[0-9]{1,19}", text):
        raise Refused(f"{what} {text!r} is no number, nor {other}")
    return int(text)


def _set(
    connection: Connection, place: tuple[App, str, int], topic_id: str, offset: int
) -> int | None:
    """Set one position; till when everything is forwarded is not known any more."""
    before = connection.execute(
        "SELECT next_offset, topic_id FROM positions"
        " WHERE (app, topic, partition) = (%s, %s, %s) FOR UPDATE",
        place,
    ).fetchone()
    if place[0] == "intake" and (before is None or before[1] != topic_id):
        _give_up_coordinates(connection, *place[1:])
    connection.execute(
        """
        INSERT INTO positions (app, topic, partition, topic_id, next_offset)
        VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (app, topic, partition) DO UPDATE SET
            topic_id = excluded.topic_id, next_offset = excluded.next_offset, watermark = NULL
        """,
        (*place, topic_id, offset),
    )
    return int(before[0]) if before else None


def _give_up_coordinates(connection: Connection, topic: str, partition: int) -> None:
    """Move what was set aside below zero, where no record of the topic made anew is taken for it.

    One distance for both tables: order and distinctness stay, also where a row changes its table.
    """
    (least, greatest) = connection.execute(
        """
        -- between which offsets lies what was set aside here, zero included?
        SELECT least(min("offset"), 0), greatest(max("offset"), 0) FROM (
            SELECT topic, partition, "offset" FROM quarantine
            UNION ALL SELECT topic, partition, "offset" FROM dead_letters) AS aside
        WHERE topic = %s AND partition = %s
        """,
        (topic, partition),
    ).fetchall()[0]
    for aside in TABLES.values():
        # Beyond the least, because uniqueness is checked row by row.
        connection.execute(
            f'UPDATE {aside} SET "offset" = "offset" - %s WHERE topic = %s AND partition = %s',
            (greatest - least + 1, topic, partition),
        )


def park(settings: Settings, options: Namespace) -> None:
    """Have the engine pass over one record of the timeline, now and in every rebuild."""
    reach_kafka(settings)
    topic_ids(settings)
    found = extents(settings, TIMELINE)
    where = f"{settings.topic(TIMELINE)}[{options.partition}]"
    if options.partition not in found:
        raise Refused(f"the timeline has partitions 0 to {len(found) - 1}, not {options.partition}")
    extent = found[options.partition]
    if not extent.start <= options.offset < extent.end:
        holds = f"{extent.start} to {extent.end - 1}" if extent.start < extent.end else "no record"
        raise Refused(f"{where} holds {holds}, not {options.offset}")
    with database.connect(settings) as connection, connection.transaction():
        row = connection.execute(
            "SELECT next_offset FROM positions"
            " WHERE app = 'engine' AND topic = %s AND partition = %s FOR UPDATE",
            (settings.topic(TIMELINE), options.partition),
        ).fetchone()
        if row and options.offset < row[0]:
            raise Refused(
                f"{where} is folded up to {row[0]}: record {options.offset} had its effect, and"
                " parking it now would make a rebuild differ"
            )
        made = connection.execute(
            'INSERT INTO parked (partition, "offset", reason, parked_at)'
            " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (options.partition, options.offset, options.reason, clock.real()),
        )
        if not made.rowcount:
            raise Failed(f"record {options.offset} of {where} is parked already")
    say(f"record {options.offset} of {where} is passed over from now on")
