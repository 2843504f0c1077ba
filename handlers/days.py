"""On which day of the account does an instant lie, and when does a day begin there?"""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

from schemas.zones import rules_of

YEAR_LIMIT = date.max.year


def day_of(at: datetime, zone: str) -> date:
    return at.astimezone(rules_of(zone)).date()


def last_day_after(first: date, months: int) -> date | None:
    """The day before `first` + `months`, clamped to the month's end; none past the last year."""
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    if year > YEAR_LIMIT:
        return None
    clamped = min(first.day, monthrange(year, month + 1)[1])
    return date(year, month + 1, clamped) - timedelta(days=1)


def end_of(last: date, zone: str) -> datetime | None:
    """The first instant after `last`; none after the last day there is ("never", to some LMSs).

    Where clocks skip midnight, reading it with the offset before the jump gives the jump itself.
    """
    if last == date.max:
        return None
    after = last + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=rules_of(zone)).astimezone(UTC)
