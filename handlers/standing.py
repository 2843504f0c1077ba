"""Is a person still there? What she is enrolled in hears when she leaves and when she returns."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from schemas.facts import (
    ModuleCompleted,
    OfCourse,
    PersonJoined,
    PersonLeft,
    TrainingCompleted,
    TrainingEnrolled,
    TrainingFailed,
    TrainingStarted,
    TrainingWaived,
    TrainingWithdrawn,
)

from .derived import Presence, PresenceChanged
from .handler import joined, never, nothing_read, once

NAME = "standing"
VERSION = 1
ACCEPTS = (
    PersonJoined,
    PersonLeft,
    TrainingEnrolled,
    TrainingStarted,
    ModuleCompleted,
    TrainingCompleted,
    TrainingFailed,
    TrainingWithdrawn,
    TrainingWaived,
)
Read = None


@dataclass(frozen=True, slots=True)
class Move:
    """A joining, or a leaving; of those at one instant the leaving counts."""

    at: datetime
    left: bool
    cause: str
    heard: datetime

    @property
    def order(self) -> tuple[datetime, bool, str]:
        return self.at, self.left, self.cause


@dataclass(frozen=True)
class Standing:
    """Joinings and leavings in order, and the courses in which something happened."""

    moves: tuple[Move, ...] = ()
    courses: tuple[str, ...] = ()

    @cached_property
    def presence(self) -> Presence:
        before = (None, *self.moves)
        returns = [
            move.at
            for last, move in zip(before, self.moves, strict=False)
            if last and last.left and not move.left
        ]
        gone = bool(self.moves) and self.moves[-1].left
        if not returns:
            return Presence(gone)
        joinings = [move for move in self.moves if move.at == returns[-1] and not move.left]
        return Presence(
            gone,
            returns[-1],
            tuple(move.cause for move in joinings),
            min(move.heard for move in joinings),
        )


State = Standing
reads = nothing_read
deadline = never


def standing_key(customer: str, person: str) -> str:
    return joined(customer, person)


def key(event: PersonJoined | PersonLeft | OfCourse) -> str:
    return standing_key(event.customer, event.person)


@once
def evolve(state: Standing, event: PersonJoined | PersonLeft | OfCourse, read: None) -> Standing:
    if isinstance(event, OfCourse):
        if event.course in state.courses:
            return state
        return replace(state, courses=tuple(sorted((*state.courses, event.course))))
    if any(move.cause == event.cause for move in state.moves):
        return state
    move = Move(event.at, isinstance(event, PersonLeft), event.cause, event.recorded_at)
    return replace(state, moves=tuple(sorted((*state.moves, move), key=lambda m: m.order)))


def decide(
    event: PersonJoined | PersonLeft | OfCourse, state: Standing, read: None
) -> list[PresenceChanged]:
    presence = evolve(state, event, read).presence
    if presence == state.presence:
        return []
    return [
        PresenceChanged(
            customer=event.customer,
            at=event.at,
            trigger=event.trigger,
            person=event.person,
            course=course,
            presence=presence,
        )
        for course in state.courses
    ]
