"""Is what was set aside of a topic kept apart from one that was made anew under its name?"""

import json
from argparse import Namespace
from typing import Any

from schemas.facts import TrainingStarted
from schemas.topics import TIMELINE, TRAINING
from streams import letters, rebuild, topics
from streams.repairs import park, set_position

from .acme import course, customer, joined, started
from .rough import make_anew
from .steps import Steps, steps
from .system import System

GUS, FAY, EVE = ({"email": f"{name}@acme.example"} for name in ("gus", "fay", "eve"))


def begin_anew(intake: Steps, partition: str = "all") -> None:
    """Let intake go on at the start of the topic that stands there now."""
    options = Namespace(app="intake", topic=TRAINING, partition=partition, offset="start")
    set_position(intake.settings, options)


def waiting_ids(intake: Steps) -> list[str]:
    """The events that wait, in the order in which they will be published."""
    rows = intake.rows('SELECT bytes FROM quarantine ORDER BY topic, partition, "offset"')
    return [json.loads(bytes(row[0]))["id"] for row in rows]


def refused(intake: Steps) -> list[bytes]:
    rows = intake.rows('SELECT bytes FROM dead_letters ORDER BY topic, partition, "offset"')
    return [bytes(row[0]) for row in rows]


def make_and_begin_anew(intake: Steps) -> None:
    make_anew(intake.system, TRAINING)
    begin_anew(intake)


def test_no_tick_speaks_for_what_intake_reads_anew(intake: Steps) -> None:
    known = "SELECT count(*) FROM positions WHERE app = 'intake' AND watermark IS NOT NULL"
    with intake.system.connect() as connection:
        topic = intake.settings.topic(TRAINING)
        connection.execute("UPDATE positions SET watermark = now() WHERE topic = %s", (topic,))
    assert intake.rows(known) != [(0,)]
    begin_anew(intake)
    assert intake.rows(known) == [(0,)]


def test_a_record_at_an_old_offset_of_a_topic_made_anew_is_heard(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(customer(), course(), joined())
    intake.say(started("old-1", person=EVE), started("old-2", person=FAY), b"old")
    intake.take(tp)
    for again in (1, 2):
        # Rows changed since lie behind newer ones, and so give way to them last.
        with intake.system.connect() as connection:
            connection.execute("UPDATE quarantine SET detail = 'old' WHERE \"offset\" < 0")
        make_and_begin_anew(intake)
        with steps(intake.system) as anew:
            known, unknown = started(f"known-{again}"), started(f"unknown-{again}", person=GUS)
            anew.say(known, unknown, b"new")
            anew.take(tp)
            assert len(anew.facts(TrainingStarted)) == again
    assert waiting_ids(intake) == ["old-1", "old-2", "unknown-1", "unknown-2"]
    assert refused(intake) == [b"old", b"new", b"new"]


def test_rows_of_a_former_topic_go_on_in_their_order_and_change_tables(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(customer(), course())
    intake.say(b"garbled", started("1", person=EVE), started("2"), started("3", person=EVE))
    intake.take(tp)
    make_and_begin_anew(intake)
    with steps(intake.system) as anew:
        names = [f"q{row[0]}" for row in anew.quarantine()] + [f"d{anew.dead_letters()[0][0]}"]
        # As if a newer version of the code read the first one as it does a miss, and no more "3".
        swap = "UPDATE {} SET bytes = %s WHERE id = %s"
        with anew.system.connect() as connection:
            raw = json.dumps(started("0", person=EVE)).encode()
            connection.execute(swap.format("dead_letters"), (raw, names[3][1:]))
            connection.execute(swap.format("quarantine"), (b"worse", names[2][1:]))
        assert anew.ask(letters.replay, names) == 4
        assert anew.settle(tp) == 4
        assert waiting_ids(anew) == ["0", "1", "2"]
        assert refused(anew) == [b"worse"]
        anew.tell(joined())
        assert anew.settle(tp) == 1
        assert [fact.cause for fact in anew.facts(TrainingStarted)] == ["urn:lms#2"]


def test_only_the_partition_that_is_set_and_only_a_new_topic_lets_coordinates_go(
    intake: Steps,
) -> None:
    intake.tell(customer(), course())
    for partition in (0, 1):
        intake.say(started(f"p{partition}"), partition=partition)
        intake.take(intake.tp(partition))
    begin_anew(intake)
    offsets = 'SELECT "offset" FROM quarantine ORDER BY partition'
    assert intake.rows(offsets) == [(0,), (0,)]
    make_anew(intake.system, TRAINING)
    begin_anew(intake, "1")
    assert intake.rows(offsets) == [(0,), (-1,)]


def parked(system: System) -> list[tuple[Any, ...]]:
    return system.rows('SELECT partition, "offset" FROM parked')


def test_what_was_parked_in_a_timeline_that_is_no_more_is_forgotten(intake: Steps) -> None:
    system = intake.system
    system.append(TIMELINE, 0, "k", b"poison")
    park(system.settings, Namespace(partition=0, offset=0, reason="is no fact"))
    with system.connect() as connection:
        topics.begin_positions(system.settings, connection)
        assert parked(system) == [(0, 0)]
        make_anew(system, TIMELINE)
        connection.execute("DELETE FROM positions WHERE app = 'engine'")
        topics.begin_positions(system.settings, connection)
        assert parked(system) == []


def test_a_rebuild_passes_over_what_was_parked_in_its_own_timeline_only(intake: Steps) -> None:
    system = intake.system
    system.append(TIMELINE, 0, "k", b"poison")
    park(system.settings, Namespace(partition=0, offset=0, reason="is no fact"))
    former = "UPDATE positions SET topic_id = 'a former one' WHERE app = 'engine'"
    for kept, change in (([(0, 0)], "SELECT"), ([], former)):
        with system.connect() as connection, connection.transaction(force_rollback=True):
            connection.execute(change)
            rebuild.begin(system.settings, connection)
            assert connection.execute('SELECT partition, "offset" FROM parked').fetchall() == kept
