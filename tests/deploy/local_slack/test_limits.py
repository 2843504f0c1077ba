"""Does the local Slack refuse what Slack refuses, in its words?"""

from typing import Any

import pytest
from slack_sdk import WebClient

from tests.deploy.local_slack.cards import (
    Block,
    actions,
    button,
    mrkdwn,
    plain,
    refusal_of,
    refused,
    section,
)
from tests.local_slack import LocalSlack


@pytest.mark.parametrize(
    ("blocks", "problem"),
    [
        ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
        (
            [section("x" * 3001)],
            "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            [{"type": "divider"}, {"type": "header", "text": plain("x" * 151)}],
            "must be less than 151 characters [json-pointer:/blocks/1/text/text]",
        ),
        (
            [{"type": "header", "text": mrkdwn("x")}],
            "unsupported type: mrkdwn, must be one of: plain_text "
            "[json-pointer:/blocks/0/text/type]",
        ),
        ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        (
            [{"type": "section"}],
            "missing required field: text or fields [json-pointer:/blocks/0]",
        ),
        (
            [{"type": "section", "fields": [mrkdwn("x")] * 11}],
            "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
        ),
        (
            [{"type": "section", "fields": [mrkdwn("x"), mrkdwn("x" * 2001)]}],
            "must be less than 2001 characters [json-pointer:/blocks/0/fields/1/text]",
        ),
        (
            [{"type": "context", "elements": [mrkdwn("x")] * 11}],
            "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
        ),
        (
            [{"type": "context", "elements": []}],
            "no less than 1 items allowed [json-pointer:/blocks/0/elements]",
        ),
        (
            [actions(*[button()] * 26)],
            "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
        ),
        (
            [actions({"type": "button", "text": plain("x" * 76)})],
            "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
        ),
        (
            [actions(button(value="x" * 2001))],
            "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
        ),
        (
            [actions(button(action_id="x" * 256))],
            "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
        ),
        (
            [actions(button(action_id="a"), button(action_id="a"))],
            "`action_id` already exists: a [json-pointer:/blocks/0/elements]",
        ),
        (
            [actions(button(style="green"))],
            "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]",
        ),
        (
            [{"type": "divider", "block_id": "b"}, {"type": "divider", "block_id": "b"}],
            "`block_id` already exists: b [json-pointer:/blocks]",
        ),
        (
            [{"type": "divider", "text": "x"}],
            "invalid additional property: text [json-pointer:/blocks/0]",
        ),
        ([{"type": "carousel"}], "unsupported type: carousel [json-pointer:/blocks/0/type]"),
        (
            [{"type": "image", "image_url": "https://example.com/a.png"}],
            "missing required field: alt_text [json-pointer:/blocks/0]",
        ),
    ],
)
def test_blocks_beyond_a_limit_are_refused_naming_the_place(
    slack: LocalSlack, client: WebClient, blocks: list[Block], problem: str
) -> None:
    assert refusal_of(client, *blocks) == ("invalid_blocks", [f"[ERROR] {problem}"])
    assert slack.messages("#general") == []


def test_blocks_at_their_limits_are_taken(client: WebClient) -> None:
    client.chat_postMessage(channel="general", text="t", blocks=[{"type": "divider"}] * 50)
    full = [
        {"type": "header", "text": plain("x" * 150)},
        section("x" * 3000),
        {"type": "section", "fields": [mrkdwn("x" * 100)] * 10},
        {"type": "section", "fields": [mrkdwn("x" * 2000)], "accessory": button()},
        {"type": "context", "elements": [mrkdwn("x")] * 10},
        actions(
            *[button(action_id=f"a{n}") for n in range(24)],
            {"type": "button", "text": plain("x" * 75), "value": "x" * 2000},
        ),
    ]
    client.chat_postMessage(channel="general", text="t", blocks=full)


def test_blocks_that_are_too_long_together_are_refused(client: WebClient) -> None:
    whole = [section("x" * 3000)] * 4
    client.chat_postMessage(channel="general", text="t", blocks=[*whole, section("x" * 1200)])
    assert refusal_of(client, *whole, section("x" * 1201)) == ("msg_blocks_too_long", [])


def test_an_update_is_held_to_the_same_limits(client: WebClient) -> None:
    posted = client.chat_postMessage(channel="general", text="first")
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    error, _ = refused(client.chat_update, **where, blocks=[section("x" * 3001)], text="t")
    assert error == "invalid_blocks"


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"event_type": "alert", "event_payload": {"note": "x" * 9000}}, "metadata_too_large"),
        ({"event_type": "alert"}, "invalid_metadata_format"),
        ({"event_type": "alert", "event_payload": "d-1"}, "invalid_metadata_format"),
        ("{not json", "invalid_metadata_format"),
    ],
)
def test_metadata_too_large_or_misshapen_is_refused(
    client: WebClient, metadata: Any, error: str
) -> None:
    post = client.chat_postMessage
    assert refused(post, channel="general", text="t", metadata=metadata)[0] == error


def test_closed_foreign_and_unknown_channels_each_have_their_error(
    slack: LocalSlack, client: WebClient
) -> None:
    slack.control("channels", [{"name": "old"}, {"name": "private", "member": False}])
    posted = client.chat_postMessage(channel="old", text="t")
    slack.control("channels", {"name": "old", "archived": True})
    post = client.chat_postMessage
    assert refused(post, channel="old", text="t")[0] == "is_archived"
    assert refused(post, channel="private", text="t")[0] == "not_in_channel"
    assert refused(post, channel="C0000000000", text="t")[0] == "channel_not_found"
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    assert refused(client.chat_update, **where, text="u")[0] == "is_inactive"


def test_a_wrong_token_and_none_are_told_apart(slack: LocalSlack) -> None:
    stranger = WebClient("xoxb-other", base_url=slack.api, retry_handlers=[])
    assert refused(stranger.auth_test)[0] == "invalid_auth"
    nobody = WebClient(base_url=slack.api, retry_handlers=[])
    assert refused(nobody.auth_test)[0] == "not_authed"
    assert slack.client().auth_test()["team"] == "Laurel"


def test_a_method_that_is_not_there_is_refused(client: WebClient) -> None:
    assert refused(client.api_call, api_method="chat.explode")[0] == "unknown_method"
