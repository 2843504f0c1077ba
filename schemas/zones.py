"""Which time zones are there, and by which rules? Those of the pinned package `tzdata` alone.

A machine's own copy may be older or newer, and the same history would end on another day there; so
importing this makes the whole process deaf to it.
"""

from zoneinfo import ZoneInfo, available_timezones, reset_tzpath

reset_tzpath(to=())
ZoneInfo.clear_cache()

ZONES = available_timezones()


def rules_of(zone: str) -> ZoneInfo:
    """When that zone's clocks stand how; raises `ZoneInfoNotFoundError`."""
    return ZoneInfo(zone)
