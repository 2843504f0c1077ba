"""How do teams come to have what is required of them, and lose it again? Each tells of one crew.

Of a crew, one person at most is heard of in a step: who comes last decides what is raised, and why.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from .company import Company
from .moves import dawn
from .world import COURSES, DAY, HOUR, Account, Course, Learner, Person, midnight

GETTING, BASICS, REPORTS, API, ADMIN, PRIVACY = COURSES.values()

OPENING: dict[str, dict[str, str]] = {
    "everybody-starts": {"course": GETTING.id},
    "administrators": {"role": "admin", "certificate": str(ADMIN.certificate)},
    "senior-developers": {"role": "developer", "level": "senior", "course": API.id},
    "champions": {"role": "privacy_champion", "certificate": str(PRIVACY.certificate)},
    "engineers": {"role": "field_engineer", "level": "any", "course": API.id},
    "lead-trainers": {"role": "trainer", "level": "lead", "course": REPORTS.id},
    "apprentices": {"role": "any", "level": "apprentice", "course": BASICS.id},
    "mentors": {"role": "mentor", "course": GETTING.id},
    "pioneers": {"role": "pioneer", "course": REPORTS.id},
    "analysts": {"role": "analyst", "course": REPORTS.id},
    "registrars": {"role": "analyst", "certificate": str(ADMIN.certificate)},
}
"""What is required from the beginning on; some crew is concerned by each of the last eight."""


class Crew:
    """Some people of one role and level; `at` is when the last of them was heard of."""

    def __init__(self, company: Company, role: str, level: str, at: datetime) -> None:
        self.company = company
        self.play = company.play
        self.role = role
        self.level = level
        self.at = at

    def hires(self, account: Account, *, listed: bool = True) -> Person:
        return self.company.hire(account, listed=listed, role=self.role, level=self.level)

    def later(self, person: Person, least: float = 0.3, most: float = 1) -> datetime:
        """So much later that the steps differ, though a calm instant may lie half as far off."""
        self.at = self.play.later(person, self.at, least, most)
        return self.at

    def passes(self, person: Person, course: Course, **how: Any) -> Learner:
        learner = self.company.learner(person, course) or Learner(self.play, person, course)
        if self.play.rng.random() < 0.5:
            learner.start(self.later(person))
        learner.complete(self.later(person), score=learner.score(passed=True), **how)
        return learner

    def joins(self, person: Person) -> None:
        person.joined = self.later(person)
        self.at = dawn(self.play, person, person.joined)
        self.play.join(person, person.joined, self.at)

    def leaves(self, person: Person) -> None:
        left = self.later(person)
        self.at = dawn(self.play, person, left)
        self.play.move(person, "person.left.v1", left, self.at)

    def changes(self, person: Person, **place: Any) -> None:
        """The person has another role or level, and the counts of teams change."""
        self.at = dawn(self.play, person, self.at + DAY)
        self.play.move(person, "role.changed.v1", self.at - HOUR, self.at, **place)
        self.play.covers("role change", self.at)


def champions(company: Company, number: int, account: Account, at: datetime) -> None:
    """All are certified; then one loses it, or one is new, until that one is certified too."""
    crew = Crew(company, "privacy_champion", "regular", at)
    first, second, third = (crew.hires(account) for _ in range(3))
    learner = crew.passes(first, PRIVACY)
    crew.passes(second, PRIVACY)
    if number == 1:
        last_day = learner.last_day(crew.at, 12)
        learner.grant(crew.later(first), number=learner.number(), last_day=last_day)
    crew.passes(third, PRIVACY)
    company.play.covers("team reached", crew.at)
    if number == 0:
        learner.revoke(crew.later(first, 1, 3))
        learner.grant(crew.later(first, 1, 3), number=learner.number())
    elif number == 1:
        lapsed = midnight(account.zone, datetime.fromisoformat(last_day).date() + DAY)
        crew.at = max(crew.at, lapsed)
        learner.complete(crew.later(first), score=learner.score(passed=True))
    else:
        fourth = crew.hires(account, listed=False)
        crew.joins(fourth)
        crew.passes(fourth, PRIVACY)
    company.play.covers("team reached again", crew.at)


def engineers(company: Company, number: int, account: Account, at: datetime) -> None:
    """All have finished; then somebody takes up the role, and finishes as well."""
    crew = Crew(company, "field_engineer", "regular", at)
    first, second = crew.hires(account), crew.hires(account)
    third = company.hire(account, role="end_user")
    crew.passes(first, API)
    crew.passes(second, API)
    company.play.covers("team reached", crew.at)
    crew.changes(third, role=crew.role)
    crew.passes(third, API)
    company.play.covers("team reached again", crew.at)


def trainers(company: Company, number: int, account: Account, at: datetime) -> None:
    """The one who is missing leaves, which is nothing to celebrate; a new one finishes."""
    crew = Crew(company, "trainer", "lead", at)
    first, second = crew.hires(account), crew.hires(account)
    learner = Learner(company.play, second, REPORTS)
    learner.enrol(crew.later(second))
    crew.passes(first, REPORTS)
    crew.leaves(second)
    company.play.covers("leaver", crew.at)
    third = crew.hires(account, listed=False)
    crew.joins(third)
    crew.passes(third, REPORTS)
    company.play.covers("team reached", crew.at)


def apprentices(company: Company, number: int, account: Account, at: datetime) -> None:
    """Who is missing need not finish; in one account the other is then no apprentice any more."""
    crew = Crew(company, "end_user", "apprentice", at)
    first, second = crew.hires(account), crew.hires(account)
    crew.passes(first, BASICS)
    learner = Learner(company.play, second, BASICS)
    learner.enrol(crew.later(second))
    learner.waive(crew.later(second, 1, 3))
    company.play.covers("silent waiver", crew.at)
    if number == 1:
        crew.changes(first, level="regular")


def analysts(company: Company, number: int, account: Account, at: datetime) -> None:
    """All have finished, and one had not; then she has. Once it is the exam of a certificate."""
    course = ADMIN if number == 1 else REPORTS
    crew = Crew(company, "analyst", "regular", at)
    first, second = crew.hires(account), crew.hires(account)
    learner = crew.passes(first, course)
    named = learner.told
    crew.passes(second, course)
    company.play.covers("team reached", crew.at)
    if number == 2:
        learner.retract(crew.later(first, 1, 3))
    else:
        learner.retract(crew.later(first, 1, 3), withdraws=named)
    company.play.covers("team corrected", crew.at)
    learner.complete(crew.later(first, 1, 3), score=learner.score(passed=True))
    company.play.covers("team reached again", crew.at)


def spares_and_is_heard_late(company: Company, account: Account, at: datetime) -> None:
    """A waiver of the course stands for its certificate; a completion of days ago is history."""
    crew = Crew(company, "privacy_champion", "regular", at)
    first, second = crew.hires(account), crew.hires(account)
    crew.passes(first, PRIVACY)
    learner = Learner(company.play, second, PRIVACY)
    learner.waive(crew.later(second))
    company.play.covers("silent waiver", crew.at)
    learner.grant(crew.later(second, 3, 5), number=learner.number())
    crew = Crew(company, "developer", "apprentice", crew.at)
    third, fourth = crew.hires(account), crew.hires(account)
    crew.passes(third, BASICS)
    at = crew.later(fourth)
    crew.at = company.play.work(fourth, at + 3 * DAY)
    Learner(company.play, fourth, BASICS).complete(at, heard=crew.at)


def auditors(company: Company, at: datetime) -> None:
    """Nobody asked for it when the residents finished; others move on before they have."""
    play = company.play
    accounts = [*company.accounts, company.pilot][:4]
    crew = Crew(company, "auditor", "regular", at)
    if company.pilot in accounts:
        crew.at += 18 * DAY
    residents = [crew.hires(account) for account in accounts]
    movers = [crew.hires(account) for account in accounts[:-1]]
    for resident in residents:
        crew.passes(resident, GETTING)
    crew.at += DAY
    play.require("auditors", crew.at - 2 * HOUR, crew.at, role=crew.role, course=GETTING.id)
    crew.at += DAY
    for mover, new in zip(movers, accounts[1:], strict=True):
        crew.leaves(mover)
        mover.account = new
        crew.joins(mover)
        play.covers("move between accounts", crew.at)
    for mover in movers:
        crew.passes(mover, GETTING)
        play.covers("team reached", crew.at)
        play.covers("later requirement", crew.at)


def mentors(company: Company, account: Account, at: datetime) -> None:
    """What is asked changes: the alert stands, is dated anew, and corrected by the new measure."""
    crew = Crew(company, "mentor", "regular", at)
    people = [crew.hires(account) for _ in range(2)]
    for person in people:
        crew.passes(person, GETTING)
    crew.at += DAY
    certificate = str(ADMIN.certificate)
    company.play.require("mentors", crew.at - HOUR, crew.at, certificate=certificate)
    crew.at += DAY
    for person in people:
        learner = crew.passes(person, ADMIN)
    learner.revoke(crew.later(people[0], 2, 4))


def pioneers(company: Company, account: Account, at: datetime) -> None:
    """What was asked is asked no more: a newcomer ends the alert all the same."""
    crew = Crew(company, "pioneer", "regular", at)
    for person in [crew.hires(account) for _ in range(2)]:
        crew.passes(person, REPORTS)
    crew.at += DAY
    company.play.drop("pioneers", crew.at - HOUR, crew.at)
    crew.at += DAY
    crew.joins(crew.hires(account, listed=False))


def laggards(company: Company, account: Account) -> None:
    """In each ordinary team of which something is asked, one person never begins.

    So no such team is ever complete, where people act in any order within a step.
    """
    company.hire(account, role="admin", level="regular")
    company.hire(account, role="developer", level="senior")


THRICE: tuple[Callable[[Company, int, Account, datetime], None], ...] = (
    champions,
    engineers,
    trainers,
    apprentices,
    analysts,
)
