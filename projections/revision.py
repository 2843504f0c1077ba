"""Is the database the one that this code was written for? Asked before anything is read in it."""

REVISION = "0008"
"""The newest migration."""


def mismatch(found: str | None) -> str | None:
    """What to do about a database at another revision, or at none; None if it fits."""
    if found == REVISION:
        return None
    if found is None:
        return "the database has no tables of Laurel: run `laurel migrate`"
    todo = "run `laurel migrate`" if found < REVISION else "run the Laurel that migrated it"
    return f"the database is at revision {found}, this code needs {REVISION}: {todo}"
