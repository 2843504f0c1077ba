"""On which intake topic does an event arrive, and under which key? Intake keys it anew."""

from .incoming import (
    CourseDescribed,
    CourseRetired,
    CustomerDescribed,
    CustomerEnded,
    Incoming,
    OfPerson,
    PersonJoined,
    PersonLeft,
    RequirementDescribed,
    RequirementRetired,
    RoleChanged,
    UsageRecorded,
)
from .topics import DIRECTORY, TRAINING, USAGE


def topic_of(kind: type[Incoming]) -> str:
    """The intake topic of a kind of event."""
    if issubclass(kind, UsageRecorded):
        return USAGE
    return TRAINING if issubclass(kind, OfPerson) else DIRECTORY


def destination(data: Incoming) -> tuple[str, str]:
    """The intake topic and the key of an event; what concerns one customer stays in order."""
    return topic_of(type(data)), _key(data)


def _key(data: Incoming) -> str:
    match data:
        case OfPerson(person=who, customer=customer):
            given = (who.id, who.email, who.external and f"{who.external.system}|{who.external.id}")
            return customer or next(name for name in given if name)
        case CourseDescribed() | CourseRetired():
            return data.course
        case RequirementDescribed() | RequirementRetired():
            return data.requirement
        case UsageRecorded():
            return data.customer
        case CustomerDescribed() | CustomerEnded() | PersonJoined() | PersonLeft() | RoleChanged():
            return data.customer
        case _:
            raise TypeError(f"{type(data).__name__} has no intake topic")
