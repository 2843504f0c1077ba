"""Which messages travel on which topics? AsyncAPI 3, for what producers send and others may read.

`timeline` is Laurel's own and is not promised; on `intake.goals` nothing is said as yet.
"""

from typing import Any

from . import alert_message
from .described import VERSION, components, reference
from .described import text as _text
from .destination import topic_of
from .door import STRUCTURED
from .incoming import EVENTS
from .topics import ALERTS, DIRECTORY, TRAINING, USAGE

_SAID = {
    TRAINING: "What learners did: courses begun and ended, certificates granted and revoked.",
    USAGE: "What accounts used, how much of it, and who did where that is known.",
    DIRECTORY: "Who there is: customers, people and their roles, courses, requirements.",
    ALERTS: "Each version of each alert, ids only; at least once, `id` is the alert and version.",
}
_KEYS = {
    TRAINING: "Any; the customer, or else the person, keeps what belongs together in order.",
    USAGE: "Any; the customer spreads the load as the timeline does.",
    DIRECTORY: "Any; the customer, the course or the requirement keeps its facts in order.",
    ALERTS: "The customer.",
}
_INFO = {
    "title": "Laurel's topics",
    "version": VERSION,
    "description": (
        "Events go in as CloudEvents 1.0 in structured mode, JSON in UTF-8, and are known by"
        " `source` and `id`: one that is sent again has its effect once. A deployment may set a"
        " prefix before every topic (LAUREL_PREFIX)."
    ),
}


def text() -> str:
    """The document as it is checked in."""
    return _text(document())


def document() -> dict[str, Any]:
    """The document."""
    wires = {
        topic: [event.WIRE for event in EVENTS if topic_of(event) == topic]
        for topic in (TRAINING, USAGE, DIRECTORY)
    }
    wires[ALERTS] = list(alert_message.WIRE_NAMES)
    return {
        "asyncapi": "3.1.0",
        "info": _INFO,
        "defaultContentType": STRUCTURED,
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "The brokers that KAFKA_BOOTSTRAP names.",
                "variables": {"bootstrap": {"default": "127.0.0.1:9092"}},
            }
        },
        "channels": {topic: _channel(topic, names) for topic, names in wires.items()},
        "operations": {
            topic: _operation(topic, "send" if topic == ALERTS else "receive") for topic in wires
        },
        "components": {
            "messages": {
                wire: _message(wire, topic) for topic, names in wires.items() for wire in names
            },
            "schemas": components(),
        },
    }


def _channel(topic: str, wires: list[str]) -> dict[str, Any]:
    return {
        "address": topic,
        "description": _SAID[topic],
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {wire: {"$ref": f"#/components/messages/{wire}"} for wire in wires},
    }


def _operation(topic: str, action: str) -> dict[str, Any]:
    """What Laurel does with a topic."""
    verb = "writes" if action == "send" else "reads"
    return {
        "action": action,
        "summary": f"Laurel {verb} {topic}.",
        "channel": {"$ref": f"#/channels/{topic}"},
    }


def _message(wire: str, topic: str) -> dict[str, Any]:
    return {
        "name": wire,
        "contentType": STRUCTURED,
        "payload": reference(wire),
        "bindings": {"kafka": {"key": {"type": "string", "description": _KEYS[topic]}}},
    }
