"""What does the door's page show? What came in lately, by whatever door, and what became of it.

It shows codes and ids only, and those of its token's sources; nothing is loaded from elsewhere.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from textwrap import shorten
from time import monotonic
from typing import get_args
from urllib.parse import urlencode

from aiohttp import web

from schemas.envelope import stamp
from schemas.ids import opaque

from .arrivals import FURTHEST, Arrival, Became, Fate, TopicsUnread, fates, lately
from .database import PASSING, Pool
from .door import RETRY_AFTER, known
from .problems import Refusal
from .settings import Settings
from .tokens import Token

SHOWN = 100

LONGEST = 200
"""Characters of a producer's word, or of why something was set aside."""

FRESH = 2.0
"""Seconds for which what was read from Kafka is shown again to a token, however often it asks."""

_TONES: dict[Became, str] = {
    "on its way": "still",
    "forwarded": "good",
    "waiting": "wait",
    "dead letter": "bad",
    "sent on again": "wait",
    "discarded": "still",
    "expired": "bad",
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_HERE = Path(__file__).parent
_ADDRESS = re.compile(r"\S*@\S*")

Seen = tuple[Arrival, Fate]


class Page:
    """The page at `/`."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._pool = pool
        self._reading = asyncio.Lock()
        self._read: dict[tuple[str, ...], tuple[float, list[Arrival]]] = {}
        self._template = Template((_HERE / "page.html").read_text(encoding="utf-8"))
        self._style = (_HERE / "page.css").read_text(encoding="utf-8")

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self.whole), web.get("/page.css", self.style)]

    async def style(self, _: web.Request) -> web.Response:
        return web.Response(text=self._style, content_type="text/css")

    async def whole(self, request: web.Request) -> web.Response:
        """The page, all of it or what became of one kind; raises `Refusal`."""
        token = await known(self._pool, request)
        try:
            seen = await self._seen(token)
        except TopicsUnread as fault:
            raise Refusal(503, f"{fault}.", retry_after=RETRY_AFTER) from None
        except (*PASSING, TimeoutError) as fault:
            why = f"Postgres does not answer: {type(fault).__name__}."
            raise Refusal(503, why, retry_after=RETRY_AFTER) from None
        asked = next((one for one in get_args(Became) if one == request.query.get("became")), None)
        now = datetime.now(UTC)
        page = self._template.substitute(
            now=stamp(now),
            now_words=f"{now:%d %B %Y, %H:%M:%S} UTC",
            token=escape(token.name),
            here=_address(asked),
            shown=_shown(seen, asked),
        )
        return web.Response(text=page, content_type="text/html", headers=_HEADERS)

    async def _seen(self, token: Token) -> list[Seen]:
        async with self._reading:
            stale = monotonic() - FRESH
            self._read = {who: read for who, read in self._read.items() if read[0] > stale}
            if token.sources not in self._read:
                arrivals = await lately(self._settings, SHOWN, token.covers)
                self._read[token.sources] = monotonic(), arrivals
            _, arrivals = self._read[token.sources]
        async with self._pool.connection() as connection:
            became = await fates(connection, self._settings, arrivals)
        return list(zip(arrivals, became, strict=True))


def _address(asked: Became | None) -> str:
    return f"/?{urlencode({'became': asked})}" if asked else "/"


def _shown(seen: Sequence[Seen], asked: Became | None) -> str:
    if not seen:
        return (
            '<p class="nothing">Nothing has come in that this token may see,'
            f" as far as the last {FURTHEST:,} records of each partition say.</p>"
        )
    rows = [one for one in seen if asked in (None, one[1].became)]
    return _choices(seen, asked) + (
        _table(rows) if rows else '<p class="nothing">Nothing of that kind.</p>'
    )


def _choices(seen: Sequence[Seen], asked: Became | None) -> str:
    """A link for all, and for each thing that became of something."""
    counts = Counter(fate.became for _, fate in seen)
    choices: list[tuple[Became | None, int]] = [(None, len(seen))]
    choices += [(one, counts[one]) for one in _TONES if counts[one] or one == asked]
    here = {asked: ' aria-current="page"'}
    links = (
        f'<li><a href="{_address(one)}"{here.get(one, "")}>'
        f"{(one or 'all').capitalize()} <b>{count}</b></a></li>"
        for one, count in choices
    )
    return f'<nav aria-label="What became of it"><ul>{"".join(links)}</ul></nav>'


def _table(rows: Sequence[Seen]) -> str:
    heads = "".join(
        f'<th scope="col">{head}</th>'
        for head in ("Came in (UTC)", "What", "From", "What became of it")
    )
    last = len(rows)
    caption = f"{last} record{'s' if last > 1 else ''} of the intake topics, the newest first"
    return (
        '<div class="sheet" role="region" aria-label="Records" tabindex="0"><table>'
        f"<caption>{caption}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(_row(*one) for one in rows)}</tbody></table></div>"
    )


def _row(arrival: Arrival, fate: Fate) -> str:
    place = f"{arrival.topic}[{arrival.partition}]@{arrival.offset}"
    if arrival.copy_of:
        place += f", out of {arrival.copy_of[0]}{arrival.copy_of[1]}"
    why = ""
    if fate.row:
        why = (
            f'<span class="small"><b>{escape(fate.reason)}</b> · <code>{fate.row}</code> · '
            f"{escape(shorten(_ADDRESS.sub('…', fate.detail), LONGEST, placeholder=' …'))}</span>"
        )
    return (
        f'<tr><th scope="row"><time datetime="{stamp(arrival.heard)}">'
        f"{arrival.heard:%d %b, %H:%M:%S}</time></th>"
        f'<td><b>{_word(arrival.type) or "unreadable"}</b><span class="small">{place}</span></td>'
        f"<td><code>{_word(arrival.id)}</code>"
        f'<span class="small">{_word(arrival.source)}</span></td>'
        f'<td><span class="badge {_TONES[fate.became]}">{fate.became.capitalize()}</span>{why}</td>'
        "</tr>"
    )


def _word(said: str) -> str:
    """A producer's word, as it may be shown: an address is hashed."""
    return escape(opaque(said)[:LONGEST])
