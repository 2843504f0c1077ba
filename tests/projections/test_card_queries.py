"""Does a card get the names, the role and the progress that stand in the database?"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from handlers.cards import CardFacts, Progress
from projections.cards import csm_of, current
from projections.migrate import migrate
from schemas.alerts import TRAINING_ABANDONED

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
