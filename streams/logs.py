"""What does a process say of itself? One JSON object a line on standard error; ids only."""

import logging
import sys
from datetime import UTC, datetime

import orjson


def log(event: str, **values: object) -> None:
    """Write one line: `event` is a few words for machines, `values` are ids, counts and names."""
    line = {"at": datetime.now(UTC), "event": event, **values}
    sys.stderr.write(orjson.dumps(line, default=str).decode() + "\n")
    sys.stderr.flush()


class JsonLines(logging.Handler):
    """Libraries' warnings as lines of the same shape."""

    def emit(self, record: logging.LogRecord) -> None:
        log("library", logger=record.name, level=record.levelname, message=record.getMessage())


def set_up(level: int = logging.WARNING) -> None:
    """Send what libraries log, from `level` up, to the same lines."""
    root = logging.getLogger()
    root.handlers[:] = [JsonLines()]
    root.setLevel(level)
