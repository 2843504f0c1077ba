"""What do the tests of the streams run on?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from projections.migrate import migrate
from tests.conftest import Broker
from tests.local_slack import LocalSlack

from .sending import Desk
from .steps import Steps, steps
from .system import System


@pytest.fixture
def intake(kafka: Broker, database: str, tmp_path: Path) -> Iterator[Steps]:
    with System(kafka.bootstrap, database, tmp_path) as system, steps(system) as made:
        yield made


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    with LocalSlack("--rate-limits", "off") as program:
        yield program


@pytest.fixture
def desk(database: str, slack: LocalSlack, tmp_path: Path) -> Desk:
    """An empty database, and a Slack where nothing was said; carla is Acme's CSM."""
    migrate(database)
    for what in ("messages", "faults", "calls"):
        slack.clear(what)
    slack.control("users", {"email": "carla@laurel.test", "name": "Carla"})
    made = Desk(database, slack.api, tmp_path, slack.channel("general"))
    made.customer("acme", "carla@laurel.test")
    return made
