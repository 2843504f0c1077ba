"""Does the topic `alerts` say what it always said?"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from schemas.alert_message import WIRE_NAMES, decode, encode
from schemas.alerts import TRAINING_ABANDONED, AlertChanged
from schemas.envelope import Unreadable
from schemas.facts import Trigger

GOLDEN = Path(__file__).parent / "golden"

HEARD = datetime(2026, 1, 29, 9, 0, 5, 123000, tzinfo=UTC)

ABANDONED = AlertChanged(
    customer="datacorp",
    alert="3f1c6f0e-3a5b-5c1e-8a52-0c7a6fbb3d61",
    version=1,
    rule=TRAINING_ABANDONED,
    rule_version=1,
    subject="b0b|admin-cert",
    status="open",
    at=datetime(2026, 1, 22, 8, tzinfo=UTC),
    raised_at=HEARD,
    causes=("lms#17",),
    values={"course": "admin-cert", "last_module": "m2"},
    notify=True,
    trigger=Trigger(None, HEARD, "clock.ticked.v1"),
)

CHANGES: dict[str, AlertChanged] = {
    "alert.raised.v1": ABANDONED,
    "alert.amended.v1": replace(ABANDONED, version=2),
    "alert.resolved.v1": replace(ABANDONED, version=2, status="resolved"),
    "alert.withdrawn.v1": replace(ABANDONED, version=2, status="withdrawn"),
    "alert.corrected.v1": replace(ABANDONED, version=2, status="corrected"),
    "alert.reopened.v1": replace(ABANDONED, version=3, reopened=True),
}


def test_every_kind_of_message_has_a_golden_file() -> None:
    assert set(CHANGES) == set(WIRE_NAMES)


@pytest.mark.parametrize("wire", CHANGES)
def test_a_message_reads_as_its_golden_file(wire: str) -> None:
    golden = json.loads((GOLDEN / f"{wire}.json").read_bytes())
    assert json.loads(encode(CHANGES[wire])) == golden


@pytest.mark.parametrize("wire", CHANGES)
def test_a_golden_message_is_understood_for_ever(wire: str) -> None:
    change = CHANGES[wire]
    message = decode((GOLDEN / f"{wire}.json").read_bytes())
    assert message.type == wire
    assert message.at == HEARD
    assert (message.alert, message.version) == (UUID(change.alert), change.version)
    assert (message.rule, message.subject) == (change.rule, change.subject)
    assert (message.customer, message.status) == (change.customer, change.status)


def test_an_alert_born_closed_is_announced_as_closed() -> None:
    assert decode(encode(replace(ABANDONED, status="resolved"))).type == "alert.resolved.v1"


def test_what_opens_after_a_silent_version_is_announced_as_raised() -> None:
    assert decode(encode(replace(ABANDONED, reopened=True))).type == "alert.raised.v1"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"", "JSON"),
        (b"[]", "TypeError"),
        (b"{}", "data"),
        (encode(ABANDONED).replace(b"3f1c6f0e", b"3f1c"), "/data/alert"),
        (encode(ABANDONED).replace(b'"version":1', b'"version":0'), "/data/version"),
        (encode(ABANDONED).replace(b".raised.", b".risen."), "/data/type"),
    ],
)
def test_what_is_no_message_is_refused_by_its_place(value: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        decode(value)
