"""When is calling too often answered by 429?"""

import time
from collections.abc import Callable
from typing import Any

from slack_sdk.errors import SlackApiError

from tests.local_slack import LocalSlack


def until_limited(call: Callable[..., Any], **arguments: Any) -> tuple[int, Any]:
    """How often that could be called at once, and the answer that ended it."""
    for calls in range(200):
        try:
            call(**arguments)
        except SlackApiError as error:
            return calls, error.response
    raise AssertionError("never limited")


def test_posting_faster_than_slack_allows_is_limited_by_channel() -> None:
    with LocalSlack("--channels", "general,other") as slack:
        client = slack.client()
        posted, answer = until_limited(client.chat_postMessage, channel="general", text="t")
        assert (answer.status_code, answer["error"]) == (429, "ratelimited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 2
        assert 1 < posted < 10  # a short burst, and no more
        assert len(slack.messages("#general")) == posted
        client.chat_postMessage(channel="other", text="another channel has its own share")
        deadline = time.monotonic() + 10
        while not until_limited(client.chat_postMessage, channel="general", text="later")[0]:
            assert time.monotonic() < deadline, "the limit never let go"


def test_every_method_has_its_share_of_calls_a_minute() -> None:
    with LocalSlack() as slack:
        client = slack.client()
        calls, answer = until_limited(
            client.conversations_history, channel=slack.channel("general")
        )
        assert answer.status_code == 429
        assert 50 <= calls < 60
        client.auth_test()  # another method, another share
