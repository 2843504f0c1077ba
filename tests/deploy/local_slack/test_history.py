"""What does reading a conversation give back, and what does it keep to itself?"""

import json
from typing import Any

import pytest
from slack_sdk import WebClient

from tests.deploy.local_slack.cards import MILESTONE, refused, texts
from tests.local_slack import LocalSlack


def test_metadata_is_stripped_unless_all_of_it_is_asked_for(client: WebClient) -> None:
    metadata = {"event_type": "alert", "event_payload": {"delivery_id": "d-9"}}
    posted = client.chat_postMessage(channel="general", text="t", metadata=metadata)
    channel = posted["channel"]
    [without] = client.conversations_history(channel=channel)["messages"]
    [whole] = client.conversations_history(channel=channel, include_all_metadata=True)["messages"]
    assert "delivery_id" not in json.dumps(without)
    assert "delivery_id" not in json.dumps(posted.data)
    assert whole["metadata"] == metadata


def test_blocks_come_back_with_ids_and_defaults_as_slack_adds_them(client: WebClient) -> None:
    posted = client.chat_postMessage(channel="general", text="t", blocks=MILESTONE[:2])
    [read] = client.conversations_history(channel=posted["channel"])["messages"]
    header, first = read["blocks"]
    assert header["text"]["emoji"] is True
    assert first["text"]["verbatim"] is False
    assert header["block_id"] != first["block_id"]


def test_history_comes_newest_first_in_pages_that_miss_and_repeat_nothing(
    client: WebClient,
) -> None:
    posted = [client.chat_postMessage(channel="general", text=str(n)) for n in range(7)]
    pages = client.conversations_history(channel=posted[0]["channel"], limit=3)
    assert [texts(page) for page in pages] == [["6", "5", "4"], ["3", "2", "1"], ["0"]]


def test_history_keeps_to_the_bounds_and_counts_them_in_when_inclusive(client: WebClient) -> None:
    posted = [client.chat_postMessage(channel="general", text=str(n)) for n in range(5)]
    channel = posted[0]["channel"]
    bounds = {"channel": channel, "oldest": posted[1]["ts"], "latest": posted[3]["ts"]}
    history = client.conversations_history
    assert texts(history(**bounds)) == ["2"]
    assert texts(history(**bounds, inclusive=True)) == ["3", "2", "1"]
    assert texts(history(channel=channel, oldest=posted[3]["ts"])) == ["4"]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"limit": 1000}, "invalid_limit"),
        ({"limit": 0}, "invalid_limit"),
        ({"cursor": "x"}, "invalid_cursor"),
        ({"oldest": "soon"}, "invalid_ts_oldest"),
        ({"latest": "late"}, "invalid_ts_latest"),
    ],
)
def test_history_refuses_nonsense_by_name(
    slack: LocalSlack, client: WebClient, wrong: dict[str, Any], error: str
) -> None:
    channel = slack.channel("general")
    assert refused(client.conversations_history, channel=channel, **wrong)[0] == error


def test_replies_are_counted_at_their_parent_and_are_not_in_history(client: WebClient) -> None:
    parent = client.chat_postMessage(channel="general", text="parent")
    for text in ("one", "two"):
        client.chat_postMessage(channel="general", text=text, thread_ts=parent["ts"])
    [read] = client.conversations_history(channel=parent["channel"])["messages"]
    assert (read["text"], read["reply_count"]) == ("parent", 2)
    lost = {"channel": "general", "text": "t", "thread_ts": "1.000001"}
    assert refused(client.chat_postMessage, **lost)[0] == "thread_not_found"
    nowhere = {"channel": parent["channel"], "ts": "1.000001"}
    assert refused(client.conversations_replies, **nowhere)[0] == "thread_not_found"


def test_a_thread_comes_oldest_first_behind_its_parent_page_by_page(client: WebClient) -> None:
    parent = client.chat_postMessage(channel="general", text="parent")
    client.chat_postMessage(channel="general", text="beside")
    said = [
        client.chat_postMessage(channel="general", text=str(n), thread_ts=parent["ts"])
        for n in range(5)
    ]
    thread = {"channel": parent["channel"], "ts": parent["ts"]}
    pages = client.conversations_replies(**thread, limit=2)
    assert [texts(page) for page in pages] == [
        ["parent", "0", "1"],
        ["parent", "2", "3"],
        ["parent", "4"],
    ]
    later = client.conversations_replies(**thread, oldest=said[2]["ts"])
    assert texts(later) == ["parent", "3", "4"]
    assert later["messages"][0]["latest_reply"] == said[4]["ts"]
    assert later["messages"][1]["thread_ts"] == parent["ts"]


def test_a_reply_keeps_its_metadata_to_itself_like_any_message(client: WebClient) -> None:
    parent = client.chat_postMessage(channel="general", text="parent")
    metadata = {"event_type": "alert", "event_payload": {"delivery_id": "d-9"}}
    client.chat_postMessage(
        channel="general", text="reply", thread_ts=parent["ts"], metadata=metadata
    )
    thread = {"channel": parent["channel"], "ts": parent["ts"]}
    assert "d-9" not in json.dumps(client.conversations_replies(**thread).data)
    whole = client.conversations_replies(**thread, include_all_metadata=True)
    assert whole["messages"][1]["metadata"] == metadata


def test_a_thread_lags_only_when_that_is_ordered(slack: LocalSlack, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="general", text="parent")
    client.chat_postMessage(channel="general", text="reply", thread_ts=parent["ts"])
    thread = {"channel": parent["channel"], "ts": parent["ts"]}
    slack.control("faults", {"do": "lag", "seconds": 60})
    assert texts(client.conversations_replies(**thread)) == ["parent", "reply"]
    slack.control("faults", {"do": "lag", "seconds": 60, "method": "conversations.replies"})
    assert texts(client.conversations_replies(**thread)) == ["parent"]
    assert texts(client.conversations_replies(**thread)) == ["parent", "reply"]
