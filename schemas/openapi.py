"""What does the HTTP door promise to programs? OpenAPI 3.1."""

from typing import Any

from . import alert_message
from .described import VERSION, components, reference
from .described import text as _text
from .door import (
    ASYNCAPI_PATH,
    BATCH,
    EVENTS_PATH,
    JSON,
    LARGEST_EVENT,
    MOST_EVENTS,
    MOST_FAULTS,
    OPENAPI_PATH,
    PROBLEM,
    PROBLEMS,
    STRUCTURED,
)
from .incoming import EVENTS

_SAID = (
    f"One event, a batch of at most {MOST_EVENTS}, or one in binary mode, where the attributes"
    " stand in `ce-` headers and the body is `data`. A body is taken as a whole or not at all;"
    " whatever is answered, it may be sent again, for an event is known by `source` and `id`."
)
_INFO = {
    "title": "Laurel's door",
    "version": VERSION,
    "description": "Events come in as CloudEvents 1.0 over HTTP and go to the intake topics.",
}
_RETRY_AFTER = {
    "description": "Seconds after which to send the same body again.",
    "schema": {"type": "integer", "minimum": 1},
}
_HEADERS = (
    ("ce-specversion", {"const": "1.0"}),
    ("ce-id", {"type": "string"}),
    ("ce-source", {"type": "string"}),
    ("ce-type", {"enum": [event.WIRE for event in EVENTS]}),
    ("ce-time", {"type": "string", "format": "date-time"}),
)
_OF_ALERTS = ("Alert", *alert_message.WIRE_NAMES)
EXAMPLE = {
    "specversion": "1.0",
    "id": "completion-4711",
    "source": "urn:lms:academy",
    "type": "training.completed.v1",
    "time": "2026-03-02T08:15:30Z",
    "data": {
        "person": {"email": "ada@acme.example"},
        "customer": "acme",
        "course": "reporting",
        "score": 92.5,
    },
}


def text() -> str:
    """The document as it is checked in."""
    return _text(document())


def document() -> dict[str, Any]:
    """The document."""
    return {
        "openapi": "3.1.0",
        "info": _INFO,
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {
            EVENTS_PATH: {"post": _events()},
            OPENAPI_PATH: {"get": _document("openapi", "This document.")},
            ASYNCAPI_PATH: {"get": _document("asyncapi", "What travels on the topics.")},
        },
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`laurel tokens make NAME` gives one.",
                }
            },
            "schemas": _schemas(),
        },
    }


def _events() -> dict[str, Any]:
    event = reference("Event")
    return {
        "operationId": "sendEvents",
        "summary": "Send events.",
        "description": _SAID,
        "parameters": [
            {
                "name": name,
                "in": "header",
                "description": "In binary mode only.",
                "schema": schema,
            }
            for name, schema in _HEADERS
        ],
        "requestBody": {
            "required": True,
            "content": {
                STRUCTURED: {"schema": event, "example": EXAMPLE},
                BATCH: {
                    "schema": {"type": "array", "items": event, "maxItems": MOST_EVENTS},
                    "example": [EXAMPLE],
                },
                JSON: {
                    "schema": {"type": "object", "description": "Binary mode: the `data` alone."},
                    "example": EXAMPLE["data"],
                },
            },
        },
        "responses": {
            "202": {
                "description": "Every event is kept: all replicas in sync have it.",
                "content": {JSON: {"schema": reference("Accepted")}},
            },
            **{str(status): _problem(status) for status in PROBLEMS},
        },
    }


def _problem(status: int) -> dict[str, Any]:
    problem = PROBLEMS[status]
    answer: dict[str, Any] = {
        "description": f"{problem.title} {problem.advice}",
        "content": {PROBLEM: {"schema": reference("Problem")}},
    }
    if status in (429, 503):
        answer["headers"] = {"Retry-After": _RETRY_AFTER}
    return answer


def _document(name: str, summary: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "security": [],
        "responses": {
            "200": {
                "description": "The document.",
                "content": {JSON: {"schema": {"type": "object"}}},
            }
        },
    }


def _schemas() -> dict[str, Any]:
    wires = [event.WIRE for event in EVENTS]
    return {
        "Event": {
            "description": f"At most {LARGEST_EVENT} bytes.",
            "oneOf": [reference(wire) for wire in wires],
            "discriminator": {
                "propertyName": "type",
                "mapping": {wire: reference(wire)["$ref"] for wire in wires},
            },
        },
        "Accepted": {
            "type": "object",
            "required": ["accepted"],
            "properties": {
                "accepted": {
                    "type": "array",
                    "items": _strings("source", "id"),
                    "description": "The events that are kept, in the body's order.",
                }
            },
        },
        "Problem": {
            "description": "RFC 9457.",
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"enum": [f"urn:laurel:problem:{one.name}" for one in PROBLEMS.values()]},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "errors": {
                    "type": "array",
                    "maxItems": MOST_FAULTS,
                    "items": _strings("pointer", "detail"),
                    "description": "Each fault; `pointer` is a JSON pointer into the body.",
                },
                "errors_in_all": {"type": "integer"},
            },
        },
        **{name: part for name, part in components().items() if name not in _OF_ALERTS},
    }


def _strings(*names: str) -> dict[str, Any]:
    properties = {name: {"type": "string"} for name in names}
    return {"type": "object", "required": list(names), "properties": properties}
