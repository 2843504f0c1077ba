"""Which alerts are open? The desk opens, amends, closes and re-opens what the rules want.

An episode is the instant its condition began, as it stood when the alert was raised.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from schemas.alerts import (
    CERTIFICATION_EARNED,
    TEAM_MILESTONE,
    TRAINING_ABANDONED,
    AlertChanged,
    Status,
    Value,
)
from schemas.facts import CompletionWithdrawn
from schemas.ids import ident

from .derived import AlertMissed, AlertUnwanted, AlertWanted
from .handler import joined, never, nothing_read, once

NAME = "alerts"
VERSION = 1
ACCEPTS = (AlertWanted, AlertUnwanted, AlertMissed)
Read = None

RULE_VERSIONS = {CERTIFICATION_EARNED: 1, TRAINING_ABANDONED: 1, TEAM_MILESTONE: 1}


@dataclass(frozen=True, slots=True)
class Open:
    """What the latest version of an open alert says."""

    episode: datetime
    version: int
    raised_at: datetime
    at: datetime
    causes: tuple[str, ...]
    values: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Closed:
    """What it takes to open an alert again."""

    episode: datetime
    version: int
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class Desk:
    """The alerts of one rule on one subject: at most one is open."""

    open: Open | None = None
    closed: tuple[Closed, ...] = ()

    def closed_at(self, episode: datetime) -> Closed | None:
        return next((alert for alert in self.closed if alert.episode == episode), None)


State = Desk
Condition = AlertWanted | AlertUnwanted | AlertMissed
Turn = tuple[Desk, list[AlertChanged]]
reads = nothing_read
deadline = never


def key(event: Condition) -> str:
    return joined(event.customer, event.rule, event.subject)


def evolve(state: Desk, event: Condition, read: None) -> Desk:
    return _turn(state, event)[0]


def decide(event: Condition, state: Desk, read: None) -> list[AlertChanged]:
    return _turn(state, event)[1]


@once
def _turn(state: Desk, event: Condition) -> Turn:
    match event:
        case AlertUnwanted():
            return _close(state, event, event.status)
        case AlertWanted():
            return _want(state, event)
        case AlertMissed():
            return _miss(state, event)


def _want(state: Desk, event: AlertWanted) -> Turn:
    if event.quiet and state.open is None:
        return state, []
    known = None if event.quiet else state.closed_at(event.since)
    if state.open is None or known:
        taken_back = event.trigger.wire == CompletionWithdrawn.WIRE
        corrected = taken_back and event.rule == CERTIFICATION_EARNED
        state, changes = _close(state, event, "corrected" if corrected else "withdrawn")
        alert = _opened(event, known)
        closed = tuple(other for other in state.closed if other is not known)
        again = _changed(event, alert, "open", reopened=known is not None)
        return Desk(alert, closed), [*changes, again]
    alert = replace(
        state.open,
        version=state.open.version + 1,
        at=event.since,
        causes=event.causes,
        values=event.values,
    )
    if replace(alert, version=state.open.version) == state.open:
        return state, []
    return replace(state, open=alert), [_changed(event, alert, "open")]


def _miss(state: Desk, event: AlertMissed) -> Turn:
    if state.open or state.closed_at(event.since):
        return state, []
    # Version 0: should it ever open, version 1 is the first that asks for a card.
    alert = _closing(event, replace(_opened(event, None), version=0))
    return _shelved(state, alert), [_changed(event, alert, "resolved", notify=False)]


def _close(state: Desk, event: Condition, status: Status) -> Turn:
    if state.open is None:
        return state, []
    alert = _closing(event, replace(state.open, version=state.open.version + 1))
    return _shelved(state, alert), [_changed(event, alert, status)]


def _opened(event: AlertWanted | AlertMissed, known: Closed | None) -> Open:
    return Open(
        episode=event.since,
        version=known.version + 1 if known else 1,
        raised_at=known.raised_at if known else event.trigger.heard,
        at=event.since,
        causes=event.causes,
        values=event.values,
    )


def _closing(event: Condition, alert: Open) -> Open:
    """The alert with what closes it among its causes; a tick is no cause."""
    if event.trigger.cause is None:
        return alert
    return replace(alert, causes=tuple(sorted({*alert.causes, event.trigger.cause})))


def _shelved(state: Desk, alert: Open) -> Desk:
    closed = Closed(alert.episode, alert.version, alert.raised_at)
    return Desk(None, tuple(sorted((*state.closed, closed), key=lambda other: other.episode)))


def _changed(
    event: Condition, alert: Open, status: Status, *, notify: bool = True, reopened: bool = False
) -> AlertChanged:
    return AlertChanged(
        customer=event.customer,
        alert=str(ident(event.customer, event.rule, event.subject, alert.episode.isoformat())),
        version=alert.version,
        rule=event.rule,
        rule_version=RULE_VERSIONS[event.rule],
        subject=event.subject,
        status=status,
        at=alert.at,
        raised_at=alert.raised_at,
        causes=alert.causes,
        values=dict(alert.values),
        notify=notify,
        trigger=event.trigger,
        reopened=reopened,
    )
