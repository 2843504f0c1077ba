"""How does a program read what an event looks like? As JSON Schema, drawn from the models."""

from copy import deepcopy
from typing import Any

import orjson
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from .alert_message import WIRE_NAMES, Message
from .envelope import Envelope
from .incoming import EVENTS

VERSION = "1.0.0"
"""Of the documents, which programs may depend on; what is only added counts the second number."""

REF = "#/components/schemas/{model}"


class _Untitled(GenerateJsonSchema):
    """Without a title for each field, which only repeats its name."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def components() -> dict[str, Any]:
    """A schema for each wire name, and for the `data` of each."""
    _, found = models_json_schema(
        [(event, "validation") for event in EVENTS],
        ref_template=REF,
        schema_generator=_Untitled,
    )
    parts = dict(found["$defs"])
    parts["Alert"] = _alert()
    for event in EVENTS:
        parts[event.WIRE] = _event(event.WIRE, event.__name__)
    for wire in WIRE_NAMES:
        parts[wire] = _event(wire, "Alert")
    return dict(sorted(parts.items()))


def reference(name: str) -> dict[str, str]:
    """What stands for a schema that is described elsewhere in the document."""
    return {"$ref": REF.format(model=name)}


def text(document: dict[str, Any]) -> str:
    """The document as it is checked in."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def _event(wire: str, data: str) -> dict[str, Any]:
    """The CloudEvent that carries this data under this type."""
    schema = deepcopy(Envelope.model_json_schema(schema_generator=_Untitled))
    schema["title"] = wire
    schema["description"] = "A CloudEvent 1.0; other attributes are allowed and ignored."
    schema["properties"] |= {
        "type": {"const": wire},
        "datacontenttype": {"type": "string", "pattern": "^application/json *(;.*)?$"},
        "data": reference(data),
    }
    return schema


def _alert() -> dict[str, Any]:
    """The data of a message on `alerts`; type and time stand in the envelope."""
    schema = TypeAdapter(Message).json_schema(ref_template=REF, schema_generator=_Untitled)
    outside = ("type", "at")
    schema["title"] = "Alert"
    schema["description"] = "A version of an alert, which `alert` and `version` make unique."
    schema["required"] = [name for name in schema["required"] if name not in outside]
    for name in outside:
        del schema["properties"][name]
    return schema
