"""How does an operator give, list and take back tokens?"""

from argparse import Namespace
from datetime import UTC, datetime

from psycopg.errors import UniqueViolation

from schemas.envelope import stamp

from . import database
from .settings import Settings
from .shell import Refused, say, table
from .tokens import NAME, draw


def make(settings: Settings, options: Namespace) -> None:
    """Make a token and show it, which cannot be done again."""
    if NAME.fullmatch(options.name) is None:
        raise Refused(f"NAME {options.name!r}: a token's name is 1 to 40 of a-z, 0-9 and -")
    sources = options.source or ["*"]
    for source in sources:
        if not source or "*" in source[:-1]:
            raise Refused(f"--source {source!r}: a source, whose last letter may be a `*`")
    text, hash = draw(options.name)
    with database.connect(settings) as connection:
        try:
            connection.execute(
                "INSERT INTO tokens (name, hash, sources, made_at) VALUES (%s, %s, %s, %s)",
                (options.name, hash, sources, datetime.now(UTC)),
            )
        except UniqueViolation:
            raise Refused(f"there is a token {options.name!r}; revoke it first") from None
    say(text)


def listing(settings: Settings, _: Namespace) -> None:
    """Every token's name, and what it may write."""
    with database.connect(settings) as connection:
        rows = connection.execute("SELECT name, made_at, sources FROM tokens ORDER BY name")
        table(
            ("name", "made at", "sources"),
            [(name, stamp(made_at), " ".join(sources)) for name, made_at, sources in rows],
        )


def revoke(settings: Settings, options: Namespace) -> None:
    """Take a token back; the next request with it is refused."""
    with database.connect(settings) as connection:
        gone = connection.execute("DELETE FROM tokens WHERE name = %s", (options.name,)).rowcount
    if not gone:
        raise Refused(f"there is no token {options.name!r}; `laurel tokens list` names them")
    say(f"{options.name} is revoked")
