"""How does an account end, and what comes after? Each tells of a branch with a handful of people.

It holds what ends with an account (a stall, a clock that runs, a team's milestone) and what does
not (a certificate).
"""

from datetime import datetime

from .company import Company
from .crews import Crew
from .moves import dawn
from .world import COURSES, DAY, HOUR, Account, Learner, Person

GETTING, BASICS, REPORTS, API, ADMIN, PRIVACY = COURSES.values()

REQUIRED = {"role": "branch_manager", "certificate": str(PRIVACY.certificate)}


def ends(company: Company, number: int, branch: Account, at: datetime) -> None:
    """The second end is told late; after the third the branch is still talked of."""
    play = company.play
    crew = Crew(company, REQUIRED["role"], "regular", at)
    managers = [crew.hires(branch) for _ in range(2)]
    people = [company.hire(branch, role="end_user", level="regular") for _ in range(3)]
    stalled, under_way, silent = people
    for manager in managers:
        crew.passes(manager, PRIVACY)
    play.covers("team reached", crew.at)
    _stops(stalled, company, at)
    end = play.later(stalled, max(at, crew.at) + REPORTS.patience, 6, 7)
    told = dawn(play, stalled, end + (3 * DAY if number == 1 else 4 * HOUR))
    _stops(silent, company, end - REPORTS.patience + (DAY if number == 1 else -DAY))
    _stops(under_way, company, end - 5 * DAY)
    later = company.hire(branch, listed=False, role="end_user")
    play.close(branch, end, told, [*managers, *people, later])
    play.covers("account ended", told)
    if number == 2:
        _goes_on(company, managers[0], later, end, told)


def _stops(person: Person, company: Company, at: datetime) -> None:
    learner = Learner(company.play, person, REPORTS)
    at = learner.start(company.play.work(person, at - DAY))
    learner.module(1, company.play.work(person, at + 2 * HOUR))


def _goes_on(
    company: Company, manager: Person, later: Person, end: datetime, told: datetime
) -> None:
    """A certificate of before the end and one of after it, and somebody who joins too late."""
    play = company.play
    exam = Learner(play, manager, ADMIN)
    exam.complete(end - HOUR, score=exam.score(passed=True), heard=told + 5 * HOUR)
    learner = Learner(play, manager, BASICS)
    at = learner.start(learner.later(told + 6 * HOUR, 0.5, 2))
    grant = Learner(play, manager, PRIVACY)
    at = grant.revoke(grant.later(at, 0.5, 2))
    grant.grant(grant.later(at, 0.5, 2), number=grant.number())
    later.joined = end + DAY
    listed = dawn(play, later, told + 2 * DAY)
    play.join(later, later.joined, listed)
    new = Learner(play, later, BASICS)
    new.start(new.later(listed + 6 * HOUR, 0.5, 1))
