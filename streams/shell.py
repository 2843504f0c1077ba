"""What does a command say to the person who runs it?"""

import re
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from datetime import timedelta

from psycopg.conninfo import conninfo_to_dict

from .settings import Settings


class Refused(Exception):
    """What the command was given is wrong; nothing was done. The message says what and where."""


class Failed(Exception):
    """The command was right, but could not be done. The message says what stood in the way."""


def say(line: str = "") -> None:
    """A line on standard output."""
    sys.stdout.write(line + "\n")


def complain(line: str) -> None:
    """A line on standard error."""
    sys.stderr.write(f"laurel: {line}\n")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows under their heads, each column as wide as it needs to be; empty for nothing."""
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *texts, strict=True)]
    for row in (head, *texts):
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())


def postgres_address(settings: Settings) -> str:
    """Where the database is, without user and password."""
    parts = conninfo_to_dict(settings.database_url.get_secret_value())
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


LONGEST = timedelta(days=36500)
"""Further back than this there is no date to count to."""

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """What `90s`, `15m`, `1h` or `1d` means, for argparse."""
    match = re.fullmatch(r"([1-9]\d{0,5})([smhd])", text)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is no duration; say it like 90s, 15m, 1h or 1d")
    said = timedelta(**{UNITS[match[2]]: int(match[1])})
    if said > LONGEST:
        raise ArgumentTypeError(f"{text!r} is longer than {LONGEST.days}d")
    return said


def whole(least: int) -> Callable[[str], int]:
    """A whole number that is not smaller and that Postgres can hold, for argparse."""

    def number(text: str) -> int:
        said = int(text) if re.fullmatch("[0-9]{1,19}", text) else -1
        if not least <= said < 2**63:
            raise ArgumentTypeError(f"{text!r} is no whole number from {least} on")
        return said

    return number


def reason(text: str) -> str:
    """Why an operator does something, for argparse; it must say something."""
    if not text.strip():
        raise ArgumentTypeError("say why")
    return text.strip()
