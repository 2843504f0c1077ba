"""Do gaps, rates and expiries hold for several courses of a certificate, people and accounts?"""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.facts import Fact
from tests.handlers.story import (
    CERTIFICATE,
    COURSE,
    account,
    completed,
    described,
    ended,
    enrolled,
    granted,
    joined,
    module,
    on,
    required,
    started,
    tick,
    waived,
)
from tests.projections.told import Connection, View, of, tell

BASICS = "basics"

TWO_WAYS: tuple[Fact, ...] = (
    account(-100),
    account(-100, name="bolt", customer="bolt"),
    described(-100, certificate=CERTIFICATE, modules=("m1", "m2")),
    described(-100, name="b", course=BASICS, certificate=CERTIFICATE, modules=("b1", "b2", "b3")),
    required(-50, certificate=CERTIFICATE),
    joined(-40, person="ann"),
    joined(-40, person="bob"),
    joined(-40, person="cid"),
)


@pytest.mark.parametrize(
    ("earlier", "later", "done", "stuck_on"),
    [(COURSE, BASICS, "b2", "b3"), (BASICS, COURSE, "m1", "m2")],
)
def test_of_several_courses_the_gap_shows_the_one_last_heard_of(
    earlier: str, later: str, done: str, stuck_on: str, view: View
) -> None:
    begun = started(0, name="s1", course=later), started(1, name="s2", course=earlier)
    rows = view("training_gaps", *TWO_WAYS, *begun, module(3, course=later, module=done), tick(8))
    assert len(rows) == 3
    ann = of(rows, user_id="ann")
    assert (ann["course_id"], ann["last_module"]) == (later, done)
    assert (ann["stuck_on"], ann["days_stuck"], ann["started_at"]) == (stuck_on, 5, on(0))


def test_of_courses_heard_of_at_once_the_gap_shows_the_first_by_name(view: View) -> None:
    begun = started(0, name="s1"), started(0, name="s2", course=BASICS)
    assert of(view("training_gaps", *TWO_WAYS, *begun), user_id="ann")["course_id"] == COURSE


def test_a_waiver_of_one_way_or_a_grant_closes_the_gap_and_another_account_does_not(
    view: View,
) -> None:
    rows = view(
        "training_gaps",
        *TWO_WAYS,
        joined(-30, person="ann", customer="bolt"),
        joined(-30, person="bob", customer="bolt"),
        waived(0, person="ann", course=BASICS),
        started(1, person="ann"),
        granted(1, person="bob", customer="bolt"),
        granted(1, person="cid", name="cid"),
    )
    gaps = {(row["customer_id"], row["user_id"]): row["status"] for row in rows}
    assert gaps == {("bolt", "ann"): "not_enrolled", ("acme", "bob"): "not_enrolled"}


def test_completed_are_counted_among_the_enrolled_and_certified_among_all(view: View) -> None:
    people = [joined(-40, person=f"p{n}", role="admin") for n in range(7)]
    into = [enrolled(0, name=f"e{n}", person=f"p{n}") for n in range(5)]
    done = [completed(1, name=f"c{n}", person=f"p{n}") for n in range(3)]
    others = waived(1, person="p5"), granted(1, person="p6"), joined(-40, person="q", role="buyer")
    rows = view("team_targets", *TWO_WAYS[:4], *people, *into, *done, *others)
    course = of(rows, role="admin", target_id=COURSE)
    assert (course["enrolled"], course["met"], course["waived"], course["people"]) == (5, 3, 1, 7)
    assert (course["completion_rate"], course["certification_rate"]) == (Decimal("60.0"), None)
    certificate = of(rows, role="admin", target_id=CERTIFICATE)
    assert (certificate["met"], certificate["waived"], certificate["people"]) == (4, 1, 7)
    assert certificate["certification_rate"] == Decimal("57.1")
    assert certificate["completion_rate"] is None
    assert of(rows, role="any", target_id=CERTIFICATE)["certification_rate"] == Decimal("50.0")
    assert of(rows, role="any", target_id=COURSE)["completion_rate"] == Decimal("60.0")


def test_where_nobody_is_enrolled_there_is_no_completion_rate(view: View) -> None:
    rows = view("team_targets", *TWO_WAYS, waived(1))
    course = of(rows, role="any", target_id=COURSE)
    assert (course["enrolled"], course["waived"], course["completion_rate"]) == (0, 1, None)


def test_of_many_certificates_those_expire_soon_whose_last_day_is_near_where_they_are(
    connection: Connection, view: View
) -> None:
    """At 15:00 UTC it is the next day already in Tokyo, and in New York it is not."""
    now = on(0).replace(hour=15)
    today = now.date()
    accounts = {"acme": "Asia/Tokyo", "bolt": "America/New_York", "gone": None}
    tell(connection, *(account(-99, name=id, customer=id, zone=z) for id, z in accounts.items()))
    days = (-2, 0, 1, 29, 30, 31, 32)
    held = [
        fact
        for id in accounts
        for day in days
        for fact in (
            joined(-40, name=f"j{id}{day}", customer=id, person=f"{day}"),
            granted(
                -30,
                name=f"g{id}{day}",
                customer=id,
                person=f"{day}",
                number=f"{id} {day}",
                last_day=today + timedelta(days=day),
            ),
        )
    ]
    connection.execute("INSERT INTO people (person, name, lms_name) VALUES ('1', 'Ada', 'A.')")
    connection.execute("INSERT INTO people (person, lms_name) VALUES ('30', 'B.')")
    rows = view("expiring_certificates", *held, ended(-1, customer="gone"), tick(now))
    found = Counter((row["customer_id"], row["user_id"], row["days_left"]) for row in rows)
    assert found == Counter(
        [
            *(("acme", f"{day}", day - 1) for day in (1, 29, 30, 31)),
            *(("bolt", f"{day}", day) for day in (0, 1, 29, 30)),
        ]
    )
    names = {row["user_id"]: row["user_name"] for row in rows}
    assert (names["1"], names["30"]) == ("Ada", "B.")
    assert names["29"] == "a former user"
    for row in rows:
        assert row["certificate_id"] == CERTIFICATE
        assert row["number"] == f"{row['customer_id']} {row['user_id']}"
        assert row["last_day"] == today + timedelta(days=int(row["user_id"]))
