"""Does a card get the names, the role and the progress that stand in the database?"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from handlers.cards import CardFacts, Progress
from handlers.readiness import Gap, Standing
from projections.cards import GAPS, GAPS_READ, csm_of, current
from projections.migrate import migrate
from schemas.alerts import TEAM_MILESTONE, TRAINING_ABANDONED

ALERT = UUID("3f1c6f0e-3a5b-5c1e-8a52-0c7a6fbb3d61")
NOW = datetime(2026, 1, 29, 18, tzinfo=UTC)
SEARCH_PATH = "-csearch_path=live,public"

Insert = Callable[..., None]


def at(day: int) -> datetime:
    return datetime(2026, 1, day, 12, tzinfo=UTC)


@pytest.fixture
def url(database: str) -> str:
    migrate(database)
    return database


@pytest.fixture
def insert(url: str) -> Insert:
    """Writes one row of a table."""

    def write(table: str, **values: Any) -> None:
        names = ", ".join(f'"{name}"' for name in values)
        places = ", ".join(f"%({name})s" for name in values)
        with psycopg.connect(url, autocommit=True, options=SEARCH_PATH) as connection:
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", values)

    return write


@pytest.fixture
def alert(insert: Insert) -> None:
    insert(
        "alerts",
        alert=ALERT,
        version=2,
        rule=TRAINING_ABANDONED,
        rule_version=1,
        customer="datacorp",
        subject="bob|admin-cert",
        status="open",
        at=at(22),
        raised_at=at(22),
        causes=["lms#1"],
        values=Jsonb({"course": "admin-cert", "last_module": "m2"}),
        notify=True,
    )


def looked_up(url: str) -> CardFacts:
    """What the card of the one alert shows; its version is the row's."""

    async def look() -> CardFacts:
        connection = await psycopg.AsyncConnection.connect(url, options=SEARCH_PATH)
        async with connection:
            found = await current(connection, ALERT, NOW)
        assert found is not None
        assert found.version == 2
        return found.facts

    return asyncio.run(look())


def csm(url: str, customer: str) -> str | None:
    async def ask() -> str | None:
        connection = await psycopg.AsyncConnection.connect(url, options=SEARCH_PATH)
        async with connection:
            return await csm_of(connection, customer)

    return asyncio.run(ask())


def test_an_alert_that_is_not_there_has_no_card(url: str) -> None:
    async def look() -> object:
        connection = await psycopg.AsyncConnection.connect(url, options=SEARCH_PATH)
        async with connection:
            return await current(connection, ALERT, NOW)

    assert asyncio.run(look()) is None


@pytest.mark.usefixtures("alert")
def test_of_what_nobody_described_a_card_shows_ids_and_no_person(url: str) -> None:
    assert looked_up(url) == CardFacts(
        rule=TRAINING_ABANDONED,
        rule_version=1,
        status="open",
        at=at(22),
        values={"course": "admin-cert", "last_module": "m2"},
        account="datacorp",
        now=NOW,
    )


@pytest.mark.usefixtures("alert")
def test_a_card_shows_what_the_directory_the_catalogue_and_the_progress_say(
    url: str, insert: Insert
) -> None:
    insert("customer_facts", customer="datacorp", source_id="d#1", at=at(1), name="DataCorp")
    insert("customer_facts", customer="datacorp", source_id="d#2", at=at(2), zone="Asia/Tokyo")
    insert("customer_facts", customer="other", source_id="d#3", at=at(3), name="Other")
    insert("people", person="bob", name="Bob Smith", lms_name="bobby")
    insert(
        "membership_facts",
        person="bob",
        customer="datacorp",
        source_id="d#4",
        at=at(1),
        kind="joined",
        role="user",
    )
    insert(
        "membership_facts",
        person="bob",
        customer="datacorp",
        source_id="d#5",
        at=at(2),
        kind="changed",
        role="admin",
    )
    insert(
        "membership_facts",
        person="bob",
        customer="other",
        source_id="d#6",
        at=at(3),
        kind="joined",
        role="owner",
    )
    insert(
        "course_facts",
        course="admin-cert",
        source_id="c#1",
        at=at(1),
        name="Admin Cert",
        certificate="admin",
        certificate_name="Administrator",
        modules=Jsonb([{"id": "m1", "name": "Basics"}, {"id": "m2"}]),
    )
    insert(
        "training",
        customer="datacorp",
        person="bob",
        course="admin-cert",
        status="abandoned",
        active=True,
        started_at=at(3),
        attempts=0,
        modules=["m1"],
        last_activity_at=at(8),
        created_at=at(3),
        updated_at=at(8),
    )
    facts = looked_up(url)
    assert (facts.account, facts.zone) == ("DataCorp", "Asia/Tokyo")
    assert (facts.person, facts.role) == ("Bob Smith", "admin")
    assert (facts.course, facts.certificate) == ("Admin Cert", "Administrator")
    assert facts.modules == (("m1", "Basics"), ("m2", None))
    assert facts.progress == Progress(
        status="abandoned",
        active=True,
        started_at=at(3),
        completed_at=None,
        last_activity_at=at(8),
    )


@pytest.mark.usefixtures("alert")
def test_the_lms_names_whom_the_directory_does_not(url: str, insert: Insert) -> None:
    insert("people", person="bob", lms_name="bobby")
    assert looked_up(url).person == "bobby"


def test_the_csm_is_whom_the_directory_named_last(url: str, insert: Insert) -> None:
    for day, who in ((2, "new@laurel.test"), (1, "old@laurel.test")):
        insert(
            "customer_facts",
            customer="datacorp",
            source_id=f"d#{who}",
            at=at(day),
            csm_email=who,
        )
    insert("customer_facts", customer="datacorp", source_id="d#9", at=at(9), name="DataCorp")
    insert("customer_facts", customer="nameless", source_id="d#8", at=at(8), name="Nameless")
    assert csm(url, "datacorp") == "new@laurel.test"
    assert csm(url, "nameless") is None
    assert csm(url, "unheard-of") is None


def team(insert: Insert, role: str, people: int, *counts: tuple[str, str, int, int]) -> None:
    """A team of Datacorp's; a count is kind, id, how many have met it and are waived."""
    targets = [
        {"kind": kind, "id": id, "enrolled": 0, "met": met, "waived": waived}
        for kind, id, met, waived in counts
    ]
    insert(
        "teams",
        customer="datacorp",
        role=role,
        level="any",
        people=people,
        enrolled=people,
        scored=2,
        score_sum=Decimal("176.5"),
        targets=Jsonb(targets),
    )


def required(insert: Insert, name: str, kind: str | None, target: str | None, **said: Any) -> None:
    insert(
        "requirement_facts",
        requirement=name,
        source_id=f"r#{name}",
        at=at(1),
        target_kind=kind,
        target=target,
        **said,
    )


def on_the_way(insert: Insert, person: str, day: int, **said: Any) -> None:
    """Somebody who started the administrator's course and has done its second module."""
    row = {
        "customer": "datacorp",
        "person": person,
        "course": "admin-cert",
        "status": "in_progress",
        "active": True,
        "started_at": at(day),
        "attempts": 0,
        "modules": ["m2"],
        "created_at": at(day),
        "updated_at": at(day),
        "certificate": "admin",
    }
    insert("training", **{**row, **said})


@pytest.fixture
def required_of_admins(alert: None, insert: Insert) -> None:
    """Admins are to hold a certificate that the course of the one alert earns."""
    insert(
        "course_facts",
        course="admin-cert",
        source_id="c#1",
        at=at(1),
        name="Admin Cert",
        certificate="admin",
        certificate_name="Administrator",
        modules=Jsonb([{"id": "m1", "name": "Basics"}, {"id": "m2"}]),
    )
    required(insert, "r1", "certificate", "admin", role="admin")
    team(insert, "admin", 4, ("certificate", "admin", 2, 1))
    for person in ("ann", "bob", "cid"):
        insert("people", person=person, name=person.capitalize())
        insert(
            "membership_facts",
            person=person,
            customer="datacorp",
            source_id=f"d#{person}",
            at=at(1),
            kind="joined",
            role="admin" if person != "cid" else "buyer",
        )


@pytest.mark.usefixtures("required_of_admins")
def test_a_card_shows_each_requirement_that_concerns_somebody_in_their_order(
    url: str, insert: Insert
) -> None:
    required(insert, "r4", "course", "unheard", role="buyer")
    required(insert, "r3", "course", "basics", role="buyer")
    required(insert, "r2", "course", "nobody", role="nobody")
    required(insert, "r5", "course", "waived", role="buyer")
    required(insert, "r6", "course", "basics", role="buyer", retired=True)
    required(insert, "r7", None, None, role="buyer")
    team(insert, "buyer", 5, ("course", "basics", 1, 0), ("course", "waived", 0, 5))
    team(insert, "any", 9)
    readiness = looked_up(url).readiness
    assert readiness.standings == (
        Standing("admin", "any", "certificate", "Administrator", people=3, met=2),
        Standing("buyer", "any", "course", "basics", people=5, met=1),
        Standing("buyer", "any", "course", "unheard", people=5, met=0),
    )
    assert readiness.average == Decimal("88.25")


@pytest.mark.usefixtures("required_of_admins")
def test_gaps_are_of_those_who_are_on_the_way_to_what_their_role_requires(
    url: str, insert: Insert
) -> None:
    on_the_way(insert, "bob", 8, status="abandoned")
    on_the_way(insert, "cid", 3)
    on_the_way(insert, "dee", 4)
    assert looked_up(url).readiness.gaps == (
        Gap("Bob", "Admin Cert", at(8), (("m1", "Basics"), ("m2", None)), ("m2",)),
    )


@pytest.mark.usefixtures("required_of_admins")
@pytest.mark.parametrize(
    "said",
    [
        {"active": False},
        {"status": "completed"},
        {"status": "withdrawn"},
        {"status": "not_started", "started_at": None},
        {"course": "elective", "certificate": None},
        {"customer": "other"},
    ],
)
def test_who_is_not_on_the_way_is_no_gap(url: str, insert: Insert, said: dict[str, Any]) -> None:
    on_the_way(insert, "ann", 8)
    on_the_way(insert, "bob", 8, **said)
    assert [gap.person for gap in looked_up(url).readiness.gaps] == ["Ann"]


@pytest.mark.usefixtures("required_of_admins")
def test_who_holds_the_certificate_or_was_waived_it_is_no_gap(url: str, insert: Insert) -> None:
    on_the_way(insert, "ann", 8)
    insert(
        "certificates",
        customer="datacorp",
        person="ann",
        certificate="admin",
        status="valid",
        earned_at=at(1),
    )
    on_the_way(insert, "bob", 8)
    on_the_way(insert, "bob", 8, course="admin-fast-track", status="waived")
    assert looked_up(url).readiness.gaps == ()


@pytest.mark.usefixtures("required_of_admins")
def test_one_way_that_serves_two_requirements_is_one_gap(url: str, insert: Insert) -> None:
    required(insert, "r2", "course", "admin-cert")
    team(insert, "any", 9)
    on_the_way(insert, "ann", 8)
    on_the_way(insert, "cid", 9)
    assert [gap.person for gap in looked_up(url).readiness.gaps] == ["Ann", "Cid"]


@pytest.mark.usefixtures("required_of_admins")
def test_of_too_many_gaps_the_longest_are_read(url: str, insert: Insert) -> None:
    with psycopg.connect(url, options=SEARCH_PATH) as connection:
        connection.execute(
            """
            INSERT INTO training (customer, person, course, status, active, started_at, attempts,
                                  modules, created_at, updated_at)
            SELECT 'datacorp', 'p' || n, 'basics', 'in_progress', true, %s + n * interval '1 hour',
                   0, '{}', now(), now() FROM generate_series(1, %s) AS n
            """,
            (at(1), GAPS_READ + 1),
        )
    required(insert, "r2", "course", "basics")
    team(insert, "any", 999)
    readiness = looked_up(url).readiness
    assert readiness.more_gaps
    assert len(readiness.gaps) == GAPS_READ
    assert max(gap.started_at for gap in readiness.gaps) == at(1) + timedelta(hours=GAPS_READ)


def test_of_ten_thousand_learners_only_those_on_the_way_are_read(url: str) -> None:
    """By the index, whose condition is the query's own."""
    demand = {"roles": ["admin"], "levels": ["any"], "kinds": ["course"], "targets": ["c1"]}
    sought = {"customer": "big", "limit": 201, "courses": ["c1"], "certificates": [], **demand}
    with psycopg.connect(url, options=f"{SEARCH_PATH} -cjit=off") as connection:
        connection.execute(
            """
            INSERT INTO training (customer, person, course, status, active, started_at, attempts,
                                  modules, created_at, updated_at)
            SELECT 'big', 'p' || n, 'c1',
                   CASE WHEN n % 50 = 0 THEN 'in_progress' ELSE 'completed' END, true,
                   now() - n * interval '1 minute', 0, '{}', now(), now()
            FROM generate_series(1, 10000) AS n
            """
        )
        connection.execute("ANALYZE training")
        ((plan,),) = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {GAPS}", sought)
    scans = [node for node in nodes(plan[0]["Plan"]) if node.get("Relation Name") == "training"]
    read = [node for node in scans if node.get("Alias") == "t"]
    assert [node["Actual Rows"] for node in read] == [200]
    assert "training_open" in str(plan)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


@pytest.mark.parametrize(("kind", "target"), [("course", "admin-cert"), ("certificate", "admin")])
@pytest.mark.usefixtures("required_of_admins")
def test_a_teams_card_names_its_target_and_no_person(
    url: str, insert: Insert, kind: str, target: str
) -> None:
    insert("people", person="r1", name="Namesake")
    values = {"requirement": "r1", "target_kind": kind, "target": target}
    with psycopg.connect(url, options=SEARCH_PATH) as connection:
        connection.execute(
            "UPDATE alerts SET rule = %s, subject = 'r1', values = %s",
            (TEAM_MILESTONE, Jsonb(values)),
        )
    facts = looked_up(url)
    assert {"course": facts.course, "certificate": facts.certificate}[kind] in (
        "Admin Cert",
        "Administrator",
    )
    assert facts.person is None
    assert facts.at == at(22)
