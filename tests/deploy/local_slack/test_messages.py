"""Does a posted and an updated message stand as Slack would let it stand?"""

import asyncio
import json
import re

import aiohttp
import pytest
from slack_sdk import WebClient
from slack_sdk.web.async_client import AsyncWebClient

from tests.deploy.local_slack.cards import (
    MILESTONE,
    refused,
    section,
)
from tests.local_slack import TOKEN, LocalSlack


def test_a_posted_card_stands_in_the_channel_exactly_as_sent(
    slack: LocalSlack, client: WebClient
) -> None:
    metadata = {"event_type": "alert", "event_payload": {"delivery_id": "d-1"}}
    posted = client.chat_postMessage(
        channel="#general", text="certified", blocks=MILESTONE, metadata=metadata
    )
    [message] = slack.messages("#general")
    assert (message["ts"], message["text"]) == (posted["ts"], "certified")
    assert (message["blocks"], message["metadata"]) == (MILESTONE, metadata)
    assert message["edited"] is False


def test_forms_with_blocks_as_json_text_are_understood_like_json(
    slack: LocalSlack, client: WebClient
) -> None:
    metadata = {"event_type": "alert", "event_payload": {"delivery_id": "d-2"}}
    form = {
        "channel": "general",
        "text": "by form",
        "blocks": json.dumps(MILESTONE),
        "metadata": json.dumps(metadata),
    }
    client.api_call("chat.postMessage", data=form)
    [message] = slack.messages("#general")
    assert (message["blocks"], message["metadata"]) == (MILESTONE, metadata)


def test_time_stamps_never_collide_and_always_grow(slack: LocalSlack) -> None:
    async def post_at_once() -> list[str]:
        async with aiohttp.ClientSession() as session:
            client = AsyncWebClient(TOKEN, base_url=slack.api, retry_handlers=[], session=session)
            posts = [client.chat_postMessage(channel="general", text=str(n)) for n in range(50)]
            return [answer["ts"] for answer in await asyncio.gather(*posts)]

    stamps = asyncio.run(post_at_once())
    assert len(set(stamps)) == 50
    assert all(re.fullmatch(r"\d{10}\.\d{6}", ts) for ts in stamps)
    stood = [message["ts"] for message in slack.messages("#general")]
    assert stood == sorted(stamps, key=float)


def test_a_message_without_text_and_blocks_is_refused(client: WebClient) -> None:
    for nothing in ({}, {"text": " "}, {"text": "", "blocks": []}):
        call = {"api_method": "chat.postMessage", "json": {"channel": "general", **nothing}}
        assert refused(client.api_call, **call)[0] == "no_text"


def test_a_text_beyond_forty_thousand_characters_is_cut_and_posted_with_a_warning(
    slack: LocalSlack, client: WebClient
) -> None:
    answer = client.chat_postMessage(channel="general", text="x" * 40_001)
    assert answer["response_metadata"]["warnings"] == ["message_truncated"]
    assert slack.messages("#general")[0]["text"] == "x" * 40_000


def test_half_a_character_does_not_break_the_page(slack: LocalSlack, client: WebClient) -> None:
    client.chat_postMessage(channel="general", text="broken \ud83c")
    assert "broken ?" in slack.text("")


def test_an_update_changes_the_message_and_keeps_what_it_said_before(
    slack: LocalSlack, client: WebClient
) -> None:
    metadata = {"event_type": "alert", "event_payload": {"delivery_id": "d-3"}}
    posted = client.chat_postMessage(
        channel="general", text="first", blocks=MILESTONE, metadata=metadata
    )
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    client.chat_update(**where, text="second", blocks=[section("mended")])
    [message] = slack.messages("#general")
    assert [version["text"] for version in message["versions"]] == ["first", "second"]
    assert message["blocks"] == [section("mended")]
    assert message["metadata"] == metadata  # kept, as none was given
    assert message["edited"] is True
    [read] = client.conversations_history(channel=posted["channel"])["messages"]
    assert read["ts"] == posted["ts"] < read["edited"]["ts"]


def test_an_update_with_text_alone_removes_the_blocks(slack: LocalSlack, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="general", text="first", blocks=MILESTONE)
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="second")
    assert slack.messages("#general")[0]["blocks"] == []


def test_an_update_without_text_and_blocks_is_refused(client: WebClient) -> None:
    posted = client.chat_postMessage(channel="general", text="first", blocks=MILESTONE)
    nothing = {"channel": posted["channel"], "ts": posted["ts"]}
    assert refused(client.api_call, api_method="chat.update", json=nothing)[0] == "no_text"


@pytest.mark.parametrize("name", ["general", "#general", ""])
def test_the_name_of_a_channel_is_good_for_posting_only(client: WebClient, name: str) -> None:
    posted = client.chat_postMessage(channel="general", text="first")
    mended = {"channel": name, "ts": posted["ts"], "text": "second"}
    assert refused(client.chat_update, **mended)[0] == "channel_not_found"
    assert refused(client.conversations_history, channel=name)[0] == "channel_not_found"
    assert client.conversations_open(channel=posted["channel"])["already_open"]
    if name:
        assert refused(client.conversations_open, channel=name)[0] == "channel_not_found"


def test_a_person_is_good_for_posting_only(slack: LocalSlack, client: WebClient) -> None:
    [ann] = slack.control("users", {"email": "ann@vendor.example", "name": "Ann"})
    posted = client.chat_postMessage(channel=ann["id"], text="first")
    mended = {"channel": ann["id"], "ts": posted["ts"], "text": "second"}
    assert refused(client.chat_update, **mended)[0] == "channel_not_found"
    assert refused(client.conversations_history, channel=ann["id"])[0] == "channel_not_found"


def test_an_update_refuses_more_than_four_thousand_characters(client: WebClient) -> None:
    posted = client.chat_postMessage(channel="general", text="first")
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    client.chat_update(**where, text="x" * 4000)
    assert refused(client.chat_update, **where, text="x" * 4001)[0] == "msg_too_long"


def test_only_messages_that_exist_and_are_the_apps_own_can_be_updated(
    slack: LocalSlack, client: WebClient
) -> None:
    slack.control("users", {"email": "ann@vendor.example", "name": "Ann"})
    [said] = slack.control(
        "messages", {"channel": "general", "email": "ann@vendor.example", "text": "hello"}
    )
    other = {"channel": said["channel"], "text": "other"}
    assert refused(client.chat_update, **other, ts=said["ts"])[0] == "cant_update_message"
    assert refused(client.chat_update, **other, ts="1.000001")[0] == "message_not_found"
