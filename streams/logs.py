"""What does a process say of itself? One JSON object a line on standard error; ids only."""

import logging
import sys
import time
from datetime import UTC, datetime

import orjson


def log(event: str, **values: object) -> None:
    """Write one line: `event` is a few words for machines, `values` are ids, counts and names."""
    line = {"at": datetime.now(UTC), "event": event, **values}
    sys.stderr.write(orjson.dumps(line, default=str).decode() + "\n")
    sys.stderr.flush()


AGAIN = 10.0
"""Seconds after which what a library says over and over is written once more."""

REMEMBERED = 1000


class JsonLines(logging.Handler):
    """Libraries' warnings as lines of the same shape; `more`: how many like it were left out.

    While a broker is away its client says so dozens of times a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        what, now = (record.name, record.getMessage()), time.monotonic()
        last, more = self._said.get(what, (now - AGAIN, 0))
        if now - last < AGAIN:
            self._said[what] = last, more + 1
            return
        if len(self._said) >= REMEMBERED:
            self._said.clear()
        self._said[what] = now, 0
        left_out = {"more": more} if more else {}
        log("library", logger=what[0], level=record.levelname, message=what[1], **left_out)


def set_up(level: int = logging.WARNING) -> None:
    """Send what libraries log, from `level` up, to the same lines."""
    root = logging.getLogger()
    root.handlers[:] = [JsonLines()]
    root.setLevel(level)
