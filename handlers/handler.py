"""What does the engine ask of a handler?"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from operator import is_
from typing import Any, ParamSpec, Protocol, TypeVar

from schemas.alerts import AlertChanged
from schemas.facts import Fact, Tick

from .derived import Derived

Event = Fact | Derived | Tick

P = ParamSpec("P")
R = TypeVar("R")


class Handler(Protocol):
    """A module of pure functions over one small state; the contract stands in the README."""

    @property
    def NAME(self) -> str: ...  # noqa: N802

    @property
    def VERSION(self) -> int: ...  # noqa: N802

    @property
    def State(self) -> type[Any]: ...  # noqa: N802

    @property
    def Read(self) -> type[Any] | None: ...  # noqa: N802

    @property
    def ACCEPTS(self) -> tuple[type[Any], ...]: ...  # noqa: N802

    @property
    def key(self) -> Callable[[Any], str]: ...

    @property
    def reads(self) -> Callable[[Any], dict[str, tuple[str, str]]]: ...

    @property
    def evolve(self) -> Callable[[Any, Any, Any], Any]: ...

    @property
    def decide(self) -> Callable[[Any, Any, Any], Sequence[Derived | AlertChanged]]: ...

    @property
    def deadline(self) -> Callable[[Any], datetime | None]: ...


def joined(*parts: str) -> str:
    return "|".join(parts)


def nothing_read(event: object) -> dict[str, tuple[str, str]]:
    """The `reads` of a handler that looks at no state but its own."""
    return {}


def never(state: object) -> datetime | None:
    """The `deadline` of a handler that waits for nothing."""
    return None


def once(function: Callable[P, R]) -> Callable[P, R]:
    """Remember the last answer: the engine's `evolve` and the `evolve` within `decide` are one."""
    last: tuple[object, tuple[object, ...]] = (object(), ())
    answer: Any = None

    @wraps(function)
    def remembered(first: Any, *rest: Any) -> Any:
        nonlocal last, answer
        if first is last[0] and all(map(is_, rest, last[1])):
            return answer
        answer = function(first, *rest)  # type: ignore[call-arg]
        last = (first, rest)
        return answer

    return remembered  # type: ignore[return-value]
