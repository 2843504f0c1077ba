"""Does the ledger take in what the topic `alerts` says, once, and without a hole?"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from projections.migrate import migrate
from schemas.alert_message import encode
from schemas.alerts import TRAINING_ABANDONED, AlertChanged, Status
from schemas.facts import Trigger
from schemas.ids import ident
from streams import database as pools
from streams.slack import AlertsHole, SlackInbox
from streams.stop import Beyond, PositionLost, TopicRecreated, Undecodable
from tests.streams.sending import Desk
from tests.streams.system import wait_for
from tests.streams.watching import rises

ALERTS = TP("alerts", 0)
HEARD = datetime(2026, 1, 22, 12, tzinfo=UTC)


class Inbox:
    """The ledger of a database, fed by hand with what would lie on partition 0."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.rechecked = 0
        with desk.connect() as connection:
            connection.execute(
                "INSERT INTO positions (app, topic, partition, topic_id, next_offset)"
                " VALUES ('slack', 'alerts', 0, 't', 0)"
            )

    async def recheck(self, tp: TP) -> None:
        self.rechecked += 1

    def take(self, *records: ConsumerRecord, sought: bool = False) -> None:
        async def work() -> None:
            async with pools.open_pool(self.desk.settings) as pool:
                await SlackInbox(pool, self.recheck).work(ALERTS, list(records), sought)

        asyncio.run(work())

    @property
    def position(self) -> int:
        with self.desk.connect() as connection:
            row = connection.execute("SELECT next_offset FROM positions").fetchone()
        assert row is not None
        return int(row[0])

    def ledger(self) -> dict[int, tuple[str, int]]:
        """State and desired version by the number of the alert."""
        with self.desk.connect() as connection:
            rows = connection.execute("SELECT alert, state, desired FROM deliveries").fetchall()
        numbers = {ident("acme", number): number for number in range(10)}
        return {numbers[row[0]]: (row[1], row[2]) for row in rows}


@pytest.fixture
def inbox(database: str, tmp_path: Path) -> Inbox:
    migrate(database)
    return Inbox(Desk(database, "http://127.0.0.1:9/api/", tmp_path))


def record(offset: int, value: bytes | None) -> ConsumerRecord:
    return ConsumerRecord(
        topic="alerts",
        partition=0,
        offset=offset,
        timestamp=0,
        timestamp_type=1,
        key=b"acme",
        value=value,
        checksum=None,
        serialized_key_size=4,
        serialized_value_size=len(value or b""),
        headers=(),
    )


def message(offset: int, number: int, version: int = 1) -> ConsumerRecord:
    """A version of alert `number`, as it lies on the topic."""
    status: Status = "open" if version == 1 else "resolved"
    change = AlertChanged(
        customer="acme",
        alert=str(ident("acme", number)),
        version=version,
        rule=TRAINING_ABANDONED,
        rule_version=1,
        subject=f"p{number}|c1",
        status=status,
        at=HEARD,
        raised_at=HEARD,
        causes=(),
        values={},
        notify=True,
        trigger=Trigger(None, HEARD, "clock.ticked.v1"),
    )
    return record(offset, encode(change))


def test_the_ledger_asks_for_the_greatest_version_heard(inbox: Inbox) -> None:
    inbox.take(message(0, 1), message(1, 2), message(2, 1, version=2))
    assert inbox.ledger() == {1: ("pending", 2), 2: ("pending", 1)}
    inbox.take(message(3, 2, version=3), message(4, 2, version=2))
    assert inbox.ledger() == {1: ("pending", 2), 2: ("pending", 3)}
    inbox.take(message(5, 2, version=2))
    assert inbox.ledger() == {1: ("pending", 2), 2: ("pending", 3)}
    assert inbox.position == 6


def test_an_alert_whose_beginning_was_never_heard_stays_silent(inbox: Inbox) -> None:
    inbox.take(message(0, 1, version=2))
    inbox.take(message(1, 1, version=3), message(2, 2))
    assert inbox.ledger() == {1: ("silent", 3), 2: ("pending", 1)}


def test_what_was_taken_in_before_is_dropped(inbox: Inbox) -> None:
    inbox.take(message(0, 1), message(1, 2))
    behind, noted = "laurel_behind_total", "laurel_stage_seconds_count"
    with (
        rises(behind, 0, topic="alerts"),
        rises(noted, 1, app="slack", stage="note"),
    ):
        inbox.take(message(0, 1), message(1, 2), message(2, 3))
    assert inbox.position == 3
    assert inbox.rechecked == 0
    with rises(behind, 1, topic="alerts"):
        inbox.take(message(1, 2))
    assert inbox.rechecked == 1, "a batch wholly below may come from a topic made again"
    assert inbox.ledger() == dict.fromkeys((1, 2, 3), ("pending", 1))


def test_a_hole_is_sought_back_to_once_and_then_stops(inbox: Inbox) -> None:
    inbox.take(message(0, 1))
    with pytest.raises(Beyond) as hole:
        inbox.take(message(2, 3))
    assert hole.value.position == 1
    with pytest.raises(AlertsHole, match=r"alerts\[0\]: the position is 1, .* at 2"):
        inbox.take(message(2, 3), sought=True)
    assert inbox.position == 1


def test_what_lies_before_an_inner_hole_is_taken_in(inbox: Inbox) -> None:
    with pytest.raises(Beyond) as hole:
        inbox.take(message(0, 1), message(2, 3))
    assert hole.value.position == inbox.position == 1
    assert set(inbox.ledger()) == {1}


def test_a_topic_made_again_is_named_before_a_hole_is(inbox: Inbox) -> None:
    async def recheck(tp: TP) -> None:
        raise TopicRecreated(str(tp))

    inbox.recheck = recheck  # type: ignore[method-assign]
    with pytest.raises(TopicRecreated):
        inbox.take(message(2, 3), sought=True)


@pytest.mark.parametrize("value", [None, b"{}", b"not JSON"])
def test_what_is_no_message_stops_and_takes_nothing_in(inbox: Inbox, value: bytes | None) -> None:
    with pytest.raises(Undecodable, match=r"alerts\[0\] offset 1: "):
        inbox.take(message(0, 1), record(1, value))
    assert inbox.position == 0
    assert inbox.ledger() == {}


def test_a_position_that_is_gone_stops(inbox: Inbox) -> None:
    with inbox.desk.connect() as connection:
        connection.execute("DELETE FROM positions")
    with pytest.raises(PositionLost):
        inbox.take(message(0, 1))


def test_an_owner_that_waited_for_another_takes_in_what_the_other_left(inbox: Inbox) -> None:
    with inbox.desk.connect() as other, inbox.desk.connect() as watch, ThreadPoolExecutor() as pool:
        with other.transaction():
            other.execute("SELECT FROM positions FOR UPDATE")
            taking = pool.submit(inbox.take, message(0, 1), message(1, 2), message(2, 3))
            wait_for(lambda: watch.execute(WAITING).fetchone(), "the inbox to wait for the lock")
            other.execute("UPDATE positions SET next_offset = 2")
        taking.result()
    assert inbox.ledger() == {3: ("pending", 1)}
    assert inbox.position == 3


WAITING = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
