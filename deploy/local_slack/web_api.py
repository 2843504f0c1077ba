"""How does a call of the Web API come in, and which answer, or silence, goes out?

In this order: the token, the rate limits, a fault before the effect, the method, a fault after it.
"""

import asyncio
import json
import time
from collections import deque
from typing import Any

from aiohttp import web

from deploy.local_slack import methods
from deploy.local_slack.faults import Fault, Faults
from deploy.local_slack.rates import RateLimits
from deploy.local_slack.workspace import Json, Refused, Workspace

CALLS_KEPT = 20_000
_GATEWAY_PAGE = "<html><body><h1>Bad gateway</h1></body></html>"


class WebApi:
    """Answers `/api/METHOD`, and remembers every call."""

    def __init__(self, workspace: Workspace, faults: Faults, *, token: str, limited: bool) -> None:
        self.workspace = workspace
        self.faults = faults
        self.calls: deque[Json] = deque(maxlen=CALLS_KEPT)
        self.rates = RateLimits() if limited else None
        self._token = token
        self._counted = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/api/{method}", self.answer)]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self._counted += 1
        call: Json = {"number": self._counted, "at": time.time(), "method": method}
        self.calls.append(call)
        try:
            arguments = await _arguments(request)
            self._authorise(request, arguments)
            if method not in methods.METHODS:
                raise Refused("unknown_method")
            return await self._perform(request, method, arguments, call)
        except Refused as refused:
            call["outcome"] = refused.error
            return _refusal(refused)

    def _authorise(self, request: web.Request, arguments: Json) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token if scheme.lower() == "bearer" else str(arguments.pop("token", ""))
        if not token:
            raise Refused("not_authed")
        if token != self._token:
            raise Refused("invalid_auth")

    async def _perform(
        self, request: web.Request, method: str, arguments: Json, call: Json
    ) -> web.StreamResponse:
        channel = self._channel(arguments)
        call["channel"] = channel
        wait = self.rates.wait_for(method, channel) if self.rates else None
        if wait is not None:
            call["outcome"] = "ratelimited"
            return _too_many(wait)
        fault = self.faults.strike(method, channel, "before")
        if fault is not None and fault.do != "lag":
            instead = await _suffer(fault, request, call)
            if instead is not None:
                return instead
        if method in methods.READING and fault is not None and fault.do == "lag":
            call["fault"] = "lag"
            unseen_from = f"{time.time() - fault.seconds:.6f}"
            answer = methods.READING[method](self.workspace, arguments, unseen_from)
        else:
            answer = methods.METHODS[method](self.workspace, arguments)
        call["outcome"] = "ok"
        if "ts" in answer:
            call["ts"] = answer["ts"]
        fault = self.faults.strike(method, channel, "after")
        if fault is not None:
            instead = await _suffer(fault, request, call)
            if instead is not None:
                return instead
        return web.json_response({"ok": True, **answer})

    def _channel(self, arguments: Json) -> str:
        """The id of the conversation meant, so that a name and an id share one limit."""
        named = str(arguments.get("channel", ""))
        try:
            return self.workspace.find(named).id if named else ""
        except Refused:
            return named


async def _suffer(fault: Fault, request: web.Request, call: Json) -> web.StreamResponse | None:
    """What the fault answers instead; None if the call shall go on."""
    call["fault"] = f"{fault.do} {fault.when}"
    if fault.do == "hang":
        await asyncio.sleep(fault.seconds)
        return None
    call.setdefault("outcome", fault.do)
    if fault.do == "ratelimit":
        return _too_many(fault.retry_after)
    if fault.do == "refuse":
        call["outcome"] = fault.error
        return _refusal(Refused(fault.error))
    if fault.do == "drop":
        if request.transport is not None:
            request.transport.close()
        return web.Response()
    if fault.status != 500:
        return web.Response(status=fault.status, text=_GATEWAY_PAGE, content_type="text/html")
    return web.json_response({"ok": False, "error": fault.error}, status=500)


def _too_many(seconds: int) -> web.Response:
    return web.json_response(
        {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(seconds)}
    )


def _refusal(refused: Refused) -> web.Response:
    answer: Json = {"ok": False, "error": refused.error}
    if refused.details:
        answer["errors"] = refused.details
        answer["response_metadata"] = {"messages": [f"[ERROR] {one}" for one in refused.details]}
    return web.json_response(answer)


async def _arguments(request: web.Request) -> Json:
    """What the call says in its query, and in its form or JSON body."""
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            # slack_sdk names the type also where it has nothing to say.
            body = json.loads(await request.text() or "{}")
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise Refused("invalid_json") from None
        if not isinstance(body, dict):
            raise Refused("json_not_object")
        arguments |= body
    else:
        arguments |= dict(await request.post())
    return {name: value for name, value in arguments.items() if value is not None}
