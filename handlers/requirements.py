"""What is required, and of whom? A requirement's role, level and target, as they were said last."""

from dataclasses import dataclass, replace

from schemas.facts import ANY, RequirementDescribed, RequirementRetired
from schemas.topics import CATALOGUE

from .derived import DemandChanged
from .handler import joined, never, nothing_read, once
from .headcount import Target
from .said import Said, said

NAME = "requirements"
VERSION = 1
ACCEPTS = (RequirementDescribed, RequirementRetired)
Read = None


@dataclass(frozen=True, slots=True)
class Requirement:
    role: Said[str] | None = None
    level: Said[str] | None = None
    target: Said[Target] | None = None
    retired: bool = False

    @property
    def demand(self) -> tuple[str, str, Target] | None:
        """The team it asks, by role and level, and what it asks for."""
        if self.retired or self.target is None:
            return None
        role = self.role.value if self.role else ANY
        level = self.level.value if self.level else ANY
        return role, level, self.target.value


State = Requirement
OfRequirement = RequirementDescribed | RequirementRetired
reads = nothing_read
deadline = never


def key(event: OfRequirement) -> str:
    return joined(CATALOGUE, event.requirement)


@once
def evolve(state: Requirement, event: OfRequirement, read: None) -> Requirement:
    if isinstance(event, RequirementRetired):
        return replace(state, retired=True)
    return replace(
        state,
        role=said(state.role, event.role, event),
        level=said(state.level, event.level, event),
        target=said(state.target, _target(event), event),
    )


def decide(event: OfRequirement, state: Requirement, read: None) -> list[DemandChanged]:
    before, after = state.demand, evolve(state, event, read).demand
    if before == after:
        return []
    changes = []
    if before and (after is None or after[:2] != before[:2]):
        changes.append(_change(event, *before[:2], None))
    if after:
        changes.append(_change(event, *after))
    return changes


def _target(event: RequirementDescribed) -> Target | None:
    if event.course is not None:
        return Target("course", event.course)
    return Target("certificate", event.certificate) if event.certificate is not None else None


def _change(event: OfRequirement, role: str, level: str, target: Target | None) -> DemandChanged:
    return DemandChanged(
        customer=CATALOGUE,
        at=event.at,
        trigger=event.trigger,
        role=role,
        level=level,
        requirement=event.requirement,
        target=target,
    )
