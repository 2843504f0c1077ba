"""What do requirements ask of the people of a role and level, and what did they ask before?"""

from dataclasses import dataclass, replace

from schemas.topics import CATALOGUE

from .derived import DemandChanged, Derived
from .handler import joined, never, nothing_read
from .headcount import Target

NAME = "demands"
VERSION = 2
ACCEPTS = (DemandChanged,)
Read = None


@dataclass(frozen=True, slots=True)
class Demand:
    """`asked`: whether it still is; what it told of may be lost later."""

    requirement: str
    target: Target
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Demands:
    """What is or was asked, by requirement and target."""

    by: tuple[Demand, ...] = ()


State = Demands
reads = nothing_read
deadline = never


def demands_key(role: str, level: str) -> str:
    return joined(CATALOGUE, role, level)


def key(event: DemandChanged) -> str:
    return demands_key(event.role, event.level)


def evolve(state: Demands, event: DemandChanged, read: None) -> Demands:
    known = {
        (demand.requirement, demand.target): replace(demand, asked=False)
        if demand.requirement == event.requirement
        else demand
        for demand in state.by
    }
    if event.target is not None:
        known[event.requirement, event.target] = Demand(event.requirement, event.target)
    return Demands(tuple(known[one] for one in sorted(known)))


def decide(event: DemandChanged, state: Demands, read: None) -> list[Derived]:
    return []
