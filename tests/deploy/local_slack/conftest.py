"""One local Slack without rate limits serves these tests, emptied before each."""

from collections.abc import Iterator

import pytest
from slack_sdk import WebClient

from tests.local_slack import LocalSlack


@pytest.fixture(scope="package")
def running() -> Iterator[LocalSlack]:
    with LocalSlack("--rate-limits", "off", "--channels", "general,customer-success") as slack:
        yield slack


@pytest.fixture
def slack(running: LocalSlack) -> LocalSlack:
    for everything in ("faults", "messages", "calls"):
        running.clear(everything)
    return running


@pytest.fixture
def client(slack: LocalSlack) -> WebClient:
    return slack.client()
