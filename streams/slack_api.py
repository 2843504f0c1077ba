"""What does Slack answer, and what does that mean for a card?

A call ends in an answer, or raises `Later` (not done), `Unknown` (perhaps done) or `Refused`.
"""

import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.cards import Card

from .settings import Settings

LOCAL_TOKEN = "xoxb-local"  # noqa: S105 -- what the local Slack takes, which guards nothing
EVENT_TYPE = "laurel_alert"

PAGE = 200
PAGES = 25
SKEW = timedelta(minutes=5)
"""How far Slack's clock, which names messages, may be from ours."""

REMEMBERED = timedelta(hours=1).total_seconds()
MISSED = timedelta(minutes=5).total_seconds()
"""For how long it is believed that a CSM can be reached, and that one cannot."""

TOKEN_ERRORS = frozenset(
    (
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    )
)
"""Slack takes nothing from us as we are set up; the cards are not at fault."""

CARD_ERRORS = frozenset(
    (
        "invalid_arguments",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "too_many_attachments",
    )
)
"""The card would be refused anywhere."""

TROUBLES = frozenset(("fatal_error", "internal_error", "request_timeout", "service_unavailable"))
"""Slack failed on the way, and may have done it nevertheless."""


class Later(Exception):
    """Slack has not done it; it may be asked again after so many seconds."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds


class Unknown(Exception):
    """Slack may have done it or not."""


class Refused(Exception):
    """Slack has not done it and will not; the text is its error."""

    @property
    def token(self) -> bool:
        """Whether it is our token that is refused."""
        return str(self) in TOKEN_ERRORS

    @property
    def card(self) -> bool:
        """Whether it is the card that is refused."""
        return str(self) in CARD_ERRORS


@dataclass(frozen=True, slots=True)
class Found:
    """A message that bears our delivery id, the version it shows, and whether it promises more."""

    ts: str
    version: int
    more: bool


class SlackApi:
    """The methods of Slack's Web API that cards need; nothing is ever retried in here."""

    def __init__(self, settings: Settings, timeout: int, unreached: float) -> None:
        token = settings.slack_bot_token
        # slack_sdk's own default would post again, silently, when a connection breaks.
        self._client = AsyncWebClient(
            token.get_secret_value() if token else LOCAL_TOKEN,
            base_url=settings.slack_api_url,
            timeout=timeout,
            retry_handlers=[],
        )
        if urlsplit(settings.slack_api_url).hostname in ("127.0.0.1", "localhost"):
            self._client.proxy = None  # slack_sdk reads HTTPS_PROXY, but no NO_PROXY
        self._unreached = unreached
        self._direct: dict[str, tuple[float, str | Refused]] = {}

    async def post(
        self, channel: str, card: Card, alert: UUID, version: int, thread: str | None
    ) -> tuple[str, str]:
        """Post a card, or a reply in a card's thread; returns the channel's id and its ts."""
        answer = await self._call(
            self._client.chat_postMessage(
                channel=channel,
                thread_ts=thread,
                text=card.text,
                blocks=card.blocks,
                metadata=_metadata(card, alert, version),
                unfurl_links=False,
                unfurl_media=False,
            )
        )
        return answer["channel"], answer["ts"]

    async def update(self, channel: str, ts: str, card: Card, alert: UUID, version: int) -> None:
        """Let a card show something else; doing it twice is doing it once."""
        await self._call(
            self._client.chat_update(
                channel=channel,
                ts=ts,
                text=card.text,
                blocks=card.blocks,
                metadata=_metadata(card, alert, version),
            )
        )

    async def find(
        self, channel: str, alert: UUID, since: datetime, thread: str | None
    ) -> Found | None:
        """The message of that id among those of the channel, or of the thread, since then."""
        asked: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{(since - SKEW).timestamp():.6f}",
            "limit": PAGE,
            "include_all_metadata": True,
        }
        cursor = None
        for _ in range(PAGES):
            answer = await self._call(
                self._client.conversations_replies(ts=thread, cursor=cursor, **asked)
                if thread
                else self._client.conversations_history(cursor=cursor, **asked)
            )
            for message in answer["messages"]:
                metadata = message.get("metadata") or {}
                payload = metadata.get("event_payload") or {}
                ours = metadata.get("event_type") == EVENT_TYPE
                if ours and payload.get("delivery_id") == str(alert):
                    version = payload.get("version")
                    known = version if isinstance(version, int) else 0
                    return Found(message["ts"], known, payload.get("more") is True)
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
        raise Unknown(f"more than {PAGES * PAGE} messages since then")

    async def direct(self, email: str) -> str:
        """The channel of direct messages with the person of this address."""
        now = time.monotonic()
        expires, known = self._direct.get(email, (0.0, ""))
        if expires < now:
            try:
                known = await self._open(email)
            except Refused as refused:
                if refused.token and str(refused) != "missing_scope":
                    raise
                known = refused
            lasts = MISSED if isinstance(known, Refused) else REMEMBERED
            self._direct[email] = (now + lasts, known)
        if isinstance(known, Refused):
            raise Refused(str(known))
        return known

    async def _open(self, email: str) -> str:
        found = await self._call(self._client.users_lookupByEmail(email=email))
        opened = await self._call(self._client.conversations_open(users=found["user"]["id"]))
        return str(opened["channel"]["id"])

    async def _call(self, call: Awaitable[Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = (await call).data
        except SlackApiError as fault:
            raise self._meant(fault.response) from None
        except aiohttp.ClientConnectorError as fault:
            raise Later(type(fault).__name__, self._unreached) from None
        except (aiohttp.ClientError, OSError, AttributeError, ValueError) as fault:
            # The latter two are slack_sdk's stumbling over an answer that is no JSON object.
            raise Unknown(type(fault).__name__) from None
        return answer

    def _meant(self, response: Any) -> Exception:
        """What an answer that is no success means."""
        data = getattr(response, "data", None)
        error = data.get("error") if isinstance(data, dict) else None
        status = response.status_code if hasattr(response, "status_code") else response.status
        if status == 429 or error in ("ratelimited", "rate_limited"):
            after = str(response.headers.get("Retry-After", ""))
            return Later("ratelimited", float(after) if after.isdigit() else self._unreached)
        if error is None or error in TROUBLES or status >= 500:
            return Unknown(str(error or f"HTTP {status}"))
        return Refused(error)


def _metadata(card: Card, alert: UUID, version: int) -> dict[str, Any]:
    payload: dict[str, Any] = {"delivery_id": str(alert), "version": version}
    if card.more:  # whoever finds it after a crash owes the reply
        payload["more"] = True
    return {"event_type": EVENT_TYPE, "event_payload": payload}
