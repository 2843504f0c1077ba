"""How does a thing get the same id every time it is named?"""

import hashlib
import json
from uuid import UUID, uuid5

LAUREL = UUID("7d0c2b5e-51f4-5c39-9d0a-0f6f4a1c6b11")


def ident(*parts: str | int) -> UUID:
    """The uuid5 of a list of parts, unambiguous whatever the parts contain."""
    return uuid5(LAUREL, json.dumps(parts, ensure_ascii=False, separators=(",", ":")))


def opaque(name: str) -> str:
    """The id as the timeline may carry it: one with an `@` may be an address and is hashed."""
    if "@" not in name:
        return name
    return "h-" + hashlib.sha256(name.encode()).hexdigest()[:32]
