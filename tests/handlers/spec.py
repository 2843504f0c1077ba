"""How is a handler told what happened, and asked what follows? `given(past).when(event).then(…)`.

The whole fold runs; what is looked at is what the one handler says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handlers.handler import Handler
from schemas.alerts import AlertChanged
from schemas.facts import Fact, Tick

from .fold import Fold


@dataclass(frozen=True)
class Said:
    """An event of this kind with at least these fields."""

    kind: type[Any]
    fields: dict[str, Any]

    def fits(self, event: object) -> bool:
        return type(event) is self.kind and all(
            getattr(event, name) == value for name, value in self.fields.items()
        )


def said(kind: type[Any], **fields: Any) -> Said:
    return Said(kind, fields)


@dataclass(frozen=True)
class Then:
    """What the handler said of the last event, and what stands since."""

    fold: Fold
    events: list[Any]

    def then(self, *expected: Said) -> "Then":
        fits = [want.fits(event) for want, event in zip(expected, self.events, strict=False)]
        assert len(expected) == len(self.events), self.events
        assert all(fits), self.events
        return self

    def row(self, table: str, **columns: Any) -> "Then":
        """The one row of `table` has at least these columns."""
        (row,) = self.rows(table)
        assert {name: row[name] for name in columns} == columns
        return self

    def rows(self, table: str) -> list[dict[str, Any]]:
        return [dict(row) for rows in self.fold.rows() if rows[0] == table for row in rows[-1]]

    def alerts(self, *expected: dict[str, Any]) -> "Then":
        """The alerts as they stand, by `at`, have at least these fields."""
        latest = [told[-1] for told in self._told()]
        assert len(latest) == len(expected), latest
        for alert, fields in zip(latest, expected, strict=True):
            assert {name: getattr(alert, name) for name in fields} == fields
        return self

    def statuses(self, *expected: tuple[str, ...]) -> "Then":
        """The status of each version, for each alert by its latest `at`."""
        assert [tuple(alert.status for alert in told) for told in self._told()] == list(expected)
        return self

    def _told(self) -> list[tuple[AlertChanged, ...]]:
        return sorted(self.fold.alerts.values(), key=lambda told: told[-1].at)


@dataclass(frozen=True)
class Given:
    handler: Handler
    past: tuple[Fact | Tick, ...]

    def when(self, *events: Fact | Tick) -> Then:
        """Fold these after the past; the last of them is the one asked about."""
        fold = Fold()
        for event in (*self.past, *events):
            fold.said.clear()
            fold.fold(event)
        heard = [event for name, event in fold.said if name == self.handler.NAME]
        return Then(fold, heard)


def of(handler: Handler) -> Callable[..., Given]:
    """The `given` of a handler."""

    def given(*past: Fact | Tick) -> Given:
        return Given(handler, past)

    return given
