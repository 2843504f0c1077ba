"""What is a course? Its certificate, how long that is valid, and how long silence may last."""

from dataclasses import dataclass

from schemas.facts import CourseDescribed
from schemas.topics import CATALOGUE

from .derived import OfferChanged
from .handler import joined, never, nothing_read, once
from .said import Said, said

NAME = "catalogue"
VERSION = 1
ACCEPTS = (CourseDescribed,)
Read = None

PATIENCE_DAYS = 14


@dataclass(frozen=True, slots=True)
class Course:
    certificate: Said[str] | None = None
    validity_months: Said[int] | None = None
    patience_days: Said[int] | None = None

    @property
    def patience(self) -> int:
        return self.patience_days.value if self.patience_days else PATIENCE_DAYS

    @property
    def offer(self) -> tuple[str, int | None] | None:
        """The certificate it earns, and for how many months."""
        if self.certificate is None:
            return None
        months = self.validity_months.value if self.validity_months else None
        return self.certificate.value, months


State = Course
reads = nothing_read
deadline = never


def course_key(course: str) -> str:
    return joined(CATALOGUE, course)


def key(event: CourseDescribed) -> str:
    return course_key(event.course)


@once
def evolve(state: Course, event: CourseDescribed, read: None) -> Course:
    return Course(
        said(state.certificate, event.certificate, event),
        said(state.validity_months, event.validity_months, event),
        said(state.patience_days, event.patience_days, event),
    )


def decide(event: CourseDescribed, state: Course, read: None) -> list[OfferChanged]:
    before, after = state.offer, evolve(state, event, read).offer
    if before == after:
        return []
    changes = []
    if before and (after is None or after[0] != before[0]):
        changes.append(_change(event, before[0], offered=False))
    if after:
        changes.append(_change(event, after[0], offered=True, months=after[1]))
    return changes


def _change(
    event: CourseDescribed, certificate: str, *, offered: bool, months: int | None = None
) -> OfferChanged:
    return OfferChanged(
        customer=CATALOGUE,
        at=event.at,
        trigger=event.trigger,
        certificate=certificate,
        course=event.course,
        offered=offered,
        months=months,
    )
