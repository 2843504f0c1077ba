"""Which source was heard of when, and how long did a stage take that ended well?"""

from datetime import UTC, datetime, timedelta

import pytest

from streams import metrics
from tests.streams.watching import counted, rises

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def last_of(source: str) -> datetime:
    return datetime.fromtimestamp(
        counted("laurel_source_heard_timestamp_seconds", source=source), UTC
    )


def test_a_source_has_a_label_unless_it_may_be_an_address_or_is_one_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "_sources", set())
    monkeypatch.setattr(metrics, "SOURCES_AT_MOST", 2)
    spoke = ("urn:1", "ann@acme.example", "urn:2", "urn:3", "urn:1")
    for minutes, source in enumerate(spoke):
        metrics.heard(source, AT + timedelta(minutes=minutes))
    assert [last_of(source) - AT for source in ("urn:1", "urn:2", "other")] == [
        timedelta(minutes=minutes) for minutes in (4, 2, 3)
    ]
    assert last_of("ann@acme.example") == last_of("urn:3") == datetime.fromtimestamp(0, UTC)


def test_a_stage_that_fails_is_not_timed() -> None:
    with (
        rises("laurel_stage_seconds_count", 0, app="engine", stage="fold"),
        pytest.raises(ZeroDivisionError),
        metrics.Timed("engine", "fold"),
    ):
        raise ZeroDivisionError
