"""Decide when a team has all that is required of it, and when it has that no longer."""

from dataclasses import dataclass

from schemas.alerts import TEAM_MILESTONE, Status
from schemas.facts import CertificateRevoked

from .demands import NAME as DEMANDS
from .demands import Demand, Demands, demands_key
from .derived import HISTORY, AlertUnwanted, AlertWanted, TeamMoved
from .handler import joined, never, once
from .headcount import Headcount

NAME = "teams"
VERSION = 1
ACCEPTS = (TeamMoved,)

State = Headcount
deadline = never


@dataclass(frozen=True, slots=True)
class Read:
    demands: Demands


def key(event: TeamMoved) -> str:
    return joined(event.customer, event.role, event.level)


def reads(event: TeamMoved) -> dict[str, tuple[str, str]]:
    return {"demands": (DEMANDS, demands_key(event.role, event.level))}


@once
def evolve(state: Headcount, event: TeamMoved, read: Read) -> Headcount:
    return state.plus(event.delta)


def decide(event: TeamMoved, state: Headcount, read: Read) -> list[AlertWanted | AlertUnwanted]:
    after = evolve(state, event, read)
    late = event.trigger.heard - event.at > HISTORY
    changes: list[AlertWanted | AlertUnwanted] = []
    for demand in read.demands.by:
        before, now = state.complete(demand.target), after.complete(demand.target)
        if before and not now:
            changes.append(_lost(event, demand))
        elif now and not before and demand.target in event.achieved and not late:
            changes.append(_reached(event, demand, after))
    return changes


def _reached(event: TeamMoved, demand: Demand, team: Headcount) -> AlertWanted:
    assert event.trigger.cause is not None, "a tick achieves nothing"
    return AlertWanted(
        customer=event.customer,
        at=event.at,
        trigger=event.trigger,
        rule=TEAM_MILESTONE,
        subject=demand.requirement,
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


def _lost(event: TeamMoved, demand: Demand) -> AlertUnwanted:
    revoked = event.trigger.wire == CertificateRevoked.WIRE
    status: Status = "corrected" if revoked else "resolved"
    return AlertUnwanted(
        customer=event.customer,
        at=event.at,
        trigger=event.trigger,
        rule=TEAM_MILESTONE,
        subject=demand.requirement,
        status=status,
    )
