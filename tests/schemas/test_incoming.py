"""Is what a producer says taken as it was meant, or refused?"""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from schemas.envelope import Unreadable, parse
from schemas.incoming import TrainingCompleted

LAST_DAY = "/data/certificate/last_day"


def told(time: object = "2026-03-02T09:00:00Z", **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:lms",
        "type": "training.completed.v1",
        "time": time,
        "data": {"person": {"id": "ada"}, "course": "git", **data},
    }


def course(**data: Any) -> dict[str, Any]:
    return {**told(), "type": "course.described.v1", "data": {"course": "git", **data}}


def customer(**data: Any) -> dict[str, Any]:
    return {**told(), "type": "customer.described.v1", "data": {"customer": "acme", **data}}


def paper(last_day: object) -> dict[str, Any]:
    return told(certificate={"certificate": "pro", "last_day": last_day})


@pytest.mark.parametrize(
    ("event", "where"),
    [
        (told(time=1772442000), "/time"),
        (told(time="1772442000"), "/time"),
        (told(time=True), "/time"),
        (told(score=True), "/data/score"),
        (told(score="8_0"), "/data/score"),
        (told(score=" 80 "), "/data/score"),
        (told(attempt=True), "/data/attempt"),
        (told(attempt="2"), "/data/attempt"),
        (told(attempt=2.5), "/data/attempt"),
        (told(registration=7), "/data/registration"),
        (told(course=7), "/data/course"),
        (paper(0), LAST_DAY),
        (paper("0"), LAST_DAY),
        (paper(False), LAST_DAY),
        (paper("2027-01-01T00:00:00Z"), LAST_DAY),
        (course(validity_months=True), "/data/validity_months"),
        (course(patience_days="14"), "/data/patience_days"),
        (customer(arr=True), "/data/arr"),
        (customer(health=True), "/data/health"),
    ],
)
def test_what_would_only_be_guessed_is_refused_by_its_place(
    event: dict[str, Any], where: str
) -> None:
    with pytest.raises(Unreadable, match=f"^{where}: "):
        parse(json.dumps(event))


def test_numbers_may_be_text_where_they_are_decimal_and_days_are_text() -> None:
    for score in (90.5, "90.5"):
        certificate = {"certificate": "pro", "last_day": "2027-03-02"}
        read = parse(json.dumps(told(score=score, attempt=2.0, certificate=certificate))).data
        assert isinstance(read, TrainingCompleted)
        assert (read.score, read.attempt) == (Decimal("90.5"), 2)
        assert read.certificate
        assert read.certificate.last_day == date(2027, 3, 2)


@pytest.mark.parametrize("said", ["application/xml", "text/json", "application/json+x", "", 7])
def test_data_that_is_said_to_be_no_json_is_refused(said: object) -> None:
    with pytest.raises(Unreadable, match=r"^/datacontenttype: "):
        parse(json.dumps({**told(), "datacontenttype": said}))


@pytest.mark.parametrize(
    "said", ["application/json", "Application/JSON", "application/json; charset=utf-8", None]
)
def test_data_may_be_said_to_be_json_with_parameters_or_nothing_said(said: object) -> None:
    assert parse(json.dumps({**told(), "datacontenttype": said})).id == "1"
