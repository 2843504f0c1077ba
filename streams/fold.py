"""What do these records lead to? Handlers folded over states, without I/O.

A fold that meets a state it was not given goes on as if there were none, and tells of it. If there
is one after all it is done again: it is pure, so it may.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handlers import HANDLERS
from handlers.derived import Later
from handlers.ending import endings
from handlers.handler import Handler
from projections.store import StateKey
from schemas.alerts import AlertChanged
from schemas.facts import CustomerEnded, Tick

from .stop import HandlerFailed

FIRED_AT_MOST = 10_000
"""States that one tick fires; the partition's owner appends another tick while more are due."""

BY_NAME: dict[str, Handler] = {handler.NAME: handler for handler in HANDLERS}


class Missing(Exception):
    """These states were not known; raised where the fold cannot go on without them.

    `below`: of which handlers all keys are to be known that begin so.
    """

    def __init__(self, keys: set[StateKey], below: set[StateKey]) -> None:
        super().__init__(f"{len(keys)} states are missing")
        self.keys = keys
        self.below = below

    def __bool__(self) -> bool:
        return bool(self.keys or self.below)


def reached(event: Any) -> Iterator[StateKey]:
    """The states that an event reaches by itself; what it leads to may reach others."""
    for handler in _accepting(type(event)):
        yield handler.NAME, handler.key(event)
        yield from handler.reads(event).values()


_KNOWN: dict[type, tuple[Handler, ...]] = {}


def _accepting(kind: type) -> tuple[Handler, ...]:
    """Those that react to events of this kind, in their order."""
    if kind not in _KNOWN:
        _KNOWN[kind] = tuple(handler for handler in HANDLERS if issubclass(kind, handler.ACCEPTS))
    return _KNOWN[kind]


@dataclass
class Fold:
    """Records folded so far: what changed, and what was decided.

    `known` are states as they stand in the database (`None`: none stored yet), `listed` the keys
    that stand there, for a handler and a beginning.
    """

    known: Mapping[StateKey, Any]
    changed: dict[StateKey, Any] = field(default_factory=dict)
    decided: list[tuple[int, AlertChanged]] = field(default_factory=list)
    listed: Mapping[StateKey, Iterable[str]] = field(default_factory=dict)
    missing: Missing = field(default_factory=lambda: Missing(set(), set()))

    def fact(self, event: object, offset: int) -> None:
        """Fold one record; raises `HandlerFailed` and `Missing`."""
        queue: deque[tuple[Any, Handler | None]] = deque([(event, None)])
        if isinstance(event, CustomerEnded):
            queue.extend((ending, None) for ending in endings(event, self._below))
        self._drain(queue, offset)

    def due(self, candidates: Iterable[StateKey], tick: Tick) -> list[StateKey]:
        """The states that this tick fires, in order: the first by (deadline, handler, key)."""
        waiting = []
        for key in {*candidates, *self.changed}:
            state = self.state(key)
            deadline = BY_NAME[key[0]].deadline(state)
            if deadline is not None and deadline <= tick.now:
                waiting.append((deadline, *key))
        return [(handler, key) for _, handler, key in sorted(waiting)[:FIRED_AT_MOST]]

    def fire(self, keys: Iterable[StateKey], tick: Tick, offset: int) -> None:
        """Fire these states; one whose deadline another's firing moved is passed over."""
        for key in keys:
            handler = BY_NAME[key[0]]
            before = self.state(key)
            deadline = handler.deadline(before)
            if deadline is None or deadline > tick.now:
                continue
            derived = self._call(handler, offset, handler.decide, tick, before, None)
            state = self._own(handler, before, derived, None, offset)
            again = handler.deadline(state)
            if again is not None and again <= tick.now:
                if self.missing:
                    raise self.missing
                raise HandlerFailed(
                    f"{handler.NAME} is still due at {again} after it fired at {tick.now}, in the"
                    f" state {key[1]}, at offset {offset}"
                )
            self.changed[key] = state
            self._drain(deque((event, handler) for event in derived), offset)

    def _drain(self, queue: deque[tuple[Any, Handler | None]], offset: int) -> None:
        later: dict[StateKey, Later] = {}
        while queue or later:
            if not queue:
                queue.append((later.pop(next(iter(later))), None))
            event, said_by = queue.popleft()
            if isinstance(event, AlertChanged):
                self.decided.append((offset, event))
                continue
            for handler in _accepting(type(event)):
                if handler is said_by:
                    continue
                for derived in self._react(handler, event, offset):
                    if isinstance(derived, Later):
                        later.setdefault((handler.NAME, handler.key(derived)), derived)
                    else:
                        queue.append((derived, handler))

    def _react(self, handler: Handler, event: Any, offset: int) -> list[Any]:
        key = (handler.NAME, handler.key(event))
        before = self.state(key)
        read = None
        reads = handler.reads(event)
        if reads and handler.Read:
            read = handler.Read(**{name: self.state(other) for name, other in reads.items()})
        derived: list[Any] = self._call(handler, offset, handler.decide, event, before, read)
        state = self._call(handler, offset, handler.evolve, before, event, read)
        state = self._own(handler, state, derived, read, offset)
        if state is not before:
            self.changed[key] = state
        return derived

    def _own(
        self, handler: Handler, state: Any, derived: Iterable[Any], read: Any, offset: int
    ) -> Any:
        """What a handler decides and also accepts, it remembers at once."""
        for event in derived:
            if isinstance(event, handler.ACCEPTS) and not isinstance(event, Later):
                state = self._call(handler, offset, handler.evolve, state, event, read)
        return state

    def state(self, key: StateKey) -> Any:
        """A state as it stands now, with what was folded so far."""
        if key in self.changed:
            return self.changed[key]
        if key not in self.known:
            self.missing.keys.add(key)
            return BY_NAME[key[0]].State()
        state = self.known[key]
        return BY_NAME[key[0]].State() if state is None else state

    def _below(self, name: str, start: str) -> list[str]:
        """The keys of a handler's states that begin so, in order."""
        if (name, start) not in self.listed:
            self.missing.below.add((name, start))
        stored = self.listed.get((name, start), ())
        changed = {key for handler, key in self.changed if handler == name}
        return sorted({*stored, *(key for key in changed if key.startswith(start))})

    def _call(self, handler: Handler, offset: int, step: Callable[..., Any], *given: Any) -> Any:
        try:
            return step(*given)
        except Exception as error:
            if self.missing:
                raise self.missing from None
            raise HandlerFailed(
                f"{handler.NAME}.{step.__name__} at offset {offset}:"
                f" {type(error).__name__}: {error} (`laurel park` passes the record over)"
            ) from error
