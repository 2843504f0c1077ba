"""How do events come in over HTTP? Checked whole, then kept whole, or refused and not taken.

A body is taken or refused as one: 202 only once Kafka has acknowledged all of it. Whatever else is
answered, the same body may be sent again, for an event is known by its source and id.
"""

from base64 import b64decode
from time import monotonic

import orjson
from aiohttp import web

from handlers.adapters import cloudevents
from handlers.adapters.delivery import Adapter, Arrived, Delivery, UnknownFormat
from schemas import asyncapi, openapi
from schemas.door import ASYNCAPI_PATH, EVENTS_PATH, JSON, MOST_EVENTS, OPENAPI_PATH
from schemas.envelope import Fault, Unreadable

from . import metrics, tokens
from .allowance import Allowance
from .database import Pool
from .logs import log
from .outlet import NotKept, Outlet
from .packing import unpacked
from .probes import page
from .problems import Refusal
from .settings import Settings
from .tokens import Token, TokensUnknown

ADAPTERS: dict[str, Adapter] = {EVENTS_PATH: cloudevents.read}
"""What reads a body, by the path that it was sent to."""

RETRY_AFTER = 5.0
"""Seconds after which to try again, when it is Kafka or Postgres that does not answer."""

SECONDS_SAVED = 10
"""A token that was silent may send so many seconds' worth at once."""


class Door:
    """The API: `POST /api/events`, and the documents that describe it."""

    def __init__(self, settings: Settings, pool: Pool, outlet: Outlet) -> None:
        self._pool = pool
        self._outlet = outlet
        rate = settings.laurel_door_events_per_second
        self._allowance = Allowance(rate, max(MOST_EVENTS, SECONDS_SAVED * rate))
        self._documents = {OPENAPI_PATH: openapi.text(), ASYNCAPI_PATH: asyncapi.text()}

    def routes(self) -> list[web.RouteDef]:
        return [
            *(web.post(path, self.take) for path in ADAPTERS),
            web.get("/readyz", page("ready", self.faults)),
            *(web.get(path, self.document) for path in self._documents),
        ]

    async def document(self, request: web.Request) -> web.Response:
        """What the door and the topics promise, for programs."""
        return web.Response(text=self._documents[request.path], content_type=JSON)

    async def faults(self) -> list[str]:
        """Why an event that came now could not be kept; nothing: it could."""
        faults = await self._outlet.fault(), await tokens.fault(self._pool)
        return [fault for fault in faults if fault]

    async def take(self, request: web.Request) -> web.Response:
        """Keep the events of a body, all or none; raises `Refusal`."""
        token = await known(self._pool, request)
        # What cannot be read costs one as well, asked for before it is read.
        self._spend(token, 1)
        events = await _read(request)
        # Kept, it would be lost at each refusal, and whoever waits as told might wait for ever.
        self._allowance.give_back(token.name, 1)
        self._spend(token, max(1, len(events)))
        strange = [
            Fault(f"{one.pointer}/source", f"token {token.name} may not write this source")
            for one in events
            if not token.covers(one.event.source)
        ]
        if strange:
            raise Refusal(403, faults=strange)
        try:
            await self._outlet.keep(events)
        except NotKept as fault:
            log("not_kept", events=len(events), why=str(fault))
            raise Refusal(503, f"{fault}.", retry_after=RETRY_AFTER) from None
        metrics.EVENTS_TAKEN.inc(len(events))
        accepted = [{"source": one.event.source, "id": one.event.id} for one in events]
        body = orjson.dumps({"accepted": accepted})
        return web.Response(status=202, body=body, content_type=JSON)

    def _spend(self, token: Token, events: int) -> None:
        seconds = self._allowance.take(token.name, events, monotonic())
        if seconds:
            rate = f"{self._allowance.rate:g} events a second"
            raise Refusal(429, f"Token {token.name} may send {rate}.", retry_after=seconds)


async def known(pool: Pool, request: web.Request) -> Token:
    """The token that came along; raises `Refusal`."""
    scheme, _, said = request.headers.get("Authorization", "").partition(" ")
    text = {"bearer": said.strip(), "basic": _password(said)}.get(scheme.lower(), "")
    try:
        token = await tokens.find(pool, text)
    except TokensUnknown as fault:
        raise Refusal(503, f"{fault}.", retry_after=RETRY_AFTER) from None
    if token is None:
        raise Refusal(401)
    return token


def _password(said: str) -> str:
    """What a browser was told where it asks for a name and a password; any name will do."""
    try:
        return b64decode(said).decode().partition(":")[2]
    except ValueError:
        return ""


async def _read(request: web.Request) -> list[Arrived]:
    """What the body says; aiohttp raises where it is larger than the application's limit."""
    packed = await request.read()
    encoding = ",".join(request.headers.getall("Content-Encoding", ()))
    body = unpacked(packed, encoding, request.client_max_size)
    content_type = request.headers.get("Content-Type", "")
    delivery = Delivery(content_type, body, list(request.headers.items()))
    try:
        return ADAPTERS[request.path](delivery)
    except UnknownFormat as fault:
        raise Refusal(415, f"{fault}.") from None
    except Unreadable as fault:
        raise Refusal(422, faults=fault.faults) from None
