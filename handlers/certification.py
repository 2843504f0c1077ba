"""Decide when a certificate earned deserves a word, and when that word no longer holds."""

from dataclasses import dataclass, replace
from datetime import datetime

from schemas.alerts import CERTIFICATION_EARNED, Status
from schemas.facts import (
    CertificateGranted,
    CertificateRenewed,
    CertificateRevoked,
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
    Derived,
    HoldingChanged,
    ValidityChanged,
)
from .handler import joined, once
from .offers import NAME as OFFERS
from .offers import Offer, offer_key

NAME = "certification"
VERSION = 1
ACCEPTS = (
    CertificateGranted,
    CertificateRenewed,
    CertificateRevoked,
    CertificateEarned,
    CertificateLapsed,
)


@dataclass(frozen=True, slots=True)
class Read:
    account: Account
    offer: Offer


State = Certificate
Told = CertificateGranted | CertificateRenewed | CertificateRevoked | CertificateEarned

KINDS: dict[type[Told], Kind] = {
    CertificateGranted: "granted",
    CertificateRenewed: "renewed",
    CertificateRevoked: "revoked",
}


def key(event: Told | CertificateLapsed) -> str:
    return joined(event.customer, event.person, event.certificate)


def reads(event: Told | CertificateLapsed) -> dict[str, tuple[str, str]]:
    if isinstance(event, CertificateLapsed):
        return {}
    return {
        "account": (ACCOUNT, event.customer),
        "offer": (OFFERS, offer_key(event.certificate)),
    }


def deadline(state: Certificate) -> datetime | None:
    return None if state.lapsed else state.lapse


@once
def evolve(state: Certificate, event: Told | CertificateLapsed, read: Read | None) -> Certificate:
    if isinstance(event, CertificateLapsed):
        return replace(state, lapsed=True)
    assert read is not None
    proof = _proof(event, read.offer)
    # One record may tell of a completion and of its certificate: they share their cause.
    if any(fact.cause == proof.cause and fact.kind == proof.kind for fact in state.facts):
        return state
    offered = [offered.course for offered in read.offer.by]
    after = Certificate(
        customer=event.customer,
        person=event.person,
        certificate=event.certificate,
        facts=tuple(sorted((*state.facts, proof), key=lambda fact: fact.turn)),
        zone=read.account.zone,
        courses=tuple(sorted({*state.courses, *offered})),
    )
    # A tick that reached one lapse has reached every earlier one.
    seen = state.lapse if state.lapsed else None
    reached = seen is not None and after.lapse is not None and after.lapse <= seen
    return replace(after, lapsed=True) if reached else after


def decide(
    event: Told | CertificateLapsed | Tick, state: Certificate, read: Read | None
) -> list[Derived]:
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
            return _changes(state, evolve(state, event, read), event.at, event.trigger)


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
    if status := _ended(before, after):
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
    if after.news and after.news != before.news:
        since, causes, values = after.news
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


def _ended(before: Certificate, after: Certificate) -> Status | None:
    """How the alert of the chain told of before ends, if it does."""
    if before.word is None:
        return None
    # Later facts may have moved its start, renewed it, or cut it off from the latest chain.
    chain = after.chain_with(before.word.start.facts[0])
    if chain is after.latest and after.word:
        return None
    if chain.revoked_at:
        return "corrected"
    return "resolved" if chain is not after.latest or after.lapsed else "withdrawn"
