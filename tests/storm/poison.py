"""Does a record that nobody can read cost or stop anything but itself?"""

import json
import time
from dataclasses import dataclass
from random import Random
from typing import Any

from schemas.topics import DIRECTORY, EVENT_AT_MOST, INTAKE, KEY_AT_MOST, RECORDED_TIME
from tests.storm.scenario import Scenario
from tests.storm.storm import Storm

BETWEEN = 0.7
"""Seconds between two of them."""

GOOD = {
    "specversion": "1.0",
    "id": "p",
    "source": "urn:poison",
    "type": "course.described.v1",
    "time": "2026-02-01T00:00:00Z",
    "data": {"course": "poison"},
}


def event(**changes: Any) -> bytes:
    """An event that would be one but for these."""
    return json.dumps({**GOOD, **changes}).encode()


@dataclass(frozen=True)
class Poison:
    """A record, and the reason that its dead letter must give."""

    reason: str
    value: bytes | None
    key: bytes = b"poison"
    headers: tuple[tuple[str, bytes], ...] = ()


KINDS = (
    Poison("empty", None),
    Poison("json", b"\xff\xfe\x00 no text"),
    Poison("json", event()[:-9]),
    Poison("json", b"[" * 100_000),
    Poison("data", event().replace(b'"poison"', b"NaN")),
    Poison("envelope", json.dumps([GOOD]).encode()),
    Poison("envelope", event(id="a\0b")),
    Poison("envelope", event(time="9999-12-31T23:59:59Z")),
    Poison("type", event(type="course.burnt.v1")),
    Poison("data", event(data={"course": 7})),
    Poison("size", event(padding="x" * EVENT_AT_MOST)),
    Poison("size", event(id="q"), key=b"k" * (KEY_AT_MOST + 1)),
    Poison("header", event(id="h"), headers=((RECORDED_TIME, b"yesterday"),)),
)


class PoisonScenario(Scenario):
    """Each kind of bad record, on any intake topic."""

    GATE, GOAL = len(KINDS), len(KINDS)

    def go(self, storm: Storm, rng: Random) -> None:
        """Publish them while the story is played."""
        kinds = rng.sample(KINDS, len(KINDS))
        places: dict[tuple[str, int, int], str] = {}
        next_at = time.monotonic() + BETWEEN

        def keep() -> None:
            nonlocal next_at
            if kinds and time.monotonic() > next_at:
                next_at = time.monotonic() + BETWEEN
                poison = kinds.pop()
                storm.poison.add(poison.value)
                topic = storm.system.settings.topic(rng.choice((*INTAKE, DIRECTORY)))
                place = storm.put(topic, poison.key, poison.value, list(poison.headers))
                places[topic, *place] = poison.reason
                storm.faults[poison.reason] += 1

        storm.play(keep)
        self.wanted = len(kinds)
        storm.rest()
        rows = storm.system.rows('SELECT topic, partition, "offset", reason FROM dead_letters')
        refused = {(topic, partition, offset): why for topic, partition, offset, why in rows}
        for where, reason in places.items():
            found = refused.get(where)
            assert found == reason, f"{where}: {reason} is expected among the dead letters, {found}"
