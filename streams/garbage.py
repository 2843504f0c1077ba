"""How often does Python look for garbage that lies in cycles? Seldom, as there is next to none.

At its own thresholds it looks after every 700 new objects, of which one event makes dozens, and at
times through every state that a worker keeps: a sixth of the engine's time.
"""

import gc

AFTER = 50_000
"""New objects after which it looks at the youngest."""

OLDER_EACH = (50, 100)
"""Every so manieth time it looks at the older too, and of these times at all."""


def look_seldom() -> None:
    """For the rest of this process."""
    gc.set_threshold(AFTER, *OLDER_EACH)
