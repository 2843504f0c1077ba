"""What has the HTTP door promised? Paths, content types, limits, and what each answer means.

Sources: CloudEvents 1.0 HTTP binding; RFC 9457 for what is refused.
"""

from dataclasses import dataclass

from .topics import EVENT_AT_MOST

EVENTS_PATH = "/api/events"
OPENAPI_PATH = "/api/openapi.json"
ASYNCAPI_PATH = "/api/asyncapi.json"

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
JSON = "application/json"
PROBLEM = "application/problem+json"

PACKINGS = ("gzip", "deflate")
"""Each `Content-Encoding` that is read."""

MOST_EVENTS = 1000
"""Events in a batch at most."""

LARGEST_EVENT = EVENT_AT_MOST
"""Bytes of an event as JSON at most, as by every other way."""

MOST_FAULTS = 100
"""Faults that an answer names at most."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of refusal: a short name for programs, a title, and what the producer is to do."""

    name: str
    title: str
    advice: str


PROBLEMS = {
    400: Problem(
        "packing",
        "The body cannot be unpacked.",
        "Send it packed as its `Content-Encoding` says, or unpacked without one.",
    ),
    401: Problem(
        "token",
        "There is no such token.",
        "Send `Authorization: Bearer TOKEN`; `laurel tokens make` gives one.",
    ),
    403: Problem(
        "source",
        "The token may not speak for this source.",
        "Mend the events' `source`, or ask for a token that may write it.",
    ),
    413: Problem("size", "The body is too large.", "Send fewer events at a time."),
    415: Problem(
        "format",
        "The body's format is not understood.",
        "Send CloudEvents 1.0 in structured, batched or binary mode, unpacked or packed by"
        f" {' or '.join(PACKINGS)}.",
    ),
    422: Problem(
        "events",
        "Something sent is no event.",
        "Nothing of the body was taken. Mend or leave out what `errors` names and send it again.",
    ),
    429: Problem(
        "rate",
        "The token has sent too much of late.",
        "Nothing of the body was taken. Send it again, unchanged, after `Retry-After` seconds.",
    ),
    503: Problem(
        "unavailable",
        "Events cannot be kept at the moment.",
        "Send the same body again after `Retry-After` seconds: what did arrive is told by its"
        " source and id, and has its effect once.",
    ),
}
