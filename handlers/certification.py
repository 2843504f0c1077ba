"""Decide when a certificate earned deserves a word, and when that word no longer holds."""

from dataclasses import dataclass, replace
from datetime import datetime

from schemas.alerts import CERTIFICATION_EARNED, Status
from schemas.facts import (
    CertificateGranted,
    CertificateRenewed,
    CertificateRevoked,
    CompletionWithdrawn,
    Tick,
    Trigger,
)

from .account import NAME as ACCOUNT
from .account import Account
from .awards import Kind, Proof
from .certificate import Certificate
from .derived import (
    NEVER_LAPSED,
    AlertUnwanted,
    AlertWanted,
    CertificateEarned,
    CertificateLapsed,
    CompletionsCorrected,
    Correction,
    Derived,
    HoldingChanged,
    ValidityChanged,
)
from .handler import joined, once
from .offers import NAME as OFFERS
from .offers import Offer, offer_key

NAME = "certification"
VERSION = 2
ACCEPTS = (
    CertificateGranted,
    CertificateRenewed,
    CertificateRevoked,
    CertificateEarned,
    CompletionsCorrected,
    CertificateLapsed,
)


@dataclass(frozen=True, slots=True)
class Read:
    account: Account
    offer: Offer


State = Certificate
Told = CertificateGranted | CertificateRenewed | CertificateRevoked | CertificateEarned
OfCertificate = Told | CompletionsCorrected | CertificateLapsed

KINDS: dict[type[Told], Kind] = {
    CertificateGranted: "granted",
    CertificateRenewed: "renewed",
    CertificateRevoked: "revoked",
}


def key(event: OfCertificate) -> str:
    return joined(event.customer, event.person, event.certificate)


def reads(event: OfCertificate) -> dict[str, tuple[str, str]]:
    if isinstance(event, CertificateLapsed):
        return {}
    return {
        "account": (ACCOUNT, event.customer),
        "offer": (OFFERS, offer_key(event.certificate)),
    }


def deadline(state: Certificate) -> datetime | None:
    return None if state.lapsed else state.lapse


@once
def evolve(state: Certificate, event: OfCertificate, read: Read | None) -> Certificate:
    match event:
        case CertificateLapsed():
            return replace(state, lapsed=True)
        case CompletionsCorrected():
            after = replace(
                state,
                customer=event.customer,
                person=event.person,
                certificate=event.certificate,
                corrections=_corrections(state, event),
            )
            return _seen(state, after)
    assert read is not None
    proof = _proof(event, read.offer)
    # One record may tell of a completion and of its certificate: they share their cause.
    if any(fact.cause == proof.cause and fact.kind == proof.kind for fact in state.facts):
        return state
    offered = [offered.course for offered in read.offer.by]
    after = replace(
        state,
        customer=event.customer,
        person=event.person,
        certificate=event.certificate,
        facts=tuple(sorted((*state.facts, proof), key=lambda fact: fact.turn)),
        zone=read.account.zone,
        courses=tuple(sorted({*state.courses, *offered})),
    )
    return _seen(state, after)


def _seen(before: Certificate, after: Certificate) -> Certificate:
    """A tick that reached one lapse has reached every earlier one."""
    seen = before.lapse if before.lapsed else None
    reached = seen is not None and after.lapse is not None and after.lapse <= seen
    return replace(after, lapsed=reached)


def _corrections(state: Certificate, event: CompletionsCorrected) -> tuple[Correction, ...]:
    known = {correction.completion: correction for correction in state.corrections}
    known.update((correction.completion, correction) for correction in event.corrections)
    return tuple(sorted(one for one in known.values() if one != Correction(one.completion)))


def decide(event: OfCertificate | Tick, state: Certificate, read: Read | None) -> list[Derived]:
    match event:
        case CertificateLapsed():
            return []
        case Tick():
            due = deadline(state)
            if due is None or event.now < due:
                return []
            lapsed = CertificateLapsed(
                customer=state.customer,
                at=event.now,
                trigger=event.trigger,
                person=state.person,
                certificate=state.certificate,
            )
            return [lapsed, *_changes(state, evolve(state, lapsed, None), event.now, event.trigger)]
        case _:
            assert read is not None
            changes = _changes(state, evolve(state, event, read), event.at, event.trigger)
            # Of an account that has ended nothing new is told.
            return [_quiet(change) for change in changes] if read.account.ended else changes


def _proof(event: Told, offer: Offer) -> Proof:
    cause, heard = event.trigger.cause, event.trigger.heard
    assert cause is not None, "a tick earns nothing"
    if isinstance(event, CertificateEarned):
        months = offer.months(event.course)
        return Proof(
            event.at, "completed", cause, heard, event.course, score=event.score, months=months
        )
    last_day = None if isinstance(event, CertificateRevoked) else event.last_day
    return Proof(
        event.at,
        KINDS[type(event)],
        cause,
        heard,
        number=event.number,
        last_day=last_day,
        months=offer.months(None),
    )


def _changes(
    before: Certificate, after: Certificate, at: datetime, trigger: Trigger
) -> list[Derived]:
    changes: list[Derived] = []
    if after.held != before.held or not before.facts:
        changes.append(
            HoldingChanged(
                customer=after.customer,
                at=at,
                trigger=trigger,
                person=after.person,
                certificate=after.certificate,
                held=after.held,
            )
        )
    for course in after.courses:
        known = before.validity if course in before.courses else NEVER_LAPSED
        if after.validity != known:
            changes.append(
                ValidityChanged(
                    customer=after.customer,
                    at=at,
                    trigger=trigger,
                    person=after.person,
                    course=course,
                    validity=after.validity,
                )
            )
    if status := _ended(before, after, trigger):
        changes.append(
            AlertUnwanted(
                customer=after.customer,
                at=at,
                trigger=trigger,
                rule=CERTIFICATION_EARNED,
                subject=joined(after.person, after.certificate),
                status=status,
            )
        )
    if (news := after.news) and news != before.news:
        since, causes, values = news
        changes.append(
            AlertWanted(
                customer=after.customer,
                at=at,
                trigger=trigger,
                rule=CERTIFICATION_EARNED,
                subject=joined(after.person, after.certificate),
                since=since,
                causes=causes,
                values=values,
            )
        )
    return changes


def _ended(before: Certificate, after: Certificate, trigger: Trigger) -> Status | None:
    """How the alert of the chain told of before ends, if it does."""
    if before.word is None:
        return None
    # Later facts may have moved its start, renewed it, or cut it off from the latest chain.
    chain = after.heir(before.word)
    if chain:
        if chain is after.latest and after.word:
            return None
        if chain.revoked_at:
            return "corrected"
        if chain is not after.latest or after.lapsed:
            return "resolved"
    return "corrected" if trigger.wire == CompletionWithdrawn.WIRE else "withdrawn"


def _quiet(change: Derived) -> Derived:
    return replace(change, quiet=True) if isinstance(change, AlertWanted) else change
