"""Do the real parts come up, keep what they were given, and leave nothing behind?"""

import psycopg
from psycopg.rows import scalar_row


def test_a_fresh_database_is_empty(database: str) -> None:
    with psycopg.connect(database, row_factory=scalar_row) as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(tables).fetchone() == 0
