"""Do the migrations make the tables that the code names, and the views what they promise?"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from projections.migrate import migrate, sqlalchemy_url
from projections.revision import REVISION
from projections.tables import metadata
from projections.views import VIEWS

DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def differences(url: str) -> Any:
    """What alembic would change in the database to make it equal to the tables named in code."""
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        options = {"include_schemas": True, "compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def fill_factors(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT oid::regclass::text, reloptions FROM pg_class"
            " WHERE relkind = 'r' AND reloptions IS NOT NULL"
        ).fetchall()
    return {table.removeprefix("public."): options[0] for table, options in found}


def test_the_newest_migration_is_the_one_the_code_needs(database: str) -> None:
    assert migrate(database) == REVISION


def test_the_migrations_make_what_the_code_names(database: str) -> None:
    migrate(database)
    assert differences(database) == []


def test_a_column_lost_is_noticed(database: str) -> None:
    migrate(database)
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE live.training DROP COLUMN modules CASCADE")
    assert differences(database) != []


def test_hot_tables_leave_the_room_on_their_pages_that_the_code_names(database: str) -> None:
    migrate(database)
    wanted = {
        table.fullname: f"fillfactor={options['fillfactor']}"
        for table in metadata.tables.values()
        if (options := table.dialect_options["postgresql"].get("with"))
    }
    assert fill_factors(database) == wanted


def test_migrating_twice_is_migrating_once(database: str) -> None:
    first = migrate(database)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE clock SET driven = true, now = %s", (DAY,))
    assert migrate(database) == first
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT driven, now FROM clock").fetchall() == [(True, DAY)]
        assert connection.execute("SELECT version FROM directory_version").fetchall() == [(0,)]


def test_migrations_at_once_wait_for_each_other(database: str) -> None:
    with ThreadPoolExecutor() as several:
        revisions = set(several.map(migrate, [database] * 3))
    assert len(revisions) == 1
    assert differences(database) == []


def test_every_view_can_be_read(database: str) -> None:
    migrate(database)
    with psycopg.connect(database) as connection:
        for view in VIEWS:
            assert connection.execute(f"SELECT * FROM {view}").fetchall() == [], view


SEEDS = """
INSERT INTO live.training VALUES
    ('acme', 'p1', 'reporting', 'completed', true, %(day)s, %(day)s, 92.50, 1, '{m1,m2}', %(day)s,
     NULL, %(day)s, %(day)s),
    ('acme', 'p2', 'reporting', 'in_progress', true, %(day)s, NULL, NULL, 0, '{}', %(day)s,
     NULL, %(day)s, %(day)s),
    ('acme', 'gone', 'unlisted', 'withdrawn', false, NULL, NULL, NULL, 0, '{}', NULL,
     NULL, %(day)s, %(day)s);
INSERT INTO people (person, name, email, lms_name) VALUES
    ('p1', 'Ada Byron', 'ada@acme.example', 'A. Byron'), ('p2', NULL, NULL, 'G. Hopper');
INSERT INTO course_facts (course, source_id, at, name, type, certificate) VALUES
    ('reporting', 'crm#1', '2026-01-01Z', 'Reports', NULL, 'reporting-pro'),
    ('reporting', 'crm#2', '2026-01-02Z', 'Reporting', 'advanced', NULL);
INSERT INTO certificate_links VALUES
    ('acme', 'p1', 'reporting', 'https://lms/old', '2026-03-01Z', 'lms#1'),
    ('acme', 'p1', 'reporting-pro', 'https://lms/new', '2026-03-02Z', 'lms#2'),
    ('acme', 'p2', 'reporting', 'https://lms/withdrawn', '2026-03-03Z', 'lms#5'),
    ('acme', 'p2', 'reporting-pro', 'https://lms/withdrawn-too', '2026-03-03Z', 'lms#5'),
    ('acme', 'p1', 'forecasting', 'https://lms/forecasting', '2026-03-03Z', 'lms#4'),
    ('other', 'p1', 'reporting', 'https://lms/other', '2026-03-03Z', 'lms#3');
INSERT INTO live.certificates (customer, person, certificate, status, earned_at) VALUES
    ('acme', 'p1', 'reporting-pro', 'valid', %(day)s);
INSERT INTO live.alerts VALUES
    ('3f1c6f0e-3a5b-5c1e-8a52-0c7a6fbb3d61', 1, 'certification_earned', 1, 'acme',
     'p1|reporting-pro', 'open', %(day)s, %(day)s, '{lms#2}', '{}', true),
    ('3f1c6f0e-3a5b-5c1e-8a52-0c7a6fbb3d62', 1, 'training_abandoned', 1, 'acme',
     'p2|reporting', 'open', %(day)s, %(day)s, '{lms#4}', '{}', true);
INSERT INTO deliveries (alert, customer, desired, posted, state, attempts, looked) VALUES
    ('3f1c6f0e-3a5b-5c1e-8a52-0c7a6fbb3d61', 'acme', 1, 1, 'sent', 1, 0),
    ('3f1c6f0e-3a5b-5c1e-8a52-0c7a6fbb3d62', 'acme', 1, 0, 'pending', 0, 0);
"""


@pytest.fixture
def seeded(database: str) -> str:
    migrate(database)
    with psycopg.connect(database) as connection, psycopg.ClientCursor(connection) as cursor:
        cursor.execute(SEEDS, {"day": DAY})
    return database


def user_training(url: str, person: str) -> dict[str, Any]:
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        (row,) = connection.execute(
            "SELECT * FROM user_training WHERE user_id = %s", (person,)
        ).fetchall()
    return row


def test_user_training_has_the_columns_of_the_document(seeded: str) -> None:
    """PRD-104 4.1, with `active` besides."""
    row = user_training(seeded, "p1")
    assert list(row) == [
        "id",
        "customer_id",
        "user_id",
        "user_email",
        "user_name",
        "course_id",
        "course_name",
        "course_type",
        "status",
        "active",
        "started_at",
        "completed_at",
        "score",
        "certificate_url",
        "csm_notified",
        "created_at",
        "updated_at",
    ]


def test_user_training_joins_what_is_known_of_person_course_and_card(seeded: str) -> None:
    row = user_training(seeded, "p1")
    assert (row["user_name"], row["user_email"]) == ("Ada Byron", "ada@acme.example")
    assert (row["course_name"], row["course_type"]) == ("Reporting", "advanced")
    assert (row["status"], row["completed_at"], row["score"]) == ("completed", DAY, Decimal("92.5"))
    assert row["certificate_url"] == "https://lms/new"
    assert row["csm_notified"] is True


def test_the_link_of_a_completion_that_was_withdrawn_is_not_shown(seeded: str) -> None:
    assert user_training(seeded, "p2")["certificate_url"] is None


def test_a_card_that_waits_has_notified_nobody(seeded: str) -> None:
    row = user_training(seeded, "p2")
    assert (row["csm_notified"], row["user_name"]) == (False, "G. Hopper")


def test_who_is_forgotten_reads_as_a_former_user(seeded: str) -> None:
    row = user_training(seeded, "gone")
    assert (row["user_name"], row["user_email"]) == ("a former user", None)
    assert (row["course_name"], row["active"]) == (None, False)


def test_a_row_of_user_training_keeps_its_id(seeded: str) -> None:
    before = user_training(seeded, "p1")["id"]
    with psycopg.connect(seeded) as connection:
        connection.execute("UPDATE live.training SET status = 'expired' WHERE person = 'p1'")
    assert user_training(seeded, "p1")["id"] == before
    assert user_training(seeded, "p2")["id"] != before
