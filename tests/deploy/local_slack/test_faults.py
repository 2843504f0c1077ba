"""Do ordered faults strike when, where and as often as ordered, and no more?"""

import asyncio
import http.client
import re
import time
from typing import Any

import aiohttp
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.deploy.local_slack.cards import (
    refused,
)
from tests.local_slack import TOKEN, LocalSlack


def test_a_429_of_our_making_says_how_long_to_wait_and_posts_nothing(
    slack: LocalSlack, client: WebClient
) -> None:
    slack.control("faults", {"do": "ratelimit", "retry_after": 30, "method": "chat.postMessage"})
    with pytest.raises(SlackApiError) as raised:
        client.chat_postMessage(channel="general", text="t")
    assert raised.value.response.status_code == 429
    assert raised.value.response.headers["Retry-After"] == "30"
    assert slack.messages("#general") == []


@pytest.mark.parametrize(("when", "posted"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("status", [500, 503])
def test_a_failing_slack_has_posted_or_not_as_ordered(
    slack: LocalSlack, client: WebClient, when: str, posted: int, status: int
) -> None:
    slack.control("faults", {"do": "fail", "when": when, "status": status})
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel="general", text="t")
    assert len(slack.messages("#general")) == posted
    assert slack.get("_control/faults")[0]["struck"] == 1


@pytest.mark.parametrize(("when", "posted"), [("before", 0), ("after", 1)])
def test_a_dropped_connection_has_posted_or_not_as_ordered(
    slack: LocalSlack, client: WebClient, when: str, posted: int
) -> None:
    slack.control("faults", {"do": "drop", "when": when})
    with pytest.raises(http.client.RemoteDisconnected):
        client.chat_postMessage(channel="general", text="t")
    assert len(slack.messages("#general")) == posted

    async def drop_again() -> None:
        slack.control("faults", {"do": "drop", "when": when})
        other = AsyncWebClient(TOKEN, base_url=slack.api, retry_handlers=[])
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await other.chat_postMessage(channel="general", text="t")

    asyncio.run(drop_again())
    assert len(slack.messages("#general")) == 2 * posted


def test_a_hanging_answer_comes_after_the_message_stands(slack: LocalSlack) -> None:
    slack.control("faults", {"do": "hang", "when": "after", "seconds": 60})
    with pytest.raises(TimeoutError):
        slack.client(timeout=1).chat_postMessage(channel="general", text="t")
    assert [message["text"] for message in slack.messages("#general")] == ["t"]


def test_a_call_that_hangs_before_its_effect_may_post_after_the_caller_gave_up(
    slack: LocalSlack,
) -> None:
    slack.control("faults", {"do": "hang", "when": "before", "seconds": 1.5})
    with pytest.raises(TimeoutError):
        slack.client(timeout=1).chat_postMessage(channel="general", text="late")
    deadline = time.monotonic() + 10
    while not slack.messages("#general"):
        assert time.monotonic() < deadline, "the late message never came"
    assert slack.messages("#general")[0]["text"] == "late"


def test_history_lags_behind_as_long_as_ordered(slack: LocalSlack, client: WebClient) -> None:
    channel = client.chat_postMessage(channel="general", text="t")["channel"]
    slack.control("faults", {"do": "lag", "seconds": 600, "times": 2})
    read = [len(client.conversations_history(channel=channel)["messages"]) for _ in range(3)]
    assert read == [0, 0, 1]


def test_a_refusal_of_our_making_carries_the_error_ordered(
    slack: LocalSlack, client: WebClient
) -> None:
    slack.control("faults", {"do": "refuse", "error": "token_revoked", "times": None})
    for _ in range(3):
        assert refused(client.auth_test)[0] == "token_revoked"
    assert slack.get("_control/faults")[0]["struck"] == 3
    slack.clear("faults")
    client.auth_test()


def test_a_fault_strikes_its_method_and_channel_only_and_so_often(
    slack: LocalSlack, client: WebClient
) -> None:
    channel = client.chat_postMessage(channel="general", text="t")["channel"]
    fault = {"do": "fail", "method": "chat.postMessage", "channel": channel, "times": 2}
    slack.control("faults", fault)
    client.auth_test()
    client.chat_postMessage(channel="customer-success", text="t")
    for _ in range(2):
        with pytest.raises(SlackApiError):
            client.chat_postMessage(channel="general", text="t")
    client.chat_postMessage(channel="general", text="t")
    assert slack.get("_control/faults")[0]["struck"] == 2


def test_a_fault_after_the_effect_waits_for_a_call_that_had_one(
    slack: LocalSlack, client: WebClient
) -> None:
    slack.control("faults", {"do": "drop", "when": "after", "method": "chat.postMessage"})
    assert refused(client.chat_postMessage, channel="nowhere", text="t")[0]
    assert slack.get("_control/faults")[0]["struck"] == 0


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"do": "explode"}, "do is one of"),
        ({"do": "drop", "method": "chat.delete"}, "no method 'chat.delete'"),
        ({"do": "drop", "when": "during"}, "when is before or after"),
        ({"do": "ratelimit", "when": "after"}, "before the effect only"),
        ({"do": "hang", "seconds": "long"}, "seconds is a number"),
        ({"do": "drop", "tiems": 2}, "a fault has no tiems"),
        ("drop", "a fault is an object"),
    ],
)
def test_a_wrong_wish_for_a_fault_is_refused_with_the_reason(
    slack: LocalSlack, wish: Any, reason: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        slack.control("faults", wish)
    assert slack.get("_control/faults") == []


def test_every_call_is_remembered_with_its_outcome(slack: LocalSlack, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="general", text="t")
    assert refused(client.chat_postMessage, channel="nowhere", text="t")[0]
    slack.control("faults", {"do": "fail", "when": "after"})
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel="general", text="t")
    calls = slack.get("_control/calls")
    assert [call["method"] for call in calls] == ["chat.postMessage"] * 3
    assert [call["outcome"] for call in calls] == ["ok", "channel_not_found", "ok"]
    assert [call.get("fault") for call in calls] == [None, None, "fail after"]
    assert calls[0]["ts"] == posted["ts"]
