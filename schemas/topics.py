"""Which topics are there, who writes them, and how must they be set? (design: topics)"""

from dataclasses import dataclass
from typing import Literal

TRAINING = "intake.training"
USAGE = "intake.usage"
GOALS = "intake.goals"
DIRECTORY = "intake.directory"
TIMELINE = "timeline"
ALERTS = "alerts"

INTAKE = (DIRECTORY, GOALS, TRAINING, USAGE)

CATALOGUE = "catalogue"
"""Key of the facts that belong to no customer; appended to every partition of the timeline."""

RECORDED_TIME = "recordedtime"
"""Header: when a played record was heard; honoured only while the clock is driven."""

QUARANTINE_ROW = "laurel-quarantine"
"""Header: which quarantine row or dead letter a re-published record comes from (`q12`, `d3`)."""

DAY_MS = 86_400_000

EVENT_AT_MOST = 1_000_000
"""Bytes of an event as JSON, at most; a fact made of it is smaller than this too."""

KEY_AT_MOST = 10_000
"""Bytes of a producer's key, at most."""

RECORD_AT_MOST = 1_048_588
"""Bytes that a topic takes at once, Kafka's default: room for the two above and a header."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and the settings that the workers assert when they start."""

    name: str
    retention_ms: int

    @property
    def settings(self) -> dict[str, str]:
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(RECORD_AT_MOST),
        }


App = Literal["intake", "engine", "slack"]

TOPICS = (
    *(Topic(name, 30 * DAY_MS) for name in INTAKE),
    Topic(TIMELINE, -1),
    Topic(ALERTS, 30 * DAY_MS),
)

READS: dict[App, tuple[str, ...]] = {
    "intake": INTAKE,
    "engine": (TIMELINE,),
    "slack": (ALERTS,),
}
