"""How does a test, or `./dev run`, set this Slack up, spoil it, and see what people see?

- `POST /_control/users` `[{email, name, deleted?}]`
- `POST /_control/channels` `[{name, archived?, member?}]`
- `POST /_control/messages` `{channel, email, text}`: a person says something
- `GET /_control/messages` (`?format=text`): every conversation with all versions of its messages
- `GET /_control/cards?after=N`: what appeared since number N, in order, as text for a terminal
- `GET`, `POST`, `DELETE /_control/faults`: see `faults.py`
- `GET`, `DELETE /_control/calls`; `DELETE /_control/messages`
"""

import json
from typing import Any

from aiohttp import web

from deploy.local_slack.faults import Faults
from deploy.local_slack.terminal import NARROWEST, WIDTH, printed
from deploy.local_slack.web_api import WebApi
from deploy.local_slack.workspace import Json, Message, Refused, Workspace


class Control:
    """The door for tests; it asks for no token, as the program listens on this machine alone."""

    def __init__(self, workspace: Workspace, faults: Faults, web_api: WebApi) -> None:
        self.workspace = workspace
        self.faults = faults
        self.web_api = web_api

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_control/users", self.add_people),
            web.post("/_control/channels", self.add_channels),
            web.post("/_control/messages", self.say),
            web.get("/_control/messages", self.messages),
            web.delete("/_control/messages", self.forget_messages),
            web.get("/_control/cards", self.cards),
            web.post("/_control/faults", self.order_faults),
            web.get("/_control/faults", self.ordered_faults),
            web.delete("/_control/faults", self.clear_faults),
            web.get("/_control/calls", self.calls),
            web.delete("/_control/calls", self.forget_calls),
        ]

    async def add_people(self, request: web.Request) -> web.Response:
        people = []
        for wish in await _wishes(request, {"email", "name"}, {"deleted"}):
            deleted = wish.get("deleted", False) is True
            people.append(self.workspace.add_person(wish["email"], wish["name"], deleted=deleted))
        return web.json_response([{"id": one.id, "email": one.email} for one in people])

    async def add_channels(self, request: web.Request) -> web.Response:
        channels = []
        for wish in await _wishes(request, {"name"}, {"archived", "member"}):
            archived, member = wish.get("archived", False), wish.get("member", True)
            channel = self.workspace.add_channel(wish["name"], archived=archived, member=member)
            channels.append({"id": channel.id, "name": channel.name})
        return web.json_response(channels)

    async def say(self, request: web.Request) -> web.Response:
        said = []
        for wish in await _wishes(request, {"channel", "email", "text"}, set()):
            try:
                person = self.workspace.find_person(wish["email"])
                where = self.workspace.find(wish["channel"])
            except Refused as refused:
                raise _bad(f"{refused.error}: {wish}") from None
            message = self.workspace.post(where, person.id, wish["text"])
            said.append({"channel": where.id, "ts": message.ts})
        return web.json_response(said)

    async def messages(self, request: web.Request) -> web.Response:
        if request.query.get("format") == "text":
            appeared = [
                printed(self.workspace, message)
                for conversation in self.workspace.conversations
                for message in self.workspace.in_order(conversation)
            ]
            return web.Response(text="\n".join(appeared))
        channels = []
        for conversation in self.workspace.conversations.values():
            person = self.workspace.people.get(conversation.person or "")
            held = self.workspace.in_order(conversation.id)
            channels.append(
                {
                    "id": conversation.id,
                    "name": self.workspace.title(conversation),
                    "email": person.email if person else None,
                    "messages": [self._message(message) for message in held],
                }
            )
        return web.json_response({"channels": channels})

    def _message(self, message: Message) -> Json:
        now = message.now
        return {
            "ts": message.ts,
            "author": self.workspace.author(message),
            "text": now.text,
            "blocks": now.blocks,
            "metadata": now.metadata,
            "thread_ts": message.thread_ts,
            "edited": message.edited,
            "versions": [
                {"at": one.at, "text": one.text, "blocks": one.blocks, "metadata": one.metadata}
                for one in message.versions
            ],
        }

    async def cards(self, request: web.Request) -> web.Response:
        after = _number(request, "after", 0)
        width = _number(request, "width", WIDTH)
        if width < NARROWEST:
            raise _bad(f"width is at least {NARROWEST}, not {width}")
        ansi = request.query.get("ansi") == "1"
        cards = []
        for appearance in self.workspace.appearances:
            if appearance.number <= after:
                continue
            message = appearance.message
            conversation = self.workspace.conversations[message.conversation]
            text = printed(self.workspace, message, appearance.version, width=width, ansi=ansi)
            cards.append(
                {
                    "number": appearance.number,
                    "channel": conversation.id,
                    "name": self.workspace.title(conversation),
                    "ts": message.ts,
                    "version": appearance.version,
                    "printed": text,
                }
            )
        return web.json_response(cards)

    async def forget_messages(self, request: web.Request) -> web.Response:
        self.workspace.forget_messages()
        return web.json_response({})

    async def order_faults(self, request: web.Request) -> web.Response:
        wishes = await _json(request)
        try:
            for wish in wishes if isinstance(wishes, list) else [wishes]:
                self.faults.order(wish)
        except ValueError as error:
            raise _bad(str(error)) from None
        return web.json_response(self.faults.as_json())

    async def ordered_faults(self, request: web.Request) -> web.Response:
        return web.json_response(self.faults.as_json())

    async def clear_faults(self, request: web.Request) -> web.Response:
        self.faults.clear()
        return web.json_response([])

    async def calls(self, request: web.Request) -> web.Response:
        return web.json_response(list(self.web_api.calls))

    async def forget_calls(self, request: web.Request) -> web.Response:
        self.web_api.calls.clear()
        return web.json_response([])


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise _bad(f"the body is not JSON: {error}") from None


async def _wishes(request: web.Request, needed: set[str], possible: set[str]) -> list[Json]:
    """The objects of the body, one or a list; each with the needed names as text."""
    body = await _json(request)
    wishes = body if isinstance(body, list) else [body]
    for wish in wishes:
        if not isinstance(wish, dict) or not needed <= set(wish) <= needed | possible:
            may = f", and may have {', '.join(sorted(possible))}" if possible else ""
            raise _bad(f"needs {', '.join(sorted(needed))}{may}; got {wish!r}")
        if not all(isinstance(wish[name], str) and wish[name] for name in needed):
            raise _bad(f"{', '.join(sorted(needed))} are texts; got {wish!r}")
    return wishes


def _number(request: web.Request, name: str, otherwise: int) -> int:
    text = request.query.get(name, str(otherwise))
    if not (text.isascii() and text.isdigit()):
        raise _bad(f"{name} is a whole number, not {text!r}")
    return int(text)


def _bad(reason: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=reason + "\n")
