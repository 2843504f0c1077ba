"""What of an incoming event may reach the timeline? Only what is listed here, under opaque ids.

Names, addresses and links have no line below, so they cannot get there.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from schemas import facts, ids, incoming
from schemas.envelope import Event
from schemas.ids import ident, opaque
from schemas.topics import CATALOGUE


@dataclass(frozen=True, slots=True)
class Said:
    """A fact, and the (source, id) by which the timeline knows its repeats."""

    source: str
    id: str
    fact: facts.Fact

    @property
    def key(self) -> str:
        """The customer whose story it belongs to, or the catalogue's key."""
        return self.fact.customer if isinstance(self.fact, facts.OfCustomer) else CATALOGUE


def cause(event: Event) -> str:
    """The incoming event's `source#id`, as the timeline may carry it."""
    return ids.cause(opaque(event.source), opaque(event.id))


def csm_id(email: str) -> str:
    """The opaque person id of a customer-success manager."""
    return str(ident("person", "csm", email))


def canonical(
    event: Event, recorded_at: datetime, customer: str | None = None, person: str | None = None
) -> tuple[Said, ...]:
    """The facts an event means; `customer` and `person` as resolved, where it speaks of a person.

    An event that means one fact gives it its own id, one that means several gives uuid5 ids.
    """
    heard = {"at": event.time, "recorded_at": recorded_at, "cause": cause(event)}
    source, id = opaque(event.source), opaque(event.id)
    story = {**heard, "customer": customer, "person": person}
    meant = _meant(event.data, source, heard, story)
    if len(meant) == 1:
        return (Said(source, id, meant[0]),)
    return tuple(Said(source, str(ident(source, id, n)), fact) for n, fact in enumerate(meant))


def _meant(
    data: incoming.Incoming, source: str, heard: dict[str, Any], story: dict[str, Any]
) -> tuple[facts.Fact, ...]:
    match data:
        case incoming.UsageRecorded():
            used = facts.UsageRecorded(
                **story,
                metric=opaque(data.metric),
                quantity=_shortest(data.quantity),
                feature=_id(data.feature),
            )
            return (used,)
        case incoming.OfCourse():
            return _of_course(data, source, story)
        case incoming.OfCertificate():
            return (_of_certificate(data, story),)
        case incoming.PersonJoined():
            role, level = _id(data.role), _id(data.level)
            return (facts.PersonJoined(**story, role=role, level=level),)
        case incoming.PersonLeft():
            return (facts.PersonLeft(**story),)
        case incoming.RoleChanged():
            role, level = _id(data.role), _id(data.level)
            return (facts.RoleChanged(**story, role=role, level=level),)
        case incoming.CustomerDescribed():
            described = facts.CustomerDescribed(
                **heard,
                customer=opaque(data.customer),
                csm=csm_id(data.csm.email) if data.csm else None,
                zone=data.zone,
                segment=_id(data.segment),
                arr=_plain(data.arr),
                health=_plain(data.health),
            )
            return (described,)
        case incoming.CustomerEnded():
            return (facts.CustomerEnded(**heard, customer=opaque(data.customer)),)
        case incoming.CourseDescribed():
            return (_course(data, heard),)
        case incoming.CourseRetired():
            return (facts.CourseRetired(**heard, course=opaque(data.course)),)
        case incoming.RequirementDescribed():
            asked = facts.RequirementDescribed(
                **heard,
                requirement=opaque(data.requirement),
                role=_id(data.role),
                level=_id(data.level),
                course=_id(data.course),
                certificate=_id(data.certificate),
            )
            return (asked,)
        case incoming.RequirementRetired():
            return (facts.RequirementRetired(**heard, requirement=opaque(data.requirement)),)
    raise TypeError(f"{type(data).__name__} has no canonical fact; add it to handlers/canonical.py")


def _of_course(
    data: incoming.OfCourse, source: str, story: dict[str, Any]
) -> tuple[facts.Fact, ...]:
    way = {**story, "course": opaque(data.course), "registration": _id(data.registration)}
    match data:
        case incoming.ModuleCompleted():
            return (facts.ModuleCompleted(**way, module=opaque(data.module)),)
        case incoming.TrainingCompleted(certificate=None):
            score = _plain(data.score)
            return (facts.TrainingCompleted(**way, score=score, attempt=data.attempt),)
        case incoming.TrainingCompleted(certificate=earned) if earned:
            score = _plain(data.score)
            granted = facts.CertificateGranted(
                **story,
                certificate=opaque(earned.certificate),
                number=_id(earned.number),
                last_day=earned.last_day,
            )
            completed = facts.TrainingCompleted(
                **way, score=score, attempt=data.attempt, certificate=granted.certificate
            )
            return (completed, granted)
        case incoming.TrainingFailed():
            score = _plain(data.score)
            return (facts.TrainingFailed(**way, score=score, attempt=data.attempt),)
        case incoming.CompletionWithdrawn():
            withdraws = (
                None if data.withdraws is None else ids.cause(source, opaque(data.withdraws))
            )
            return (facts.CompletionWithdrawn(**way, withdraws=withdraws, attempt=data.attempt),)
        case incoming.ScoreRegraded():
            regraded = _shortest(data.score)
            return (facts.ScoreRegraded(**way, score=regraded, attempt=data.attempt),)
        case incoming.TrainingEnrolled():
            return (facts.TrainingEnrolled(**way),)
        case incoming.TrainingStarted():
            return (facts.TrainingStarted(**way),)
        case incoming.TrainingWithdrawn():
            return (facts.TrainingWithdrawn(**way),)
        case incoming.TrainingWaived():
            return (facts.TrainingWaived(**way),)
    raise TypeError(f"{type(data).__name__} has no canonical fact; add it to handlers/canonical.py")


def _of_certificate(data: incoming.OfCertificate, story: dict[str, Any]) -> facts.Fact:
    paper = {**story, "certificate": opaque(data.certificate), "number": _id(data.number)}
    match data:
        case incoming.CertificateGranted():
            return facts.CertificateGranted(**paper, last_day=data.last_day)
        case incoming.CertificateRenewed():
            return facts.CertificateRenewed(**paper, last_day=data.last_day)
        case incoming.CertificateRevoked():
            return facts.CertificateRevoked(**paper)
    raise TypeError(f"{type(data).__name__} has no canonical fact; add it to handlers/canonical.py")


def _course(data: incoming.CourseDescribed, heard: dict[str, Any]) -> facts.Fact:
    modules, after = data.modules, data.next_courses
    return facts.CourseDescribed(
        **heard,
        course=opaque(data.course),
        type=_id(data.type),
        modules=None if modules is None else tuple(opaque(module.id) for module in modules),
        certificate=_id(data.certificate),
        validity_months=data.validity_months,
        patience_days=data.patience_days,
        next_courses=None if after is None else tuple(opaque(course) for course in after),
    )


def _id(text: str | None) -> str | None:
    return None if text is None else opaque(text)


def _plain(number: Decimal | None) -> Decimal | None:
    return None if number is None else _shortest(number)


def _shortest(number: Decimal) -> Decimal:
    """The same number in its shortest plain spelling: one value, one sequence of bytes."""
    return Decimal(format(number.normalize() + 0, "f"))
