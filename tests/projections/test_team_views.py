"""Do the views of teams, requirements and gaps say what was folded?"""

from collections import Counter
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from projections.exports import rows as exported
from schemas.facts import Fact, Tick
from schemas.zones import ZONES
from tests.handlers.story import (
    CERTIFICATE,
    COURSE,
    REQUIREMENT,
    account,
    completed,
    described,
    ended,
    enrolled,
    granted,
    joined,
    left,
    module,
    moved,
    on,
    renewed,
    required,
    retired,
    revoked,
    started,
    tick,
    waived,
    withdrawn,
)
from tests.projections.told import Connection, View, of, tell

STORY: tuple[Fact | Tick, ...] = (
    account(-100, zone="Asia/Tokyo"),
    described(
        -100,
        certificate=CERTIFICATE,
        validity_months=1,
        modules=("m1", "m2", "m3"),
    ),
    required(-50, role="admin", course=COURSE),
    required(-50, name="c", requirement="certified", certificate=CERTIFICATE),
    required(-50, name="n", requirement="nobody", role="nobody", certificate=CERTIFICATE),
    joined(-40, person="ann", role="admin"),
    joined(-40, person="bob", role="admin"),
    joined(-40, person="cid", role="admin"),
    joined(-40, person="dee", role="buyer"),
    joined(-40, person="eve", role="admin"),
    completed(1, person="ann", score=Decimal("92.25")),
    started(0, person="bob"),
    module(2, person="bob", module="m1"),
    waived(1, person="cid"),
    completed(1, person="eve"),
    left(2, person="eve"),
)


def test_coverage_has_a_row_for_each_requirement_also_where_nobody_is_in_the_role(
    view: View,
) -> None:
    rows = view("training_coverage", *STORY)
    counts = {
        row["requirement_id"]: (row["people"], row["met"], row["waived"], row["percent"])
        for row in rows
    }
    assert counts == {
        REQUIREMENT: (3, 1, 1, Decimal("50.0")),
        "certified": (4, 1, 1, Decimal("33.3")),
        "nobody": (0, 0, 0, None),
    }
    assert of(rows, requirement_id=REQUIREMENT) | {"customer_id": "acme"} == {
        "customer_id": "acme",
        "requirement_id": REQUIREMENT,
        "role": "admin",
        "level": "any",
        "target_kind": "course",
        "target_id": COURSE,
        "people": 3,
        "met": 1,
        "waived": 1,
        "percent": Decimal("50.0"),
    }


def test_what_was_retired_or_has_no_target_and_who_has_ended_have_no_coverage(
    connection: Connection, view: View
) -> None:
    aimless = required(-50, name="a", requirement="aimless", role="admin")
    rows = view("training_coverage", *STORY, retired(0), aimless)
    assert {row["requirement_id"] for row in rows} == {"certified", "nobody"}
    tell(connection, ended(5))
    assert view("training_coverage") == []


def test_where_all_are_waived_there_is_no_percentage(view: View) -> None:
    rows = view("training_coverage", *STORY[:6], waived(1, person="ann"))
    assert of(rows, requirement_id=REQUIREMENT)["percent"] is None


def test_rates_stand_for_each_role_and_for_everybody(view: View) -> None:
    rows = view("training_rates", *STORY, completed(1, person="dee", score=Decimal("80.1")))
    rates = {
        (row["role"], row["level"]): (row["people"], row["enrolment_rate"], row["average_score"])
        for row in rows
    }
    assert rates == {
        ("any", "any"): (4, Decimal("75.0"), Decimal("86.2")),
        ("admin", "any"): (3, Decimal("66.7"), Decimal("92.3")),
        ("buyer", "any"): (1, Decimal("100.0"), Decimal("80.1")),
    }


def test_a_team_without_scores_has_no_average(view: View) -> None:
    assert of(view("training_rates", joined(0)))["average_score"] is None


def test_completion_is_of_the_enrolled_and_certification_of_all(view: View) -> None:
    rows = view("team_targets", *STORY, completed(1, person="dee", course="other"))
    course = of(rows, role="any", target_id=COURSE)
    assert (course["enrolled"], course["met"], course["waived"]) == (2, 1, 1)
    assert (course["completion_rate"], course["certification_rate"]) == (Decimal("50.0"), None)
    certificate = of(rows, role="any", target_id=CERTIFICATE)
    assert (certificate["enrolled"], certificate["met"], certificate["people"]) == (0, 1, 4)
    assert certificate["completion_rate"] is None
    assert certificate["certification_rate"] == Decimal("25.0")


def test_gaps_name_each_person_and_requirement_and_where_she_is_stuck(view: View) -> None:
    rows = view("training_gaps", *STORY, tick(8))
    assert Counter(row["requirement_id"] for row in rows) == {REQUIREMENT: 1, "certified": 2}
    bob = of(rows, user_id="bob", requirement_id=REQUIREMENT)
    assert (bob["status"], bob["started_at"]) == ("in_progress", on(0))
    assert (bob["last_module"], bob["stuck_on"], bob["days_stuck"]) == ("m1", "m2", 6)
    certified = of(rows, user_id="bob", requirement_id="certified")
    assert (certified["course_id"], certified["certificate_status"]) == (COURSE, None)
    assert (certified["stuck_on"], certified["days_stuck"]) == ("m2", 6)
    dee = of(rows, user_id="dee")
    assert (dee["status"], dee["days_stuck"], dee["stuck_on"]) == ("not_enrolled", None, None)


def test_who_has_done_no_module_is_stuck_on_the_first_and_who_has_done_all_on_none(
    view: View,
) -> None:
    modules = [module(n, person="dee", module=f"m{n}") for n in (1, 2, 3)]
    rows = view(
        "training_gaps", *STORY, *modules, joined(1, person="fay"), started(2, person="fay")
    )
    dee, fay = of(rows, user_id="dee"), of(rows, user_id="fay")
    assert (dee["last_module"], dee["stuck_on"]) == ("m3", None)
    assert (fay["last_module"], fay["stuck_on"]) == (None, "m1")


def test_a_certificate_that_ran_out_or_was_revoked_is_a_gap(view: View) -> None:
    rows = view("training_gaps", *STORY, revoked(3, person="ann"))
    ann = of(rows, user_id="ann", requirement_id="certified")
    assert (ann["certificate_status"], ann["status"]) == ("revoked", "completed")
    assert ann["days_stuck"] is None


STORIES: dict[str, tuple[Fact | Tick, ...]] = {
    "as it was": STORY,
    "a lapse": (*STORY, tick(60)),
    "a move": (*STORY, moved(3, person="dee", role="admin")),
    "a waiver of what was withdrawn": (*STORY, withdrawn(3, person="bob"), waived(4, person="dee")),
    "a course that turns to another certificate": (
        *STORY,
        described(3, name="turned", certificate="other"),
        enrolled(4, person="cid"),
    ),
    "a return": (*STORY, joined(5, person="eve")),
    "another level": (*STORY, required(3, level="senior"), moved(4, person="bob", level="senior")),
}


@pytest.mark.parametrize("story", STORIES)
def test_the_gaps_of_a_requirement_are_those_who_are_missing_in_its_coverage(
    story: str, view: View
) -> None:
    coverage = view("training_coverage", *STORIES[story])
    missing = {
        row["requirement_id"]: row["people"] - row["waived"] - row["met"] for row in coverage
    }
    gaps = Counter(row["requirement_id"] for row in view("training_gaps"))
    assert {name: gaps[name] for name in missing} == missing
    assert sum(missing.values()) > 0


@pytest.mark.parametrize(
    ("now", "left_over"),
    [
        (on(0).replace(hour=14, minute=59), []),
        (on(0).replace(hour=15), [30]),
        (on(30).replace(hour=14, minute=59), [1]),
        (on(31).replace(hour=14, minute=59), [0]),
        (on(31).replace(hour=15), []),
    ],
)
def test_a_certificate_expires_soon_from_30_days_before_its_last_day_to_that_day(
    now: Any, left_over: list[int], view: View
) -> None:
    """In Tokyo a day begins at 15:00 UTC of the day before."""
    story = (*STORY[:-6], granted(-1, last_day=on(31).date()), tick(now))
    rows = view("expiring_certificates", *story)
    assert [row["days_left"] for row in rows] == left_over


def test_what_lasts_longer_than_its_renewal_expires_no_sooner(view: View) -> None:
    soon, later, late = on(10).date(), on(20).date(), on(90).date()
    first = (granted(1, last_day=late), granted(1, person="bob", name="bob", last_day=later))
    then = (renewed(2, last_day=soon), renewed(2, person="bob", name="again", last_day=soon))
    rows = view("expiring_certificates", *STORY[:9], *first, *then, tick(3))
    assert [(row["user_id"], row["last_day"]) for row in rows] == [("bob", later)]


def test_who_left_or_lost_it_is_told_of_no_expiry(view: View) -> None:
    soon = on(10).date()
    people = ("ann", "bob", "dee")
    story = [granted(1, person=person, name=person, last_day=soon) for person in people]
    gone = (left(2, person="bob"), revoked(2, person="dee"))
    rows = view("expiring_certificates", *STORY[:9], *story, *gone, tick(3))
    assert [(row["user_id"], row["certificate_id"]) for row in rows] == [("ann", CERTIFICATE)]


def test_postgres_knows_every_time_zone_that_a_customer_may_have(connection: Connection) -> None:
    found = connection.execute("SELECT name FROM pg_timezone_names").fetchall()
    assert set(ZONES) <= {row["name"] for row in found}


def test_exports_of_teams_hold_the_columns_that_are_promised(
    connection: Connection, database: str
) -> None:
    tell(connection, *STORY)
    with psycopg.connect(database, options="-csearch_path=live,public") as plain:
        coverage, teams, targets = (
            exported(plain, kind) for kind in ("coverage", "teams", "targets")
        )
    assert of(coverage, requirement="certified") == {
        "customer": "acme",
        "requirement": "certified",
        "role": "any",
        "level": "any",
        "target_kind": "certificate",
        "target": CERTIFICATE,
        "people": 4,
        "met": 1,
        "waived": 1,
        "percent": "33.3",
    }
    assert of(teams, role="admin") == {
        "customer": "acme",
        "role": "admin",
        "level": "any",
        "people": 3,
        "enrolled": 2,
        "enrolment_rate": "66.7",
        "scored": 1,
        "average_score": "92.3",
    }
    assert of(targets, role="admin", target_kind="course") == {
        "customer": "acme",
        "role": "admin",
        "level": "any",
        "target_kind": "course",
        "target": COURSE,
        "people": 3,
        "enrolled": 2,
        "met": 1,
        "waived": 1,
    }
