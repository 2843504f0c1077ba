"""Does asking who lacks what stay cheap where many people lack much?"""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.sql import SQL

from projections.migrate import migrate

PEOPLE = 500
REQUIRED = 4

MANY = """
INSERT INTO customer_facts (customer, source_id, at) VALUES ('acme', '1', now());
INSERT INTO course_facts (course, source_id, at, certificate)
    SELECT 'c' || n, '1', now(), 'z' || n FROM generate_series(1, {required}) n;
INSERT INTO requirement_facts (requirement, source_id, at, role, target_kind, target)
    SELECT 'r' || n, '1', now(), 'any',
           (ARRAY['course', 'certificate'])[n % 2 + 1], (ARRAY['c', 'z'])[n % 2 + 1] || n
    FROM generate_series(1, {required}) n;
INSERT INTO people (person) SELECT 'p' || n FROM generate_series(1, {people}) n;
INSERT INTO membership_facts (person, customer, source_id, at, kind)
    SELECT person, 'acme', '1', now(), 'joined' FROM people;
INSERT INTO live.training (customer, person, course, certificate, status, active, modules,
                           attempts, created_at, updated_at)
    SELECT 'acme', person, course, certificate, 'in_progress', true, '{{}}', 0, now(), now()
    FROM people, course_facts;
INSERT INTO live.certificates (customer, person, certificate, course, status, earned_at)
    SELECT 'acme', person, certificate, course, 'expired', now() FROM people, course_facts;
ANALYZE;
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def test_a_person_is_looked_up_once_however_much_is_required(database: str) -> None:
    migrate(database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SQL(MANY).format(people=PEOPLE, required=REQUIRED))
        gaps = connection.execute("SELECT FROM training_gaps").rowcount
        assert gaps == PEOPLE * REQUIRED
        explain = "EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM training_gaps"
        ((said,),) = connection.execute(explain.encode()).fetchall()
    plan = json.loads(said) if isinstance(said, str) else said
    for table in ("training", "certificates"):
        looks = [one for one in nodes(plan[0]["Plan"]) if one.get("Relation Name") == table]
        assert 0 < sum(one["Actual Loops"] for one in looks) <= PEOPLE, table
