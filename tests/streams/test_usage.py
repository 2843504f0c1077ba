"""Does usage come through intake and engine, once, and wait where nobody knows whose it is?"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from schemas.facts import UsageRecorded
from schemas.topics import USAGE
from tests.conftest import Broker

from .acme import ADA, DAY, EVERYONE, MONDAY, customer, joined
from .folding import await_folded
from .steps import Steps, event
from .system import System


def used(id: str, at: datetime = MONDAY + DAY, **data: Any) -> dict[str, Any]:
    return event(
        "usage.recorded.v1", at, id, "urn:meter", **{"customer": "acme", "metric": "calls"} | data
    )


def take(intake: Steps, *events: dict[str, Any]) -> list[UsageRecorded]:
    intake.say(*events, topic=USAGE)
    intake.take(intake.tp(0, USAGE))
    return intake.facts(UsageRecorded)


def test_usage_that_names_nobody_needs_only_its_account(intake: Steps) -> None:
    intake.tell(customer())
    (fact,) = take(intake, used("u1", quantity="2.50", feature="exports"))
    assert (fact.customer, fact.metric, fact.person, fact.feature) == (
        "acme",
        "calls",
        None,
        "exports",
    )
    assert str(fact.quantity) == "2.5"
    assert intake.rows("SELECT FROM routes") == []


def test_who_used_it_stands_on_the_timeline_by_an_opaque_id(intake: Steps) -> None:
    intake.tell(*EVERYONE)
    (fact,) = take(intake, used("u1", person={"email": "ada@acme.example", "name": "Ada"}))
    assert (fact.person, fact.quantity) == (ADA, Decimal(1))
    assert intake.rows("SELECT lms_name FROM people WHERE person = %s", ADA) == [("Ada",)]


@pytest.mark.parametrize(
    ("data", "pointer"),
    [({"customer": "bolt"}, "/data/customer"), ({"person": {"id": "8"}}, "/data/person")],
)
def test_usage_of_an_unknown_account_or_person_waits_until_it_is_known(
    intake: Steps, data: dict[str, Any], pointer: str
) -> None:
    intake.tell(customer(), joined())
    assert take(intake, used("u1", **data)) == []
    ((reason, detail),) = intake.rows("SELECT reason, detail FROM quarantine")
    assert (reason, detail.partition(":")[0]) == ("unknown", pointer)
    intake.tell(customer("bolt"), joined(id="8", email="bob@acme.example"))
    assert intake.settle(intake.tp(0, USAGE)) == 1
    (fact,) = intake.facts(UsageRecorded)
    assert fact.customer == data.get("customer", "acme")
    assert intake.quarantine() == []


@pytest.mark.parametrize("quantity", ["1e3", "NaN", "1.23456", True, None, "1" * 15])
def test_what_is_no_amount_is_refused_with_where_it_stands(intake: Steps, quantity: object) -> None:
    intake.tell(customer())
    assert take(intake, used("u1", quantity=quantity)) == []
    ((_, _, reason, detail),) = intake.dead_letters()
    assert (reason, detail.partition(":")[0]) == ("data", "/data/quantity")


def test_usage_is_counted_once_whoever_repeats_it(
    kafka: Broker, database: str, tmp_path: Any
) -> None:
    with System(kafka.bootstrap, database, tmp_path) as system:
        for kind in ("intake", "engine"):
            system.start(kind)
        system.publish("intake.directory", *EVERYONE)
        system.await_intake()
        ada = {"email": "ada@acme.example"}
        told = [used("u1", quantity=3, person=ada), used("u2", quantity="0.5", feature="exports")]
        again = used("u3", MONDAY + 2 * DAY, quantity=2, person=ada)
        system.publish(USAGE, *told, told[0], again, told[1])
        system.await_intake()
        await_folded(system)
        rows = system.rows(
            "SELECT customer_id, metric, total, events, users, first_at, last_at FROM metric_usage"
        )
        first, last = MONDAY + DAY, MONDAY + 2 * DAY
        assert rows == [("acme", "calls", Decimal("5.5"), 3, 1, first, last)]
        assert system.rows("SELECT day, total, events FROM daily_usage ORDER BY day") == [
            (date(2026, 3, 3), Decimal("3.5"), 2),
            (date(2026, 3, 4), Decimal(2), 1),
        ]
        assert system.rows("SELECT user_id, first_at FROM metric_users") == [(ADA, first)]
        assert system.rows("SELECT feature, adopted_at, events FROM feature_adoption") == [
            ("exports", first, 1)
        ]
