"""Does an alert that opens again say so, and does its card follow, whether or not it had one?

From facts through the engine, the outbox and the ledger to the local Slack.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from projections.migrate import migrate
from schemas.alert_message import decode
from schemas.envelope import encode_tick
from schemas.facts import ModuleCompleted, TrainingFailed
from schemas.topics import ALERTS, CATALOGUE, TIMELINE
from streams.database import open_pool
from streams.settings import load
from streams.slack import SlackInbox
from tests.local_slack import LocalSlack
from tests.streams.folding import Line, Record, a_fact, begin, day, fits, fold, recorded, said
from tests.streams.sending import Desk

WHOSE = {"customer": "acme", "person": "ann", "course": "admin"}


class Acme:
    """One account whose timeline lies in partition 0, its alerts and its cards."""

    def __init__(self, desk: Desk, slack: LocalSlack) -> None:
        self._desk, self._slack = desk, slack
        self._settings = load({**desk.env, "LAUREL_PARTITIONS": "3"})
        self._lines: list[Line] = []
        begin(self._settings)
        with desk.connect() as connection:
            connection.execute(
                "INSERT INTO positions (app, topic, partition, topic_id, next_offset)"
                " VALUES ('slack', 'alerts', 0, 't', 0)"
            )

    def hear(self, *told: list[Line]) -> list[str]:
        """Fold what is told next and send what follows; what the alerts' topic was told by it."""
        folded = len(self._lines)
        self._lines += [line for lines in told for line in lines]
        tp = TP(TIMELINE, 0)
        asyncio.run(fold(self._settings, {tp: [recorded(self._lines)[tp][folded:]]}))
        with self._desk.connect() as connection:
            rows = connection.execute("SELECT seq, message FROM outbox ORDER BY seq").fetchall()
            (begun,) = connection.execute(
                "SELECT next_offset FROM positions WHERE app = 'slack'"
            ).fetchall()
            connection.execute("DELETE FROM outbox")
        messages = [
            Record(offset, 0, b"acme", bytes(row[1])) for offset, row in enumerate(rows, begun[0])
        ]
        if messages:
            asyncio.run(self._take(messages))
        self._desk.send()
        return [decode(message.value).type for message in messages]

    async def _take(self, messages: list[Any]) -> None:
        async with open_pool(self._settings, size=1) as pool:
            await SlackInbox(pool, fits).work(TP(ALERTS, 0), messages, sought=False)

    def cards(self) -> list[list[int]]:
        """The versions of the alert that each card in Slack has shown."""
        return [
            [shown["metadata"]["event_payload"]["version"] for shown in card["versions"]]
            for channel in self._slack.get("_control/messages")["channels"]
            for card in channel["messages"]
        ]


@pytest.fixture
def acme(database: str, tmp_path: Path) -> Iterator[Acme]:
    migrate(database)
    options = ("--rate-limits", "off", "--channels", "general")
    with LocalSlack(*options) as slack:
        yield Acme(Desk(database, slack.api, tmp_path), slack)


def fails(at: float, attempt: int) -> list[Line]:
    return said(a_fact(TrainingFailed, at, f"failed at {at}", attempt=attempt, **WHOSE))


def tick(at: float) -> list[Line]:
    return [Line(0, CATALOGUE, encode_tick(day(at), 0))]


def test_a_withdrawn_alert_that_opens_again_is_called_reopened_and_mends_its_card(
    acme: Acme,
) -> None:
    assert acme.hear(fails(1, 2), tick(15)) == ["alert.raised.v1"]
    assert acme.hear(fails(2, 1)) == ["alert.withdrawn.v1"]
    # The failure of day 1 stands alone again, so its deadline is the stall's as before.
    assert acme.hear(fails(0.5, 1), tick(15.5)) == ["alert.reopened.v1"]
    assert acme.cards() == [[1, 2, 3]]
    back = said(a_fact(ModuleCompleted, 16, "back", module="m1", **WHOSE))
    assert acme.hear(back) == ["alert.resolved.v1"]
    assert acme.cards() == [[1, 2, 3, 4]]


def test_a_stall_that_was_recorded_in_silence_gets_a_card_when_it_opens(acme: Acme) -> None:
    assert acme.hear(fails(1, 2), fails(15.5, 1), tick(16)) == []
    assert acme.cards() == []
    assert acme.hear(fails(0.5, 1), tick(16.5)) == ["alert.raised.v1"]
    assert acme.cards() == [[1]]


def test_a_silent_record_and_its_opening_in_one_batch_ask_for_one_card(acme: Acme) -> None:
    told = (fails(1, 2), fails(15.5, 1), tick(16), fails(0.5, 1), tick(16.5))
    assert acme.hear(*told) == ["alert.raised.v1"]
    assert acme.cards() == [[1]]
