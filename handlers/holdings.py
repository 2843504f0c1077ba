"""What does a person hold, and in which teams does she count?

Whatever one record changes in it, her teams hear of in one step, once all of it is folded.
"""

from dataclasses import dataclass, replace

from schemas.facts import (
    ANY,
    CertificateGranted,
    CertificateRenewed,
    PersonJoined,
    PersonLeft,
    RoleChanged,
    ScoreRegraded,
    TrainingCompleted,
)

from .account import NAME as ACCOUNT
from .account import Account
from .derived import (
    HoldingChanged,
    PersonReleased,
    Share,
    ShareChanged,
    Taking,
    TakingChanged,
    TeamMoved,
)
from .handler import joined, never, once
from .headcount import NOBODY, Count, Headcount, Target
from .lazy import lazy
from .said import Said, said
from .standing import NAME as STANDING
from .standing import Standing, standing_key

NAME = "holdings"
VERSION = 1
ACCEPTS = (
    PersonJoined,
    PersonLeft,
    RoleChanged,
    ScoreRegraded,
    PersonReleased,
    TakingChanged,
    HoldingChanged,
    ShareChanged,
)

ACHIEVEMENTS = {TrainingCompleted.WIRE, CertificateGranted.WIRE, CertificateRenewed.WIRE}


@dataclass(frozen=True, slots=True)
class Read:
    account: Account
    standing: Standing

    @property
    def gone(self) -> bool:
        """Who is known by a grant or a role alone never joined, but her account may have ended."""
        return self.standing.presence.gone or self.account.ended is not None


@dataclass(frozen=True)
class Holdings:
    """Who she is there, and by id how she stands to courses and which certificates she holds."""

    known: bool = False
    role: Said[str] | None = None
    level: Said[str] | None = None
    gone: bool = False
    courses: tuple[tuple[str, Taking], ...] = ()
    certificates: tuple[str, ...] = ()

    @lazy
    def share(self) -> Share:
        if not self.known or self.gone:
            return Share()
        scores = [taking.score for _, taking in self.courses if taking.score is not None]
        return Share(
            self._teams,
            Headcount(
                people=1,
                enrolled=int(any(taking.enrolled for _, taking in self.courses)),
                scored=len(scores),
                score_sum=NOBODY.score_sum + sum(scores),
                counts=tuple(sorted(self._counts)),
            ),
        )

    @property
    def _teams(self) -> tuple[tuple[str, str], ...]:
        """The distinct ones; those that would name what is not known of her are left out."""
        roles = (self.role.value, ANY) if self.role else (ANY,)
        levels = (self.level.value, ANY) if self.level else (ANY,)
        return tuple(dict.fromkeys((role, level) for role in roles for level in levels))

    @property
    def _counts(self) -> list[Count]:
        waived = {taking.waives for _, taking in self.courses} - {None, *self.certificates}
        return [
            *(
                Count(
                    Target("course", course),
                    enrolled=int(taking.enrolled),
                    met=int(taking.status == "completed"),
                    waived=int(taking.status == "waived"),
                )
                for course, taking in self.courses
                if taking.status != "withdrawn"
            ),
            *(Count(Target("certificate", id), met=1) for id in self.certificates),
            *(Count(Target("certificate", id), waived=1) for id in waived if id is not None),
        ]


State = Holdings
OfPerson = (
    PersonJoined
    | PersonLeft
    | RoleChanged
    | ScoreRegraded
    | PersonReleased
    | TakingChanged
    | HoldingChanged
    | ShareChanged
)
deadline = never


def key(event: OfPerson) -> str:
    return joined(event.customer, event.person)


def reads(event: OfPerson) -> dict[str, tuple[str, str]]:
    if isinstance(event, ShareChanged):
        return {}
    return {
        "account": (ACCOUNT, event.customer),
        "standing": (STANDING, standing_key(event.customer, event.person)),
    }


@once
def evolve(state: Holdings, event: OfPerson, read: Read | None) -> Holdings:
    if isinstance(event, ShareChanged) or (isinstance(event, PersonReleased) and not state.known):
        return state
    assert read is not None
    state = replace(state, known=True, gone=read.gone)
    match event:
        case TakingChanged():
            courses = {**dict(state.courses), event.course: event.taking}
            return replace(state, courses=tuple(sorted(courses.items())))
        case HoldingChanged():
            others = {*state.certificates} - {event.certificate}
            held = {*others, event.certificate} if event.held else others
            return replace(state, certificates=tuple(sorted(held)))
        case PersonJoined() | RoleChanged():
            role = said(state.role, event.role, event)
            level = said(state.level, event.level, event)
            return replace(state, role=role, level=level)
    return state


def decide(
    event: OfPerson, state: Holdings, read: Read | None
) -> list[ShareChanged] | list[TeamMoved]:
    if isinstance(event, ShareChanged):
        return _moves(event, state.share)
    if isinstance(event, PersonReleased):
        return []  # Her teams are dissolved at the same time, in one step.
    if evolve(state, event, read).share == state.share:
        return []
    return [
        ShareChanged(
            customer=event.customer,
            at=event.at,
            trigger=event.trigger,
            person=event.person,
            before=state.share,
        )
    ]


def _moves(event: ShareChanged, after: Share) -> list[TeamMoved]:
    before = event.before
    stays = after.adds.minus(before.adds)
    achieving = event.trigger.wire in ACHIEVEMENTS
    achieved = tuple(sorted(after.adds.met - before.adds.met)) if achieving else ()
    moves = []
    for team in dict.fromkeys((*before.teams, *after.teams)):
        there = team in before.teams
        if not there:
            delta = after.adds
        else:
            delta = stays if team in after.teams else NOBODY.minus(before.adds)
        if delta != NOBODY:
            moves.append(_moved(event, team, delta, achieved if there else ()))
    return moves


def _moved(
    event: ShareChanged, team: tuple[str, str], delta: Headcount, achieved: tuple[Target, ...]
) -> TeamMoved:
    return TeamMoved(
        customer=event.customer,
        at=event.at,
        trigger=event.trigger,
        role=team[0],
        level=team[1],
        delta=delta,
        achieved=achieved,
    )
