"""What does the contract of the handlers come to? An engine in a few lines, without a database."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from handlers import HANDLERS, alerts
from handlers.derived import Later
from handlers.ending import endings
from handlers.handler import Handler
from projections.rows import rows_of
from schemas.alerts import AlertChanged
from schemas.facts import CustomerEnded, Fact, Tick

BY_NAME = {handler.NAME: handler for handler in HANDLERS}

Key = tuple[str, str]


@dataclass
class Fold:
    """States by (handler, key), every version of every alert, and what each handler said."""

    states: dict[Key, Any] = field(default_factory=dict)
    alerts: dict[str, tuple[AlertChanged, ...]] = field(default_factory=dict)
    said: list[tuple[str, Any]] = field(default_factory=list)

    def branch(self) -> "Fold":
        return Fold(dict(self.states), dict(self.alerts))

    def fold(self, *events: Fact | Tick) -> "Fold":
        for event in events:
            if isinstance(event, Tick):
                self._tick(event)
            else:
                queue = deque[tuple[Any, Handler | None]]([(event, None)])
                if isinstance(event, CustomerEnded):
                    queue.extend((ending, None) for ending in endings(event, self._below))
                self._drain(queue)
        return self

    def kept(self) -> dict[Key, Any]:
        """The states that must not depend on the order of arrival."""
        return {
            key: state
            for key, state in self.states.items()
            if key[0] != alerts.NAME and state != BY_NAME[key[0]].State()
        }

    def rows(self) -> list[Any]:
        """The read models, in order."""
        placed = [rows for key, state in self.states.items() for rows in rows_of(*key, state)]
        return sorted(
            ((rows.table, *rows.key.values(), rows.rows) for rows in placed if rows.rows),
            key=lambda row: row[:4],
        )

    def open_alerts(self) -> list[Any]:
        """(rule, customer, subject, at, causes, values) of those that stand open."""
        latest = (versions[-1] for versions in self.alerts.values())
        return sorted(
            (
                (alert.rule, alert.customer, alert.subject, alert.at, alert.causes, alert.values)
                for alert in latest
                if alert.status == "open"
            ),
            key=lambda alert: alert[:4],
        )

    def _below(self, name: str, start: str) -> list[str]:
        keys = (key for handler, key in self.states if handler == name)
        return sorted(key for key in keys if key.startswith(start))

    def _tick(self, tick: Tick) -> None:
        """Fire what is due, in (deadline, handler, key) order; each state may fire once."""
        fired = set[Key]()
        while due := [
            (at, *key)
            for key, state in self.states.items()
            if (at := BY_NAME[key[0]].deadline(state)) is not None and at <= tick.now
        ]:
            _, name, inner = min(due)
            assert (name, inner) not in fired, f"{name} {inner} is still due after it fired"
            fired.add((name, inner))
            self._fire(BY_NAME[name], (name, inner), tick)

    def _fire(self, handler: Handler, key: Key, tick: Tick) -> None:
        derived = handler.decide(tick, self.states[key], None)
        self.said.extend((handler.NAME, event) for event in derived)
        self._remember(handler, key, self.states[key], derived, None)
        self._drain(deque((event, handler) for event in derived))

    def _drain(self, queue: deque[tuple[Any, Handler | None]]) -> None:
        later = dict[Key, Later]()
        while queue or later:
            if not queue:
                queue.append((later.pop(next(iter(later))), None))
            event, said_by = queue.popleft()
            if isinstance(event, AlertChanged):
                self._publish(event)
                continue
            for handler in HANDLERS:
                if handler is not said_by and isinstance(event, handler.ACCEPTS):
                    for then in self._react(handler, event):
                        if isinstance(then, Later):
                            later.setdefault((handler.NAME, handler.key(then)), then)
                        else:
                            queue.append((then, handler))

    def _react(self, handler: Handler, event: Any) -> list[Any]:
        key = (handler.NAME, handler.key(event))
        before = self._state(key)
        read = None
        if reads := handler.reads(event):
            assert handler.Read is not None
            read = handler.Read(**{name: self._state(other) for name, other in reads.items()})
        derived = list(handler.decide(event, before, read))
        self.said.extend((handler.NAME, event) for event in derived)
        self._remember(handler, key, handler.evolve(before, event, read), derived, read)
        return derived

    def _remember(
        self, handler: Handler, key: Key, state: Any, derived: Iterable[Any], read: Any
    ) -> None:
        for event in derived:
            if isinstance(event, handler.ACCEPTS) and not isinstance(event, Later):
                state = handler.evolve(state, event, read)
        self.states[key] = state

    def _state(self, key: Key) -> Any:
        return self.states.get(key, BY_NAME[key[0]].State())

    def _publish(self, change: AlertChanged) -> None:
        known = self.alerts.get(change.alert, ())
        first = 1 if change.notify else 0
        version = known[-1].version + 1 if known else first
        assert change.version == version, f"{change} follows {known}"
        assert known or change.status in ("open", "resolved"), f"{change} begins closed"
        assert not known or "open" in (known[-1].status, change.status), f"{change} is closed"
        self.alerts[change.alert] = (*known, change)
