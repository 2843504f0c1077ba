"""How does an alert's new version travel on the topic `alerts`? CloudEvents 1.0, ids only.

The message says that there is something to show; what a card shows is looked up when it is drawn.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import orjson
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from .alerts import AlertChanged, Status
from .envelope import Unreadable, faults, stamp

SOURCE = "laurel:alerts"

RAISED = "alert.raised.v1"
AMENDED = "alert.amended.v1"
RESOLVED = "alert.resolved.v1"
WITHDRAWN = "alert.withdrawn.v1"
CORRECTED = "alert.corrected.v1"
REOPENED = "alert.reopened.v1"

WIRE_NAMES = (RAISED, AMENDED, RESOLVED, WITHDRAWN, CORRECTED, REOPENED)

_CLOSED = {"resolved": RESOLVED, "withdrawn": WITHDRAWN, "corrected": CORRECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One version of an alert was decided at `at`; `alert` and `version` make it unique."""

    type: Literal[
        "alert.raised.v1",
        "alert.amended.v1",
        "alert.resolved.v1",
        "alert.withdrawn.v1",
        "alert.corrected.v1",
        "alert.reopened.v1",
    ]
    at: AwareDatetime
    alert: UUID
    version: Annotated[int, Field(ge=1)]
    rule: str
    customer: str
    subject: str
    status: Status


def encode(change: AlertChanged) -> bytes:
    """The message of this version."""
    record = {
        "specversion": "1.0",
        "id": f"{change.alert}:{change.version}",
        "source": SOURCE,
        "type": _type(change),
        "time": stamp(change.trigger.heard),
        "subject": change.alert,
        "datacontenttype": "application/json",
        "data": {
            "alert": change.alert,
            "version": change.version,
            "rule": change.rule,
            "customer": change.customer,
            "subject": change.subject,
            "status": change.status,
        },
    }
    return orjson.dumps(record)


def _type(change: AlertChanged) -> str:
    if change.status != "open":
        return _CLOSED[change.status]
    # Also of one that was closed in version 0: nothing was said of that.
    if change.version == 1:
        return RAISED
    return REOPENED if change.reopened else AMENDED


_MESSAGE = TypeAdapter(Message)


def decode(value: bytes) -> Message:
    """Read a message back; raises `Unreadable` where it is none of ours."""
    try:
        record = orjson.loads(value)
        said = {
            **record["data"],
            "type": record["type"],
            "at": datetime.fromisoformat(record["time"]),
        }
        return _MESSAGE.validate_python(said)
    except ValidationError as error:
        raise Unreadable("data", faults(error, "/data")) from None
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable("json", f"{type(error).__name__}: {error}") from None
