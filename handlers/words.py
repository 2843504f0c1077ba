"""How do names, days and numbers read on a card, so that none says more than it should?

Whatever people wrote is cut to a length and escaped, so that it cannot call anybody or link.
"""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from .days import day_of

NAME_LENGTH = 100
"""Of a name on a card; the longest header is then within the 150 characters that Slack allows."""

NOBODY = "a former user"
ANY = "any"

LOOK_ALIKES = str.maketrans("*~`", "∗∼ˋ")
"""Slack has no escape for these; in a name they would break the formatting around it."""

TURNING = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
"""Characters that turn the direction of what follows them, and so of the card's own words."""


def name_of(name: str) -> str:
    """A name as a card may carry it: one line, not too long, calling nobody."""
    name = " ".join(name.translate(TURNING).split()).translate(LOOK_ALIKES)
    kept, cut = len(name), name
    while len(_escaped(cut)) > NAME_LENGTH:
        kept -= 1
        cut = name[:kept].rstrip() + "…"
    return _escaped(cut)


def person_of(name: str | None) -> str:
    """A person's name; one that was erased reads a former user."""
    return name_of(name or "") or NOBODY


def role_of(role: str) -> str:
    """A role's id as people would write it: `end_user` is End User."""
    return name_of(_title(role))


def team_of(role: str, level: str) -> str:
    """Everyone of a role and level: `end_user` is End Users, with the level in brackets."""
    people = "Everyone" if role == ANY else name_of(_plural(_title(role)))
    return people if level == ANY else f"{people} ({role_of(level)})"


def percent(score: Decimal, places: str = "0.1") -> str:
    """Half up, with decimals only where it needs them."""
    rounded = score.quantize(Decimal(places), ROUND_HALF_UP)
    return f"{rounded.to_integral() if rounded == rounded.to_integral() else rounded}%"


def days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def day(at: datetime, zone: str) -> str:
    """The day as it is called there."""
    date = day_of(at, zone)
    return f"{date:%b} {date.day}, {date.year}"


def _title(id: str) -> str:
    if not id.islower():
        return id
    return " ".join(word.capitalize() for word in id.replace("_", " ").split())


def _plural(noun: str) -> str:
    last = noun[-1:].lower()
    if not last.isascii() or not last.isalpha():
        return noun
    if noun.lower().endswith(("ss", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if last == "s":
        return noun
    if last == "y" and noun[-2:-1].lower() not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
