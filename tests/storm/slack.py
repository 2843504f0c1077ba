"""Is each card shown once, whatever Slack answers, or leaves unanswered?"""

import time
from random import Random
from typing import Any

from tests.storm.scenario import Scenario
from tests.storm.storm import Storm
from tests.storm.strikes import Strike, Strikes, killing

CALLS = ("chat.postMessage", "chat.update")
KILLS = 6
EVERY = 0.3
"""Seconds between two looks whether a fault is to be ordered."""

OUTSTANDING = 3
"""Faults ordered that have not struck yet, at most; or every call would be struck."""


def fault(rng: Random) -> dict[str, Any]:
    """One thing that goes wrong at the next call."""
    post: dict[str, Any] = {"method": rng.choice(CALLS)}
    history = {"method": "conversations.history"}
    return rng.choice(
        [
            post | {"do": "ratelimit", "retry_after": 1},
            post | {"do": "fail", "when": "before"},
            post | {"do": "fail", "when": "after"},
            post | {"do": "fail", "when": "after", "status": 502},
            post | {"do": "hang", "when": "after", "seconds": 3},
            post | {"do": "drop", "when": "before"},
            post | {"do": "drop", "when": "after"},
            history | {"do": "lag", "seconds": rng.choice((1, 2, 30))},
            history | {"do": "fail"},
            history | {"do": "ratelimit", "retry_after": 1},
        ]
    )


class Slack(Scenario):
    """Faults of Slack's, ordered one after another; and senders that are killed meanwhile."""

    GATE, GOAL = 500, 10_000

    def go(self, storm: Storm, rng: Random) -> None:
        """Spoil Slack while the story is played."""
        storm.slack.clear("faults")
        senders = [storm.slots.index(slot) for slot in storm.of("slack")]
        drawn = [
            Strike(rng.choice(senders), rng.choice(("sending", "sent")), rng.randrange(1, 8))
            for _ in range(KILLS)
        ]
        kills = Strikes(storm, drawn, killing(rng))
        ordered = 0.0

        def keep() -> None:
            nonlocal ordered
            kills.keep()
            if time.monotonic() - ordered > EVERY:
                ordered = time.monotonic()
                known = storm.slack.get("_control/faults")
                if sum(one["struck"] < one["times"] for one in known) < OUTSTANDING:
                    storm.slack.control("faults", fault(rng))

        storm.play(keep)
        for one in storm.slack.get("_control/faults"):
            if one["struck"]:
                when = f" {one['when']}" if one["when"] == "after" else ""
                storm.faults[f"{one['do']}{when} at {one['method']}"] += one["struck"]
        storm.slack.clear("faults")
        self.wanted -= storm.deliveries()
