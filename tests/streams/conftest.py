"""What do the tests of the streams run on?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Broker

from .steps import Steps, steps
from .system import System


@pytest.fixture
def intake(kafka: Broker, database: str, tmp_path: Path) -> Iterator[Steps]:
    with System(kafka.bootstrap, database, tmp_path) as system, steps(system) as made:
        yield made
