"""How does an empty or an older database become this version's?

Apart from the other commands, because what it imports takes longer than they do.
"""

from argparse import Namespace

from psycopg.errors import InsufficientPrivilege
from sqlalchemy.exc import OperationalError, ProgrammingError

from projections.migrate import READER
from projections.migrate import migrate as bring_up

from .settings import Settings
from .shell import Failed, postgres_address, say


def migrate(settings: Settings, _: Namespace) -> None:
    """Bring the database up to this version of the code."""
    try:
        revision = bring_up(settings.database_url.get_secret_value())
    except OperationalError as fault:
        raise fault.orig or fault from None
    except ProgrammingError as fault:
        if not isinstance(fault.orig, InsufficientPrivilege):
            raise
        raise Failed(
            f"Postgres at {postgres_address(settings)}: {fault.orig.diag.message_primary}: let an"
            f" administrator do it once, such as `CREATE ROLE {READER} NOLOGIN`"
        ) from None
    say(f"the database at {postgres_address(settings)} is at revision {revision}")
