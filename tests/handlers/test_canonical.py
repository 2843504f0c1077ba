"""Does what may reach the timeline fit on it?"""

from datetime import UTC, datetime

from handlers.canonical import canonical
from schemas.envelope import Event, encode_fact
from schemas.incoming import CourseDescribed, Module
from schemas.topics import EVENT_AT_MOST

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_the_largest_fact_is_smaller_than_an_event_may_be() -> None:
    longest = [f"{number:\N{GRINNING FACE}>50}" for number in range(500)]
    data = CourseDescribed(
        course=longest[0],
        type=longest[0],
        modules=tuple(Module(id=id) for id in longest),
        certificate=longest[0],
        next_courses=tuple(longest[:50]),
    )
    event = Event(id=longest[0], source=longest[0], time=AT, data=data)
    (said,) = canonical(event, AT)
    assert EVENT_AT_MOST / 12 < len(encode_fact(said.fact, said.source, said.id)) < EVENT_AT_MOST
