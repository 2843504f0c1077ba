"""Who may speak at the door, and for which sources? Of a token only the hash is kept.

The tokens are read again every few seconds, so the door stays open while Postgres is away for a
while. A token that is not known is asked for before it is refused.
"""

import asyncio
import hashlib
import re
import secrets
from dataclasses import dataclass
from hmac import compare_digest
from time import monotonic

from .database import PASSING, Pool
from .logs import log

NAME = re.compile(r"[a-z0-9-]{1,40}")
_TOKEN = re.compile(r"laurel_([a-z0-9-]{1,40})_([A-Za-z0-9_-]{43})")

FRESH = 2.0
"""Seconds after which the tokens are read again; a revoked one is refused by then."""

BELIEVED = 600.0
"""Seconds for which they are believed while Postgres does not answer."""

ANSWER_WITHIN = 3.0


class TokensUnknown(Exception):
    """Postgres has not answered for so long that no token is believed."""


@dataclass(frozen=True, slots=True)
class Token:
    """Who speaks, and for which sources; `*` ends a prefix, and alone stands for all."""

    name: str
    hash: bytes
    sources: tuple[str, ...]

    @property
    def sees_all(self) -> bool:
        """Whether it may write, and therefore look at, every source."""
        return "*" in self.sources

    def may_write(self, source: str) -> bool:
        """Whether it may speak for this source."""
        return any(
            source.startswith(allowed[:-1]) if allowed.endswith("*") else source == allowed
            for allowed in self.sources
        )


def draw(name: str) -> tuple[str, bytes]:
    """A new token of this name, and the hash to keep of it."""
    secret = secrets.token_urlsafe(32)
    return f"laurel_{name}_{secret}", _hash(secret)


def _hash(secret: str) -> bytes:
    # A secret of 256 random bits cannot be guessed, so a plain hash is as good as a slow one.
    return hashlib.sha256(secret.encode()).digest()


class Tokens:
    """The tokens as they were last read."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: dict[str, Token] = {}
        self._read_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, text: str) -> Token | None:
        """The token that this is, or None; raises `TokensUnknown`."""
        parsed = _TOKEN.fullmatch(text)
        if parsed is None:
            return None
        name, hash = parsed[1], _hash(parsed[2])
        return self._match(name, hash) or await self._ask_for(name, hash)

    async def read(self) -> None:
        """Read them all."""
        self._tried_at = monotonic()
        async with self._pool.connection(timeout=ANSWER_WITHIN) as connection:
            cursor = await connection.execute("SELECT name, hash, sources FROM tokens")
            rows = await cursor.fetchall()
        self._known = {name: Token(name, hash, tuple(sources)) for name, hash, sources in rows}
        self._read_at = monotonic()

    async def keep_fresh(self) -> None:
        """Read them again and again."""
        while True:
            await asyncio.sleep(FRESH)
            await self._try()

    @property
    def fault(self) -> str:
        """Why no token is believed; empty: they are."""
        silent = monotonic() - self._read_at
        return f"Postgres has not answered for {silent:.0f} s" if silent > BELIEVED else ""

    def _match(self, name: str, hash: bytes) -> Token | None:
        if self.fault:
            return None
        token = self._known.get(name)
        return token if token and compare_digest(token.hash, hash) else None

    async def _ask_for(self, name: str, hash: bytes) -> Token | None:
        asked_at = monotonic()
        async with self._lock:
            # One reading answers all who waited for it.
            if self._tried_at < asked_at:
                await self._try()
        if self.fault:
            raise TokensUnknown(self.fault)
        return self._match(name, hash)

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self.read()
        except (*PASSING, TimeoutError) as fault:
            log("tokens", fault=type(fault).__name__, why=str(fault).strip())
