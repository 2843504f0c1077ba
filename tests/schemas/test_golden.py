"""Does every wire name still mean what its golden files say? They are frozen for ever.

`golden/incoming` holds events as producers send them, `golden/timeline` facts as the timeline keeps
them, `golden/exports.json` the columns of the exports.
"""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas import facts, incoming
from schemas.envelope import Event, decode, encode_fact, encode_tick, parse
from schemas.exports import EXPORTS
from schemas.facts import FACTS, Fact, Tick
from schemas.incoming import (
    Csm,
    DirectoryPerson,
    External,
    Incoming,
    InlineCertificate,
    Module,
    PersonRef,
)

GOLDEN = Path(__file__).parent / "golden"

AT = datetime(2026, 3, 2, 8, 15, 30, 250000, tzinfo=UTC)
HEARD = datetime(2026, 3, 2, 8, 16, tzinfo=UTC)

ADA = DirectoryPerson(
    id="p-1",
    name="Ada Byron",
    email="ada@acme.example",
    externals=(External(system="academy", id="a-17"),),
)
SHE = PersonRef(
    id="p-1",
    email="ada@acme.example",
    external=External(system="academy", id="a-17"),
    name="Ada B.",
)
COURSE: dict[str, Any] = {
    "person": SHE,
    "customer": "acme",
    "course": "reporting",
    "registration": "r-1",
}
CERTIFICATE: dict[str, Any] = {
    "person": SHE,
    "customer": "acme",
    "certificate": "reporting-pro",
    "number": "RP-4711",
}
LAST_DAY = date(2028, 2, 29)
URL = "https://academy.example/c/4711"

INCOMING: tuple[Incoming, ...] = (
    incoming.CustomerDescribed(
        customer="acme",
        name="Acme",
        csm=Csm(email="nils@vendor.example", name="Nils Sato"),
        zone="Europe/Berlin",
        segment="enterprise",
        arr=Decimal("125000.50"),
        health=Decimal("87.5"),
    ),
    incoming.CustomerEnded(customer="acme"),
    incoming.PersonJoined(customer="acme", person=ADA, role="admin", level="senior"),
    incoming.PersonLeft(customer="acme", person=ADA),
    incoming.RoleChanged(customer="acme", person=ADA, role="admin", level="lead"),
    incoming.CourseDescribed(
        course="reporting",
        name="Reporting",
        type="certification",
        modules=(Module(id="m1", name="Basics"), Module(id="m2")),
        certificate="reporting-pro",
        certificate_name="Reporting Professional",
        validity_months=24,
        patience_days=21,
        next_courses=("forecasting",),
    ),
    incoming.CourseRetired(course="reporting"),
    incoming.RequirementDescribed(
        requirement="admins-report", role="admin", level="senior", certificate="reporting-pro"
    ),
    incoming.RequirementRetired(requirement="admins-report"),
    incoming.TrainingEnrolled(**COURSE),
    incoming.TrainingStarted(**COURSE),
    incoming.ModuleCompleted(**COURSE, module="m1"),
    incoming.TrainingCompleted(
        **COURSE,
        score=Decimal("92.25"),
        attempt=2,
        certificate=InlineCertificate(
            certificate="reporting-pro", number="RP-4711", last_day=LAST_DAY, url=URL
        ),
        url=URL,
    ),
    incoming.TrainingFailed(**COURSE, score=Decimal(41), attempt=1),
    incoming.TrainingWithdrawn(**COURSE),
    incoming.TrainingWaived(**COURSE),
    incoming.CompletionWithdrawn(**COURSE, withdraws="e-16"),
    incoming.ScoreRegraded(**COURSE, score=Decimal("88.5"), attempt=2),
    incoming.CertificateGranted(**CERTIFICATE, last_day=LAST_DAY, url=URL),
    incoming.CertificateRenewed(**CERTIFICATE, last_day=LAST_DAY, url=URL),
    incoming.CertificateRevoked(**CERTIFICATE),
    incoming.UsageRecorded(
        customer="acme",
        metric="api-calls",
        quantity=Decimal("12.5"),
        person=SHE,
        feature="exports",
    ),
)

FACT: dict[str, Any] = {"at": AT, "recorded_at": HEARD, "cause": "urn:lms:academy#e-17"}
OF_CUSTOMER = FACT | {"customer": "acme"}
OF_PERSON = OF_CUSTOMER | {"person": "8f98c1cf-b989-565f-a299-d8cd82757081"}
OF_COURSE = OF_PERSON | {"course": "reporting", "registration": "r-1"}
OF_CERTIFICATE = OF_PERSON | {"certificate": "reporting-pro", "number": "RP-4711"}

TIMELINE: tuple[Fact, ...] = (
    facts.CustomerDescribed(
        **OF_CUSTOMER,
        csm="0b4c6a1e-6f0e-5a3b-9c1e-8a520c7a6fbb",
        zone="Europe/Berlin",
        segment="enterprise",
        arr=Decimal("125000.50"),
        health=Decimal("87.5"),
    ),
    facts.CustomerEnded(**OF_CUSTOMER),
    facts.PersonJoined(**OF_PERSON, role="admin", level="senior"),
    facts.PersonLeft(**OF_PERSON),
    facts.RoleChanged(**OF_PERSON, role="admin", level="lead"),
    facts.TrainingEnrolled(**OF_COURSE),
    facts.TrainingStarted(**OF_COURSE),
    facts.ModuleCompleted(**OF_COURSE, module="m1"),
    facts.TrainingCompleted(
        **OF_COURSE, score=Decimal("92.25"), attempt=2, certificate="reporting-pro"
    ),
    facts.TrainingFailed(**OF_COURSE, score=Decimal(41), attempt=1),
    facts.TrainingWithdrawn(**OF_COURSE),
    facts.TrainingWaived(**OF_COURSE),
    facts.CompletionWithdrawn(**OF_COURSE, withdraws="urn:lms:academy#e-16"),
    facts.ScoreRegraded(**OF_COURSE, score=Decimal("88.5"), attempt=2),
    facts.CertificateGranted(**OF_CERTIFICATE, last_day=LAST_DAY),
    facts.CertificateRenewed(**OF_CERTIFICATE, last_day=LAST_DAY),
    facts.CertificateRevoked(**OF_CERTIFICATE),
    facts.CourseDescribed(
        **FACT,
        course="reporting",
        type="certification",
        modules=("m1", "m2"),
        certificate="reporting-pro",
        validity_months=24,
        patience_days=21,
        next_courses=("forecasting",),
    ),
    facts.CourseRetired(**FACT, course="reporting"),
    facts.RequirementDescribed(
        **FACT,
        requirement="admins-report",
        role="admin",
        level="senior",
        certificate="reporting-pro",
    ),
    facts.RequirementRetired(**FACT, requirement="admins-report"),
    facts.UsageRecorded(
        **OF_PERSON, metric="api-calls", quantity=Decimal("12.5"), feature="exports"
    ),
)


def golden(form: str, wire: str) -> bytes:
    return (GOLDEN / form / f"{wire}.json").read_bytes()


@pytest.mark.parametrize("data", INCOMING, ids=lambda data: data.WIRE)
def test_an_event_means_what_it_meant(data: Incoming) -> None:
    expected = Event(id="e-17", source="urn:lms:academy", time=AT, data=data)
    assert parse(golden("incoming", data.WIRE)) == expected


@pytest.mark.parametrize("data", INCOMING, ids=lambda data: data.WIRE)
def test_an_events_optional_fields_may_be_left_out(data: Incoming) -> None:
    event = json.loads(golden("incoming", data.WIRE))
    for name, field in type(data).model_fields.items():
        if not field.is_required() and name not in ("role", "level"):
            event["data"].pop(name, None)
    assert parse(json.dumps(event)).data.WIRE == data.WIRE


@pytest.mark.parametrize("fact", TIMELINE, ids=lambda fact: fact.WIRE)
def test_a_fact_is_written_as_its_golden_file(fact: Fact) -> None:
    written = encode_fact(fact, "urn:lms:academy", "e-17")
    assert json.loads(written) == json.loads(golden("timeline", fact.WIRE))


@pytest.mark.parametrize("fact", TIMELINE, ids=lambda fact: fact.WIRE)
def test_a_golden_fact_is_understood_for_ever(fact: Fact) -> None:
    told = decode(golden("timeline", fact.WIRE))
    assert told.fact == fact
    assert told.name == ("urn:lms:academy", "e-17")
    assert told.key == getattr(fact, "customer", "catalogue")


def test_the_second_fact_of_a_record_names_the_record_as_its_cause() -> None:
    second = replace(TIMELINE[5], cause="urn:lms:academy#e-16")
    written = encode_fact(second, "urn:lms:academy", "e-17")
    assert json.loads(written)["origin"] == "urn:lms:academy#e-16"
    assert decode(written).fact == second


def test_a_tick_is_written_as_its_golden_file() -> None:
    assert json.loads(encode_tick(AT, 3, 7)) == json.loads(golden("timeline", Tick.WIRE))


def test_a_golden_tick_is_understood_for_ever() -> None:
    told = decode(golden("timeline", Tick.WIRE))
    assert (told.fact, told.releases) == (Tick(now=AT), 7)


def test_a_fact_set_free_says_how_many_releases_there_were() -> None:
    assert "releases" not in json.loads(encode_fact(TIMELINE[0], "urn:lms:academy", "e-17"))
    assert decode(encode_fact(TIMELINE[0], "urn:lms:academy", "e-17", 4)).releases == 4


def test_exports_have_the_columns_that_they_had() -> None:
    columns = {kind: list(names) for kind, names in EXPORTS.items()}
    assert columns == json.loads((GOLDEN / "exports.json").read_bytes())


def test_every_kind_of_fact_is_asked_about_here() -> None:
    assert {type(fact) for fact in TIMELINE} == set(FACTS)
    assert {type(data) for data in INCOMING} == set(incoming.EVENTS)
