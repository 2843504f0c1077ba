"""Which day is it in the account, and when does a certificate's last day end there?"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.days import day_of, end_of, last_day_after

ZONES = [
    "UTC",
    "Pacific/Auckland",
    "America/Los_Angeles",
    "America/Santiago",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Pacific/Apia",
]


@pytest.mark.parametrize(
    ("first", "months", "last"),
    [
        ("2023-02-12", 12, "2024-02-11"),
        ("2023-02-20", 12, "2024-02-19"),
        ("2024-02-29", 12, "2025-02-27"),
        ("2023-08-31", 6, "2024-02-28"),
        ("2024-08-31", 6, "2025-02-27"),
        ("2024-01-01", 12, "2024-12-31"),
        ("2024-03-01", 24, "2026-02-28"),
        ("2024-12-31", 1, "2025-01-30"),
    ],
)
def test_the_last_day_is_the_one_before_the_clamped_same_day(
    first: str, months: int, last: str
) -> None:
    assert last_day_after(date.fromisoformat(first), months) == date.fromisoformat(last)


def test_a_validity_past_the_calendar_never_ends() -> None:
    assert last_day_after(date(2024, 5, 1), 12 * 8000) is None
    assert end_of(date.max, "Europe/Berlin") is None


@pytest.mark.parametrize(
    ("last", "zone", "instant"),
    [
        ("2024-02-11", "UTC", "2024-02-12T00:00:00+00:00"),
        ("2024-02-11", "Pacific/Auckland", "2024-02-11T11:00:00+00:00"),
        ("2024-02-11", "America/Los_Angeles", "2024-02-12T08:00:00+00:00"),
        # Clocks jump from midnight to one: the day begins at one, which is the jump.
        ("2023-09-02", "America/Santiago", "2023-09-03T04:00:00+00:00"),
        ("2024-03-30", "Asia/Beirut", "2024-03-30T22:00:00+00:00"),
        # The day that never was.
        ("2011-12-29", "Pacific/Apia", "2011-12-30T10:00:00+00:00"),
        # The hour before midnight comes twice: the day ends with the second.
        ("2024-10-26", "Asia/Beirut", "2024-10-26T22:00:00+00:00"),
        # Midnight comes twice: the day begins with the first.
        ("2024-11-02", "America/Havana", "2024-11-03T04:00:00+00:00"),
    ],
)
def test_a_last_day_ends_with_the_first_instant_of_the_next(
    last: str, zone: str, instant: str
) -> None:
    assert end_of(date.fromisoformat(last), zone) == datetime.fromisoformat(instant)


@pytest.mark.parametrize(
    ("zone", "day", "begins", "ends"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
        ("Europe/London", "2026-03-29", "2026-03-29T00:00Z", "2026-03-29T23:00Z"),
        ("Europe/London", "2026-10-25", "2026-10-24T23:00Z", "2026-10-26T00:00Z"),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00Z", "2026-03-09T04:00Z"),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00Z", "2026-11-02T05:00Z"),
        ("America/Los_Angeles", "2026-03-08", "2026-03-08T08:00Z", "2026-03-09T07:00Z"),
        ("America/Los_Angeles", "2026-11-01", "2026-11-01T07:00Z", "2026-11-02T08:00Z"),
        ("Australia/Sydney", "2026-04-05", "2026-04-04T13:00Z", "2026-04-05T14:00Z"),
        ("Australia/Sydney", "2026-10-04", "2026-10-03T14:00Z", "2026-10-04T13:00Z"),
        ("Pacific/Auckland", "2026-04-05", "2026-04-04T11:00Z", "2026-04-05T12:00Z"),
        ("Pacific/Auckland", "2026-09-27", "2026-09-26T12:00Z", "2026-09-27T11:00Z"),
        # By half an hour only.
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00Z", "2026-04-05T13:30Z"),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30Z", "2026-10-04T13:00Z"),
        # At midnight: the hour before it comes twice, the hour after it never.
        ("America/Santiago", "2026-04-04", "2026-04-04T03:00Z", "2026-04-05T04:00Z"),
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00Z", "2026-09-07T03:00Z"),
    ],
)
def test_the_day_on_which_clocks_change_is_longer_or_shorter(
    zone: str, day: str, begins: str, ends: str
) -> None:
    on, first, after = date.fromisoformat(day), *map(datetime.fromisoformat, (begins, ends))
    assert (end_of(on - timedelta(days=1), zone), end_of(on, zone)) == (first, after)
    moment = timedelta(milliseconds=1)
    assert [day_of(at, zone) == on for at in (first - moment, first)] == [False, True]
    assert [day_of(at, zone) == on for at in (after - moment, after)] == [True, False]


def test_one_instant_lies_on_two_days() -> None:
    at = datetime(2024, 2, 11, 11, 30, tzinfo=UTC)
    assert day_of(at, "Pacific/Auckland") == date(2024, 2, 12)
    assert day_of(at, "America/Los_Angeles") == date(2024, 2, 11)


@given(
    last=st.dates(date(1980, 1, 1), date(2100, 1, 1)),
    zone=st.sampled_from(ZONES),
    before=st.timedeltas(timedelta(microseconds=1), timedelta(days=3)),
)
def test_until_its_end_and_never_from_then_on_it_is_still_the_last_day_or_earlier(
    last: date, zone: str, before: timedelta
) -> None:
    end = end_of(last, zone)
    assert end is not None
    assert (end - before).astimezone(ZoneInfo(zone)).date() <= last
    assert end.astimezone(ZoneInfo(zone)).date() > last


@given(first=st.dates(date(1980, 1, 1), date(2100, 1, 1)), months=st.integers(1, 120))
def test_a_validity_lasts_its_months_less_at_most_three_days(first: date, months: int) -> None:
    last = last_day_after(first, months)
    assert last is not None
    after = last + timedelta(days=1)
    assert after.year * 12 + after.month == first.year * 12 + first.month + months
    assert first.day - 3 <= after.day <= first.day
