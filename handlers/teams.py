"""Decide when a team has all that is required of it, and when it has that no longer."""

from dataclasses import dataclass

from schemas.alerts import TEAM_MILESTONE, Status
from schemas.facts import CertificateRevoked, CompletionWithdrawn

from .demands import NAME as DEMANDS
from .demands import Demand, Demands, demands_key
from .derived import HISTORY, AlertUnwanted, AlertWanted, TeamDissolved, TeamMoved
from .handler import joined, never, once
from .headcount import NOBODY, Headcount

NAME = "teams"
VERSION = 1
ACCEPTS = (TeamMoved, TeamDissolved)

CORRECTIONS = {CertificateRevoked.WIRE, CompletionWithdrawn.WIRE}

State = Headcount
OfTeam = TeamMoved | TeamDissolved
deadline = never


@dataclass(frozen=True, slots=True)
class Read:
    demands: Demands


def key(event: OfTeam) -> str:
    return joined(event.customer, event.role, event.level)


def reads(event: OfTeam) -> dict[str, tuple[str, str]]:
    return {"demands": (DEMANDS, demands_key(event.role, event.level))}


@once
def evolve(state: Headcount, event: OfTeam, read: Read) -> Headcount:
    return NOBODY if isinstance(event, TeamDissolved) else state.plus(event.delta)


def decide(event: OfTeam, state: Headcount, read: Read) -> list[AlertWanted | AlertUnwanted]:
    after = evolve(state, event, read)
    achieved = () if isinstance(event, TeamDissolved) else event.achieved
    late = event.trigger.heard - event.at > HISTORY
    changes: list[AlertWanted | AlertUnwanted] = []
    for demand in read.demands.by:
        before, now = state.complete(demand.target), after.complete(demand.target)
        if before and not now:
            changes.append(_lost(event, demand))
        elif demand.asked and now and not before and demand.target in achieved and not late:
            changes.append(_reached(event, demand, after))
    return changes


def _reached(event: OfTeam, demand: Demand, team: Headcount) -> AlertWanted:
    assert event.trigger.cause is not None, "a tick achieves nothing"
    return AlertWanted(
        customer=event.customer,
        at=event.at,
        trigger=event.trigger,
        rule=TEAM_MILESTONE,
        subject=_subject(event, demand),
        since=event.at,
        causes=(event.trigger.cause,),
        values=(
            ("requirement", demand.requirement),
            ("role", event.role),
            ("level", event.level),
            ("target_kind", demand.target.kind),
            ("target", demand.target.id),
            ("people", team.of(demand.target).met),
        ),
    )


def _lost(event: OfTeam, demand: Demand) -> AlertUnwanted:
    status: Status = "corrected" if event.trigger.wire in CORRECTIONS else "resolved"
    return AlertUnwanted(
        customer=event.customer,
        at=event.at,
        trigger=event.trigger,
        rule=TEAM_MILESTONE,
        subject=_subject(event, demand),
        status=status,
    )


def _subject(event: OfTeam, demand: Demand) -> str:
    """A requirement that turns to another team or target has other milestones from then on."""
    return joined(demand.requirement, event.role, event.level, *demand.target)
