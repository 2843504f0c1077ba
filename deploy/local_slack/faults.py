"""Which of the next calls shall go wrong, and how?

A fault is ordered by a test, strikes the calls it matches so many times, and counts its strikes.
One that strikes after the effect waits for a call that had one.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from deploy.local_slack.methods import METHODS, READING
from deploy.local_slack.workspace import Json

Kind = Literal["ratelimit", "refuse", "fail", "hang", "drop", "lag"]
When = Literal["before", "after"]


@dataclass
class Fault:
    """`do` this to the next `times` calls of `method` (in `channel`), before or after the effect.

    - `ratelimit`: HTTP 429 with `Retry-After: retry_after`
    - `refuse`: Slack's `error`
    - `fail`: HTTP `status`; a 500 is Slack's JSON, any other the HTML page of a proxy
    - `hang`: wait `seconds`, then go on as if nothing had been
    - `drop`: close the connection without an answer
    - `lag`: history, or the method named, does not yet show the messages of the last `seconds`
    """

    do: Kind
    method: str = "*"
    channel: str | None = None
    times: int | None = 1  # None: until the faults are cleared
    when: When = "before"
    seconds: float = 0.0
    retry_after: int = 1
    status: int = 500
    error: str = "internal_error"
    struck: int = 0

    def matches(self, method: str, channel: str, when: When) -> bool:
        return (
            (self.times is None or self.struck < self.times)
            and self.when == when
            and self.method in ("*", method)
            and self.channel in (None, channel)
        )


class Faults:
    """The faults ordered so far, in order; those spent stay, to be counted."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []

    def order(self, wish: Any) -> Fault:
        """Add one fault; raises ValueError that says what is wrong with the wish."""
        if not isinstance(wish, dict):
            raise ValueError(f"a fault is an object such as {{'do': 'drop'}}, not {wish!r}")
        unknown = set(wish) - (set(Fault.__dataclass_fields__) - {"struck"})
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        if wish.get("do") not in get_args(Kind):
            raise ValueError(f"do is one of {', '.join(get_args(Kind))}, not {wish.get('do')!r}")
        for name in ("times", "seconds", "retry_after", "status"):
            value = wish.get(name, 0)
            if not (isinstance(value, int | float) or (name == "times" and value is None)):
                raise ValueError(f"{name} is a number, not {value!r}")
        fault = Fault(**wish)
        if fault.when not in get_args(When):
            raise ValueError(f"when is before or after, not {fault.when!r}")
        if fault.do == "lag" and fault.method == "*":
            fault.method = "conversations.history"
        if fault.method != "*" and fault.method not in METHODS:
            raise ValueError(f"no method {fault.method!r} here; there are {', '.join(METHODS)}")
        if fault.do == "lag" and fault.method not in READING:
            raise ValueError(f"only {' and '.join(READING)} lag")
        if fault.when == "after" and fault.do not in ("fail", "hang", "drop"):
            raise ValueError(f"{fault.do} strikes before the effect only")
        self._ordered.append(fault)
        return fault

    def strike(self, method: str, channel: str, when: When) -> Fault | None:
        """The first fault that matches the call, now counted."""
        for fault in self._ordered:
            if fault.matches(method, channel, when):
                fault.struck += 1
                return fault
        return None

    def clear(self) -> None:
        self._ordered.clear()

    def as_json(self) -> list[Json]:
        return [asdict(fault) for fault in self._ordered]
