"""Who may speak at the door, and for which sources? Of a token only the hash is kept.

Postgres is asked at every request, so a token that is revoked is refused at once.
"""

import asyncio
import hashlib
import re
import secrets
from dataclasses import dataclass
from hmac import compare_digest

from .database import PASSING, Pool

NAME = re.compile(r"[a-z0-9-]{1,40}")
_TOKEN = re.compile(r"laurel_([a-z0-9-]{1,40})_([A-Za-z0-9_-]{43})")

ANSWER_WITHIN = 3.0


class TokensUnknown(Exception):
    """Postgres does not say which tokens there are."""


@dataclass(frozen=True, slots=True)
class Token:
    """Who speaks, and for which sources; `*` ends a prefix, and alone stands for all."""

    name: str
    sources: tuple[str, ...]

    def covers(self, source: str) -> bool:
        """Whether it may write events of this source, and look at them."""
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


async def find(pool: Pool, text: str) -> Token | None:
    """The token that this is, or None; raises `TokensUnknown`."""
    parsed = _TOKEN.fullmatch(text)
    if parsed is None:
        return None
    name, secret = parsed.groups()
    row = await _look_up(pool, name)
    if row is None or not compare_digest(row[0], _hash(secret)):
        return None
    return Token(name, tuple(row[1]))


async def fault(pool: Pool) -> str:
    """Why no token could be looked up; empty: nothing."""
    try:
        await _look_up(pool, "")
    except TokensUnknown as unknown:
        return str(unknown)
    return ""


async def _look_up(pool: Pool, name: str) -> tuple[bytes, list[str]] | None:
    try:
        async with asyncio.timeout(ANSWER_WITHIN), pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT hash, sources FROM tokens WHERE name = %s", (name,)
            )
            row: tuple[bytes, list[str]] | None = await cursor.fetchone()
    except (*PASSING, TimeoutError) as fault:
        raise TokensUnknown(f"Postgres does not answer: {type(fault).__name__}") from None
    return row
