"""Where do the tests of measurements measure?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.arena import Arena
from tests.conftest import Broker, own_postgres

SAFE = {"fsync": "on", "full_page_writes": "on", "track_commit_timestamp": "on"}


@pytest.fixture(scope="package")
def safe(parts_home: Path) -> Iterator[str]:
    """The URL of a server on which it is allowed to measure."""
    server = own_postgres(parts_home, SAFE)
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def made(kafka: Broker, safe: str, tmp_path: Path) -> Arena:
    return Arena(kafka.bootstrap, safe, tmp_path)
