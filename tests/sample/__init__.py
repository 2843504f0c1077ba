"""A play and what must come of it; the zones are the pinned ones, as everywhere in Laurel."""

from schemas import zones as zones
