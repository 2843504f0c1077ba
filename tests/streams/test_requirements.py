"""What must be true of requirements on their way through intake?"""

from datetime import datetime
from typing import Any

import pytest

from schemas.facts import RequirementDescribed, RequirementRetired
from schemas.topics import CATALOGUE, DIRECTORY

from .acme import DAY, MONDAY, course
from .steps import Steps, event

KNOWN = "SELECT requirement, role, level, target_kind, target, retired FROM requirements"


def required(name: str, at: datetime = MONDAY, **data: Any) -> dict[str, Any]:
    return event("requirement.described.v1", at, name, "urn:hr", requirement="R", **data)


def retired(name: str, at: datetime = MONDAY) -> dict[str, Any]:
    return event("requirement.retired.v1", at, name, "urn:hr", requirement="R")


@pytest.fixture
def intake(intake: Steps) -> Steps:
    """One that has heard of the course and the certificate that are required."""
    intake.tell(course(certificate="pro"))
    return intake


def test_a_requirement_stands_once_in_every_partition(intake: Steps) -> None:
    intake.tell(required("r1", role="admin", course="git"), retired("r2"))
    for told in intake.timeline().values():
        assert [(one.key, one.name) for one in told] == [
            (CATALOGUE, ("urn:hr", "k-git")),
            (CATALOGUE, ("urn:hr", "r1")),
            (CATALOGUE, ("urn:hr", "r2")),
        ]
    asked = intake.facts(RequirementDescribed)
    assert [(fact.role, fact.course, fact.certificate) for fact in asked] == [
        ("admin", "git", None)
    ] * 3
    assert len(intake.facts(RequirementRetired)) == 3
    assert intake.quarantine() == []


@pytest.mark.parametrize("target", [{"course": "hub"}, {"certificate": "master"}])
def test_what_nobody_has_described_is_required_of_nobody_until_somebody_does(
    intake: Steps, target: dict[str, str]
) -> None:
    intake.tell(required("r1", MONDAY, role="admin", **target))
    assert intake.rows(KNOWN) == []
    ((reason, detail),) = intake.rows("SELECT reason, detail FROM quarantine")
    ((kind, named),) = target.items()
    assert reason == "unknown"
    assert detail.startswith(f"/data/{kind}: ")
    assert named in detail
    intake.tell(course("hub", certificate="master"))
    assert intake.settle(intake.tp(0, DIRECTORY)) == 1
    assert intake.rows(KNOWN) == [("R", "admin", "any", kind, named, False)]
    assert intake.quarantine() == []


def test_a_requirement_is_seen_only_behind_its_append(intake: Steps) -> None:
    tp = intake.tp(0, DIRECTORY)
    intake.say(required("r1", role="admin", certificate="pro"), topic=DIRECTORY)
    learning = intake.resolve(tp)
    intake.forward(learning)
    assert intake.rows(KNOWN) == []
    intake.move(tp, learning)
    assert intake.rows(KNOWN) == [("R", "admin", "any", "certificate", "pro", False)]


def test_of_course_and_certificate_the_one_said_last_stands(intake: Steps) -> None:
    intake.tell(required("r2", MONDAY + DAY, certificate="pro", level="senior"))
    intake.tell(required("r1", MONDAY, course="git", role="admin"))
    assert intake.rows(KNOWN) == [("R", "admin", "senior", "certificate", "pro", False)]
    intake.tell(required("r3", MONDAY + 2 * DAY, course="git"))
    assert intake.rows(KNOWN) == [("R", "admin", "senior", "course", "git", False)]


@pytest.mark.parametrize("late", [False, True])
def test_who_writes_last_at_one_instant_goes_by_the_bytes_of_its_id(
    intake: Steps, late: bool
) -> None:
    """`a` lies behind `B`, whatever the database's language says of letters."""
    said = [required("B", role="buyer"), required("a", role="admin")]
    intake.tell(*(reversed(said) if late else said))
    assert [row[1] for row in intake.rows(KNOWN)] == ["admin"]


def test_a_requirement_stays_retired_as_courses_do(intake: Steps) -> None:
    intake.tell(retired("r1"), required("r2", MONDAY + DAY, role="admin", course="git"))
    assert intake.rows(KNOWN) == [("R", "admin", "any", "course", "git", True)]


def test_a_requirement_of_two_things_at_once_is_refused(intake: Steps) -> None:
    intake.tell(required("r1", course="git", certificate="pro"))
    ((_, _, reason, detail),) = intake.dead_letters()
    assert (reason, detail.partition(":")[0]) == ("data", "/data")
    assert intake.facts(RequirementDescribed) == []
