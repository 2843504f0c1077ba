"""How often may a method be called before Slack answers 429?

Slack publishes the tiers (so many calls a minute and method) and "one message a second and channel,
short bursts allowed" for posting; how short a burst, and the whole workspace's share, are guesses.
"""

import math
import time
from dataclasses import dataclass, field

A_MINUTE = {
    "auth.test": 300,
    "chat.postMessage": 300,
    "chat.update": 50,
    "conversations.history": 50,
    "conversations.open": 50,
    "conversations.replies": 50,
    "users.info": 100,
    "users.lookupByEmail": 50,
}
POSTS_A_SECOND = 1.0
POSTS_AT_ONCE = 4


@dataclass
class _Bucket:
    """So many calls at once, refilled at a steady pace."""

    size: float
    a_second: float
    left: float = field(init=False)
    seen: float = field(init=False)

    def __post_init__(self) -> None:
        self.left, self.seen = self.size, time.monotonic()

    def missing(self) -> float:
        """Seconds until one more call is allowed."""
        now = time.monotonic()
        self.left = min(self.size, self.left + (now - self.seen) * self.a_second)
        self.seen = now
        return max(0.0, (1 - self.left) / self.a_second)


class RateLimits:
    """Counts the calls of one app; a refused call counts for nothing."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def wait_for(self, method: str, channel: str) -> int | None:
        """None, and the call is counted; or the whole seconds to wait before trying again."""
        a_minute = A_MINUTE[method]
        buckets = [self._bucket((method, ""), a_minute, a_minute / 60)]
        if method == "chat.postMessage":
            buckets.append(self._bucket((method, channel), POSTS_AT_ONCE, POSTS_A_SECOND))
        wait = max(bucket.missing() for bucket in buckets)
        if wait > 0:
            return max(1, math.ceil(wait))
        for bucket in buckets:
            bucket.left -= 1
        return None

    def _bucket(self, key: tuple[str, str], size: float, a_second: float) -> _Bucket:
        return self._buckets.setdefault(key, _Bucket(size, a_second))
