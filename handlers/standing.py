"""Is a person still there? What she is enrolled in hears when she leaves and when she returns."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from schemas.facts import OfCourse, PersonJoined, PersonLeft

from .account import NAME as ACCOUNT
from .account import Account, End
from .derived import PersonReleased, Presence, PresenceChanged
from .handler import joined, never, once
from .lazy import lazy

NAME = "standing"
VERSION = 2
ACCEPTS = (PersonJoined, PersonLeft, OfCourse, PersonReleased)


@dataclass(frozen=True, slots=True)
class Read:
    account: Account


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
    """Joinings and leavings in order, the courses she was heard of in, and the account's end."""

    moves: tuple[Move, ...] = ()
    courses: tuple[str, ...] = ()
    ended: End | None = None

    @lazy
    def presence(self) -> Presence:
        moves = self._moves
        returns = [move.at for last, move in pairwise(moves) if last.left and not move.left]
        gone = bool(moves) and moves[-1].left
        if not returns:
            return Presence(gone)
        joinings = [move for move in moves if move.at == returns[-1] and not move.left]
        return Presence(
            gone,
            returns[-1],
            tuple(move.cause for move in joinings),
            min(move.heard for move in joinings),
        )

    @property
    def _moves(self) -> list[Move]:
        """Those that count: the end of the account is a leaving, behind which nobody joins."""
        if self.ended is None:
            return list(self.moves)
        end = Move(self.ended.at, left=True, cause=self.ended.cause, heard=self.ended.heard)
        before = [move for move in self.moves if move.at <= end.at]
        return sorted([*before, end], key=lambda move: move.order)


State = Standing
OfPerson = PersonJoined | PersonLeft | OfCourse | PersonReleased
deadline = never


def standing_key(customer: str, person: str) -> str:
    return joined(customer, person)


def key(event: OfPerson) -> str:
    return standing_key(event.customer, event.person)


def reads(event: OfPerson) -> dict[str, tuple[str, str]]:
    return {"account": (ACCOUNT, event.customer)}


@once
def evolve(state: Standing, event: OfPerson, read: Read) -> Standing:
    if isinstance(event, PersonReleased) and state == Standing():
        return state
    if state.ended != read.account.ended:
        state = replace(state, ended=read.account.ended)
    if isinstance(event, PersonReleased):
        return state
    if isinstance(event, OfCourse):
        if event.course in state.courses:
            return state
        return replace(state, courses=tuple(sorted((*state.courses, event.course))))
    if any(move.cause == event.cause for move in state.moves):
        return state
    move = Move(event.at, isinstance(event, PersonLeft), event.cause, event.recorded_at)
    return replace(state, moves=tuple(sorted((*state.moves, move), key=lambda m: m.order)))


def decide(event: OfPerson, state: Standing, read: Read) -> list[PresenceChanged]:
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
