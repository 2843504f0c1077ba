"""How are states, read models and alerts made anew? By folding the timeline again, sending nothing.

It is folded into a shadow of what is read, while workers go on. Once that has come as far as they
have, they wait a moment, and what was made takes the place of what stood there.
"""

import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.errors import LockNotAvailable

from projections import shadow
from schemas.topics import ALERTS, TIMELINE

from . import database, positions
from .failpoints import failpoint
from .positions import Position
from .reach import reach_kafka
from .refolding import Refolding, refolding
from .settings import Settings
from .shell import Failed, Refused, postgres_address, say, table
from .stop import HistoryExpired
from .topics import check_settings, extents, topic_ids

LOCK = 7_205_759_404
"""Advisory lock: a second rebuild of the same database is refused."""

FEW = 500
"""Records for which workers may wait: they are folded in a fraction of a second."""

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Found:
    """What is other than it was."""

    differences: list[shadow.Difference]
    unsent: list[tuple[Any, ...]]


def run(settings: Settings, options: Namespace) -> None:
    """Make everything anew and put it in its place; workers and readers go on meanwhile."""
    reach_kafka(settings)
    check_settings(settings)
    began = time.monotonic()
    with database.connect(settings) as connection:
        ends = begin(settings, connection)
        with refolding(settings, options.batch) as made:
            while (found := _try(settings, connection, ends, made)) is None:
                say("a worker held its position for too long; trying again")
    folded = sum(made.at.values())
    if sys.stdout.isatty():
        say()
    say(f"folded {folded} records of {len(made.at)} partitions in {time.monotonic() - began:.1f} s")
    _tell(found)


def begin(settings: Settings, connection: Connection) -> dict[int, int]:
    """Make an empty shadow; returns where the timeline ends, for partitions nobody has been in."""
    if connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone() != (True,):
        raise Refused(f"another rebuild of {postgres_address(settings)} is under way")
    topic, found = settings.topic(TIMELINE), extents(settings, TIMELINE)
    expired = [p for p, extent in found.items() if extent.start > 0]
    if expired:
        raise HistoryExpired(
            f"{topic} does not begin at 0 in partitions {expired}: not all is left"
        )
    ids = topic_ids(settings)
    with connection.transaction():
        rows = connection.execute(
            "SELECT partition, topic_id, next_offset FROM positions"
            " WHERE app = 'engine' AND topic = %s FOR UPDATE",
            (topic,),
        ).fetchall()
        if any(row[1] != ids[topic] for row in rows) and not any(row[2] for row in rows):
            # Nothing was folded of that topic, and what is parked was so in it.
            connection.execute("DELETE FROM parked")
            connection.execute("DELETE FROM positions WHERE app = 'engine'")
            rows = []
        known = {(topic, row[0]): Position(row[1], row[2]) for row in rows}
        positions.check("engine", {place: found[place[1]] for place in known}, ids, known)
        shadow.make(connection, topic, ids[topic], found)
    return {partition: extent.end for partition, extent in found.items()}


def _try(
    settings: Settings, connection: Connection, ends: Mapping[int, int], made: Refolding
) -> Found | None:
    """Come as far as the workers, then put it in place; None where they held a position."""
    while made.fold({**ends, **_reached(settings, connection)}) > FEW:
        pass
    shadow.analyze(connection)
    alerts, last = settings.topic(ALERTS), extents(settings, ALERTS)
    topic_id, offsets = topic_ids(settings)[alerts], {p: last[p].end for p in last}
    try:
        with connection.transaction():
            reached = _reached(settings, connection, "FOR UPDATE")
            failpoint("rebuild.locked")
            made.fold({**ends, **reached})
            _check(reached, shadow.reached(connection))
            found = Found(
                shadow.differences(connection), shadow.unsent(connection) if reached else []
            )
            if not reached:
                # Where no worker has been, slack is not to hear of what is old either.
                positions.register(connection, "slack", alerts, topic_id, offsets)
            shadow.swap(connection)
            failpoint("rebuild.before_swap")
    except LockNotAvailable:
        return None
    failpoint("rebuild.after_swap")
    return found


def _check(reached: Mapping[int, int], same: Mapping[int, int]) -> None:
    """Raises `Failed` where what was folded does not end where the workers stand."""
    if reached != {partition: same[partition] for partition in reached}:
        raise Failed(
            f"workers stand at {reached} (partition: offset), but the same records end at {same}:"
            " a position was moved by hand"
        )


def _reached(settings: Settings, connection: Connection, lock: str = "") -> dict[int, int]:
    """How far workers have come in the partitions in which they have been."""
    rows = connection.execute(
        "SELECT partition, next_offset FROM positions WHERE app = 'engine' AND topic = %s"
        f" ORDER BY partition {lock}",
        (settings.topic(TIMELINE),),
    )
    return {row[0]: row[1] for row in rows}


def _tell(found: Found) -> None:
    """What became other than it was."""
    if not found.differences:
        say("it is in place, and says what was there before")
        return
    say("it is in place; other than before are")
    head = ("table", "rows gone", "new", "changed")
    table(head, [(each.table, each.gone, each.new, each.changed) for each in found.differences])
    if found.unsent:
        say("nothing is sent of these alerts, which were not there before")
        table(("alert", "rule", "customer", "subject", "raised at"), found.unsent)
