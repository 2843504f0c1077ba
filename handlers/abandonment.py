"""Decide when silence means that a learner has given up a course.

The clock never decides: a tick asks, perhaps late or twice, and the answer is dated by the
deadline.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from schemas.alerts import TRAINING_ABANDONED, Status
from schemas.facts import Tick

from .derived import (
    AlertMissed,
    AlertUnwanted,
    AlertWanted,
    Clock,
    ClockMoved,
    Derived,
    StallChanged,
)
from .handler import joined, nothing_read, once

NAME = "abandonment"
VERSION = 1
ACCEPTS = (ClockMoved, StallChanged)
Read = None


@dataclass(frozen=True, slots=True)
class Silence:
    """The clock while it runs, whose it is, and whether a tick has reached its deadline."""

    customer: str = ""
    person: str = ""
    course: str = ""
    clock: Clock | None = None
    reached: bool = False

    @property
    def stalled_at(self) -> datetime | None:
        return self.clock.deadline if self.clock and self.reached else None

    @property
    def alarm(self) -> Clock | None:
        """The clock whose deadline passed, unless that is history."""
        return self.clock if self.clock and self.reached and not self.clock.history else None


State = Silence
reads = nothing_read


def key(event: ClockMoved | StallChanged) -> str:
    return joined(event.customer, event.person, event.course)


def deadline(state: Silence) -> datetime | None:
    return state.clock.deadline if state.clock and not state.reached else None


@once
def evolve(state: Silence, event: ClockMoved | StallChanged, read: None) -> Silence:
    if isinstance(event, StallChanged):
        return replace(state, reached=event.stalled_at is not None)
    if event.clock is None:
        return Silence()
    # A tick that reached one deadline has reached every earlier one.
    reached = state.stalled_at is not None and event.clock.deadline <= state.stalled_at
    return Silence(event.customer, event.person, event.course, event.clock, reached)


def decide(event: ClockMoved | StallChanged | Tick, state: Silence, read: None) -> list[Derived]:
    match event:
        case Tick():
            due = deadline(state)
            if due is None or event.now < due:
                return []
            return _changes(state, replace(state, reached=True), _Change(event, event.now, state))
        case ClockMoved():
            return _changes(state, evolve(state, event, read), _Change(event, event.at, event))
        case StallChanged():
            return []


@dataclass(frozen=True, slots=True)
class _Change:
    """What is folded, when it happened, and whose clock it concerns."""

    event: ClockMoved | Tick
    at: datetime
    whose: ClockMoved | Silence

    def stall(self, stalled_at: datetime | None) -> StallChanged:
        return StallChanged(
            customer=self.whose.customer,
            at=self.at,
            trigger=self.event.trigger,
            person=self.whose.person,
            course=self.whose.course,
            stalled_at=stalled_at,
        )

    def unwanted(self, status: Status) -> AlertUnwanted:
        return AlertUnwanted(
            customer=self.whose.customer,
            at=self.at,
            trigger=self.event.trigger,
            rule=TRAINING_ABANDONED,
            subject=joined(self.whose.person, self.whose.course),
            status=status,
        )

    def alert(self, kind: type[AlertWanted] | type[AlertMissed], clock: Clock) -> Derived:
        return kind(
            customer=self.whose.customer,
            at=self.at,
            trigger=self.event.trigger,
            rule=TRAINING_ABANDONED,
            subject=joined(self.whose.person, self.whose.course),
            since=clock.deadline,
            causes=clock.causes,
            values=(
                ("course", self.whose.course),
                ("last_activity", clock.last_activity.isoformat()),
                ("last_module", clock.last_module),
                ("patience_days", clock.patience),
            ),
        )


def _changes(before: Silence, after: Silence, change: _Change) -> list[Derived]:
    changes: list[Derived] = []
    if after.stalled_at != before.stalled_at:
        changes.append(change.stall(after.stalled_at))
    if after.alarm:
        if after.alarm != before.alarm:
            changes.append(change.alert(AlertWanted, after.alarm))
    elif before.alarm:
        late = change.at < before.alarm.deadline
        changes.append(change.unwanted("withdrawn" if late else "resolved"))
    elif missed := _missed(before, after, change.at):
        changes.append(change.alert(AlertMissed, missed))
    return changes


def _missed(before: Silence, after: Silence, happened: datetime) -> Clock | None:
    """A clock that ran out before `happened` stopped it or set it later, and no tick saw it."""
    clock = before.clock
    if clock is None or before.reached or clock.history or happened < clock.deadline:
        return None
    moved = after.clock is None or after.clock.deadline > clock.deadline
    return clock if moved else None
