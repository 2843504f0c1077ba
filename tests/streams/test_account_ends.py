"""Does the end of an account reach everyone there, whoever is in memory and who in the database?"""

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from faust.types import TP

from projections.migrate import migrate
from schemas.facts import (
    CertificateGranted,
    CompletionWithdrawn,
    CourseDescribed,
    CustomerEnded,
    Fact,
    PersonJoined,
    RequirementDescribed,
    TrainingCompleted,
    TrainingStarted,
)
from schemas.topics import TIMELINE
from streams.settings import Settings, load
from tests.conftest import Server, empty_database
from tests.streams.folding import (
    Line,
    a_fact,
    begin,
    cut,
    dump,
    fold,
    recorded,
    said,
    ticks,
)

ACME = TP(TIMELINE, 0)
PEOPLE = [f"p{number}" for number in range(9)]


def of_acme(kind: type[Fact], at: float, person: str, customer: str = "acme", **more: Any) -> Fact:
    whose = {"customer": customer, "person": person}
    return a_fact(kind, at, f"{customer} {person} {kind.__name__} {at}", **whose, **more)


def told() -> list[Line]:
    """An account that ends, and one in its partition that goes on, whose name begins as its own."""
    facts: list[Fact] = [
        a_fact(CourseDescribed, -2, "admin", course="admin", certificate="pro"),
        a_fact(RequirementDescribed, -2, "all", requirement="all", course="admin"),
        *(of_acme(PersonJoined, -1, person, role="admin") for person in PEOPLE),
        *(of_acme(TrainingStarted, at, person, course="admin") for at, person in enumerate(PEOPLE)),
        of_acme(TrainingCompleted, 9, "p0", course="admin"),
        of_acme(CompletionWithdrawn, 10, "p0", course="admin"),
        of_acme(TrainingStarted, 10, "other", "acmes", course="admin"),
        of_acme(CertificateGranted, 10, "known by this alone", certificate="pro"),
    ]
    ending = a_fact(CustomerEnded, 20, "end", customer="acme")
    late = [
        of_acme(PersonJoined, 21, "late", role="admin"),
        of_acme(TrainingStarted, 22, "late", course="admin"),
        of_acme(CertificateGranted, 22, "late", certificate="pro"),
    ]
    before, after = ([line for fact in some for line in said(fact)] for some in (facts, late))
    new = said(of_acme(TrainingStarted, 18, "new", course="admin"))
    return [*before, *ticks(17), *new, *said(ending), *after, *ticks(80)]


@pytest.fixture(scope="module")
def at_once(postgres: Server) -> Iterator[dict[str, list[Any]]]:
    """What stands when all of it was one batch."""
    with empty_database(postgres) as url:
        yield come_of(url, 500)


def begun(url: str) -> Settings:
    migrate(url)
    settings = load({"DATABASE_URL": url, "LAUREL_PARTITIONS": "3"})
    begin(settings)
    return settings


def come_of(url: str, size: int, *, anew: bool = False) -> dict[str, list[Any]]:
    """Fold it in batches of this size; `anew`: each by an engine that has nothing in memory."""
    settings = begun(url)
    batches = cut(recorded(told())[ACME], size)
    for some in [[batch] for batch in batches] if anew else [batches]:
        asyncio.run(fold(settings, {ACME: some}))
    with psycopg.connect(url, autocommit=True) as connection:
        return dump(connection)


def test_nobody_is_active_and_no_team_is_left(at_once: dict[str, list[Any]]) -> None:
    assert len(at_once["training"]) == 12
    assert [row[0] for row in at_once["training"] if row[4]] == ["acmes"]
    assert [row[0] for row in at_once["teams"]] == ["acmes"]


def test_stalls_are_over_and_certificates_stand(at_once: dict[str, list[Any]]) -> None:
    abandoned = [row for row in at_once["alerts"] if "training_abandoned" in row]
    stalls = [row for row in abandoned if "acme" in row]
    assert len(stalls) == len([at for at, _ in enumerate(PEOPLE) if at + 14 <= 20])
    assert all("resolved" in row and "urn:lms:test#end" in str(row) for row in stalls)
    holders = {row[1]: "valid" in row for row in at_once["certificates"]}
    assert holders == {"known by this alone": True, "late": True}
    certified = [row for row in at_once["alerts"] if "certification_earned" in row]
    assert [("late" in str(row), "open" in row) for row in certified if "open" in row] == [
        (False, True)
    ]


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("anew", [False, True])
def test_it_comes_to_the_same_however_the_timeline_is_cut(
    postgres: Server, at_once: dict[str, list[Any]], size: int, anew: bool
) -> None:
    with empty_database(postgres) as url:
        assert come_of(url, size, anew=anew) == at_once
