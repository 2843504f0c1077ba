"""Do exports write what stands in the read models, in one fixed order and form?"""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections.exports import rows
from projections.migrate import migrate
from schemas.exports import EXPORTS

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    migrate(database)
    options = "-csearch_path=live,public -ctimezone=Asia/Tokyo"
    with psycopg.connect(database, autocommit=True, options=options) as connection:
        yield connection


@pytest.mark.parametrize("kind", EXPORTS)
def test_what_is_empty_is_exported_as_nothing(kind: str, connection: Connection) -> None:
    assert rows(connection, kind) == []


def test_a_training_is_exported_in_its_columns(connection: Connection) -> None:
    connection.execute(
        """
        INSERT INTO training VALUES
            ('acme', 'p1', 'reporting', 'completed', true, '2026-03-02T09:00:00.120Z',
             '2026-03-05T23:30:00Z', 90.50, 2, '{m1,m2}', '2026-03-05T23:30:00Z', NULL,
             '2026-03-02T09:01:00Z', '2026-03-05T23:31:00Z')
        """
    )
    (row,) = rows(connection, "training")
    assert list(row) == list(EXPORTS["training"])
    assert row == {
        "customer": "acme",
        "person": "p1",
        "course": "reporting",
        "status": "completed",
        "active": True,
        "started_at": "2026-03-02T09:00:00.120Z",
        "completed_at": "2026-03-05T23:30:00.000Z",
        "score": "90.5",
        "attempts": 2,
        "modules": ["m1", "m2"],
        "last_activity_at": "2026-03-05T23:30:00.000Z",
        "stalled_at": None,
        "created_at": "2026-03-02T09:01:00.000Z",
        "updated_at": "2026-03-05T23:31:00.000Z",
    }


@pytest.mark.parametrize(
    ("score", "text"), [("100", "100"), ("0", "0"), ("7.0000", "7"), ("66.6700", "66.67")]
)
def test_a_score_is_a_string_without_trailing_zeros(
    score: str, text: str, connection: Connection
) -> None:
    connection.execute(
        "INSERT INTO attempts VALUES ('acme', 'p1', 'c', 0, 'passed', NULL, now(), %s)", (score,)
    )
    (row,) = rows(connection, "attempts")
    assert (row["score"], row["attempt"]) == (text, None)


def test_an_alert_is_exported_by_its_rule_as_kind(connection: Connection) -> None:
    connection.execute(
        """
        INSERT INTO alerts VALUES
            ('3f1c6f0e-3a5b-5c1e-8a52-0c7a6fbb3d61', 2, 'training_abandoned', 1, 'acme', 'p1|c',
             'resolved', '2026-01-19T09:10Z', '2026-01-19T10:00Z', '{lms#1,lms#2}', '{}', true)
        """
    )
    assert rows(connection, "alerts") == [
        {
            "kind": "training_abandoned",
            "customer": "acme",
            "subject": "p1|c",
            "at": "2026-01-19T09:10:00.000Z",
            "raised_at": "2026-01-19T10:00:00.000Z",
            "status": "resolved",
            "causes": ["lms#1", "lms#2"],
        }
    ]


def test_rows_stand_in_the_order_of_their_columns_as_json(connection: Connection) -> None:
    certificates = [
        ("acme", "p2", "a", None),
        ("acme", "p1", "b", "2027-01-31"),
        ("Zeta", "p1", "a", "2027-01-31"),
        ("ångström", "p1", "a", None),
        ("acme", "p1", "a", None),
    ]
    for customer, person, certificate, last_day in certificates:
        connection.execute(
            "INSERT INTO certificates (customer, person, certificate, status, earned_at, last_day)"
            " VALUES (%s, %s, %s, 'valid', '2026-01-19Z', %s)",
            (customer, person, certificate, last_day),
        )
    found = rows(connection, "certificates")
    assert {row["last_day"] for row in found} == {None, "2027-01-31"}
    texts = [[json.dumps(value) for value in row.values()] for row in found]
    assert texts == sorted(texts)
    assert [row["customer"] for row in found] == ["Zeta", "ångström", "acme", "acme", "acme"]
