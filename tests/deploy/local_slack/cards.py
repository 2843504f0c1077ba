"""What do the tests post, and how do they read an answer or a refusal?"""

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

Block = dict[str, Any]


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def button(**more: Any) -> Block:
    return {"type": "button", "text": plain("Go"), **more}


def actions(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


MILESTONE = [
    {"type": "header", "text": plain(":mortar_board: Training Milestone: DataCorp")},
    section("*User Certified:* Sarah Johnson (Admin)"),
    section("Course: Platform Administrator Certification\nScore: 95%\nCompleted: Jan 29, 2026"),
    {"type": "context", "elements": [mrkdwn("as of Jan 29, 2026")]},
]


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, list[str]]:
    """Slack's error of that call, and its details."""
    with pytest.raises(SlackApiError) as raised:
        call(**arguments)
    answer = raised.value.response
    return answer["error"], (answer.get("response_metadata") or {}).get("messages", [])


def refusal_of(client: WebClient, *blocks: Block) -> tuple[str, list[str]]:
    return refused(client.chat_postMessage, channel="general", text="t", blocks=blocks)


def texts(answer: Any) -> list[str]:
    return [message["text"] for message in answer["messages"]]
