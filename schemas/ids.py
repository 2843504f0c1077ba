"""How does a thing get the same id every time it is named?"""

import hashlib
import json
from uuid import UUID, uuid5

LAUREL = UUID("7d0c2b5e-51f4-5c39-9d0a-0f6f4a1c6b11")

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def ident(*parts: str | int) -> UUID:
    """The uuid5 of a list of parts, unambiguous whatever the parts contain."""
    return uuid5(LAUREL, _JSON.encode(parts))


LONGEST = 200
"""Bytes of an id that is kept as it is; several of them make a key, which Postgres limits."""


def opaque(name: str) -> str:
    """The id as the timeline may carry it: one with an `@` may be an address and is hashed.

    So is a long one in a script of more than a byte a letter.
    """
    if "@" not in name and (len(name) <= LONGEST // 4 or len(name.encode()) <= LONGEST):
        return name
    return "h-" + hashlib.sha256(name.encode()).hexdigest()[:32]


def cause(source: str, id: str) -> str:
    """What an event is called: `source#id`, in which the first `#` ends the source.

    >>> cause("urn:lms:academy", "e-17")
    'urn:lms:academy#e-17'
    >>> cause("https://lms.example/#academy", "e-17")
    'https://lms.example/%23academy#e-17'
    """
    return f"{source.replace('%', '%25').replace('#', '%23')}#{id}"
