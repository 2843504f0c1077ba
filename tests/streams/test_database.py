"""Does a session that hangs let go of what it holds, before its group would give it up?"""

import time
from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from projections.migrate import migrate
from streams.database import connect
from streams.settings import Settings, load
from tests.streams.system import wait_for
from tests.streams.wire import Wire

LIMIT = 3
"""Seconds that a transaction may hang."""

LARGE = 64 * 1024 * 1024
"""Bytes that no socket buffers."""


@pytest.fixture
def settings(database: str) -> Settings:
    migrate(database)
    return load({"DATABASE_URL": database, "LAUREL_SESSION_SECONDS": str(2 * LIMIT)})


@pytest.fixture
def holder(settings: Settings) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A session that has locked a row in a transaction."""
    with connect(settings) as making:
        making.execute("CREATE TABLE held AS SELECT 1 AS row")
    holding = connect(settings)
    holding.execute("BEGIN")
    holding.execute("SELECT FROM held FOR UPDATE")
    yield holding
    holding.close()


def is_free(settings: Settings) -> bool:
    with connect(settings) as asking:
        return asking.execute("SELECT FROM held FOR UPDATE SKIP LOCKED").rowcount == 1


@pytest.mark.usefixtures("holder")
def test_a_session_silent_in_its_transaction_is_ended(settings: Settings) -> None:
    assert not is_free(settings)
    wait_for(lambda: is_free(settings), "the silent session to be ended", 5 * LIMIT)


def test_a_session_that_does_not_take_its_answer_is_ended(
    settings: Settings, holder: psycopg.Connection[tuple[object, ...]]
) -> None:
    """To the database it is not idle: it waits for the answer to be sent."""
    holder.pgconn.send_query(b"SELECT repeat('x', %d)" % LARGE)
    assert not is_free(settings)
    wait_for(lambda: is_free(settings), "the deaf session to be ended", 5 * LIMIT)


def test_a_database_that_takes_no_question_is_given_up(settings: Settings) -> None:
    url = settings.database_url.get_secret_value()
    question = f"SELECT length('question {'x' * LARGE}')"
    with Wire(url, lambda _: "deaf", mark=b"question") as wire:
        asking = connect(settings.model_copy(update={"database_url": SecretStr(wire.url)}))
        asked = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            asking.execute(question.encode())
        assert time.monotonic() - asked < 5 * LIMIT
