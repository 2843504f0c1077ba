"""What do requirements ask of the people of a role and level?"""

from dataclasses import dataclass

from schemas.topics import CATALOGUE

from .derived import DemandChanged, Derived
from .handler import joined, never, nothing_read
from .headcount import Target

NAME = "demands"
VERSION = 1
ACCEPTS = (DemandChanged,)
Read = None


@dataclass(frozen=True, slots=True)
class Demand:
    requirement: str
    target: Target


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked, by requirement."""

    by: tuple[Demand, ...] = ()


State = Demands
reads = nothing_read
deadline = never


def demands_key(role: str, level: str) -> str:
    return joined(CATALOGUE, role, level)


def key(event: DemandChanged) -> str:
    return demands_key(event.role, event.level)


def evolve(state: Demands, event: DemandChanged, read: None) -> Demands:
    others = [demand for demand in state.by if demand.requirement != event.requirement]
    if event.target is not None:
        others.append(Demand(event.requirement, event.target))
    return Demands(tuple(sorted(others, key=lambda demand: demand.requirement)))


def decide(event: DemandChanged, state: Demands, read: None) -> list[Derived]:
    return []
