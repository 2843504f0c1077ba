"""Write a sample: accounts, people and what they learn in some weeks, as a play for `laurel play`.

The same seed, sizes and end give the same bytes.
"""

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from . import crews, endings, moves, stories
from .company import ADMIN, ALONE, CAST, EXAMS, IMPORTED, ORDINARY, REPORTS, UNLISTED, Company
from .world import (
    COURSES,
    CRM,
    DAY,
    DIRECTORY,
    HOUR,
    LMS,
    MINUTE,
    TRAINING,
    Account,
    Course,
    Learner,
    Line,
    Play,
    stamp,
)

LEAST_DAYS = 60

REQUIRED = (
    "second stall",
    "return",
    "late withdrawal",
    "fail then pass",
    "twin",
    "revocation",
    "renewal",
    "known later",
    "daylight saving",
    "withdrawn by name",
    "withdrawn by run",
    "certificate taken back",
    "stall again",
    "regraded before",
    "regraded after",
    "account ended",
    "moved with a past",
    "returned",
    "two accounts",
    "ambiguous",
    "no longer ambiguous",
)
OF_TEAMS = (
    "team reached",
    "team reached again",
    "silent waiver",
    "role change",
    "leaver",
    "team corrected",
    "move between accounts",
    "later requirement",
)
"""Required too, where there are accounts enough: a team is of one account."""


def write(seed: int, accounts: int, days: int, end: datetime) -> Play:
    """A whole sample."""
    start = (end - days * DAY).replace(minute=0, second=0, microsecond=0)
    play = Play(Random(seed), seed, start, end)
    company = Company(play, accounts)
    _open(play, company)
    _cast(play, company)
    _move(play, company)
    _cross(play, company)
    _fill(play, company)
    _repeat_at_night(play, company)
    _garble(play, company)
    _close(play, company)
    _gather(play, company)
    put_in_order(play, {person.id for person in company.settled})
    for what in (*REQUIRED, *OF_TEAMS):
        if play.covered[what] < (min(3, accounts) if what in OF_TEAMS else 3):
            raise AssertionError(f"only {play.covered[what]} of {what!r} in this sample")
    return play


def _open(play: Play, company: Company) -> None:
    """Accounts first, then courses; people follow as they are hired."""
    for number, account in enumerate((*company.accounts, *company.branches)):
        heard = play.start + (5 + number) * MINUTE
        play.describe(account, play.start - 400 * DAY, heard, **moves.about(account))
    for number, course in enumerate(COURSES.values()):
        play.teach(course, play.start - 500 * DAY, play.start + (65 + number) * MINUTE)
    old = Course("classic-tour", "The Classic Tour", "onboarding", 2)
    play.teach(old, play.start - 900 * DAY, play.start + 80 * MINUTE)
    retired = play.event("course.retired.v1", play.start - 90 * DAY, {"course": old.id}, source=CRM)
    play.deliver(play.start + 81 * MINUTE, DIRECTORY, old.id, event=retired)


def _cast(play: Play, company: Company) -> None:
    """The stories that every sample tells, two by each person."""
    rota = company.rota()
    first = play.start + 6 * HOUR
    for story, courses, times in CAST:
        for number in range(times):
            learner = company.actor(next(rota), courses[number % len(courses)])
            story(learner, play.later(learner.person, first, 0.1, 5))
    for story, courses, times in IMPORTED:
        for number in range(times):
            learner = company.actor(next(rota), courses[number % len(courses)])
            story(learner, play.start + 5 * HOUR + number * MINUTE)
    _name_oddly(play, company)


def _name_oddly(play: Play, company: Company) -> None:
    """Ids that look like addresses must not reach the timeline as they are."""
    person = company.hire(company.accounts[0])
    learner = Learner(play, person, REPORTS, f"{person.email}/3")
    at = learner.start(play.later(person, play.start + DAY, 0.1, 3), id="start@academy/1")
    learner.module(1, learner.later(at, 0.2, 1), id="module@academy/2")
    exam = Learner(play, person, ADMIN)
    exam.complete(exam.later(at, 3, 6), score=exam.score(passed=True), id=f"{play.seed}@academy/3")


def _move(play: Play, company: Company) -> None:
    """People who come, go, or are not who they seem; each has a step of the directory alone."""
    rota = company.rota()
    first = play.start + DAY
    for move, times in ALONE:
        for _ in range(times):
            person = company.hire(next(rota))
            move(play, person, play.later(person, first, 1, 6))
    for move, times in UNLISTED:
        for _ in range(times):
            person = company.hire(next(rota), listed=False)
            move(play, person, play.later(person, first, 1, 6))
    second = company.accounts[1] if len(company.accounts) > 1 else company.pilot
    for _ in range(3):
        person = company.hire(company.accounts[0])
        moves.is_in_two_accounts(play, person, second, play.later(person, first, 18, 20))
        for crossing in (moves.is_in_two_for_a_while, moves.moves_on):
            person = company.hire(company.accounts[0])
            crossing(play, person, second, play.later(person, first, 2, 9))
    for _ in range(2):
        person = company.hire(second)
        moves.moves_and_returns(play, person, company.accounts[0], play.later(person, first, 1, 6))
    person, other = company.hire(company.accounts[0]), company.hire(company.accounts[0])
    while other.email is None:
        other = company.hire(company.accounts[0])
    moves.is_confused_with_another(play, person, other, second, play.later(person, first, 20, 24))
    pilots = [company.hire(company.pilot, listed=False) for _ in range(3)]
    moves.starts_before_the_account(
        play, pilots, company.pilot, play.later(pilots[0], first, 10, 11)
    )


def _cross(play: Play, company: Company) -> None:
    """Stalls over each change of an account's clocks, and validities that began under another."""
    moving = [account for account in company.accounts if _change(account, play.start, 365)]
    rota = iter(moving * 3)
    for number in range(3):
        account = next(rota)
        person = company.hire(account)
        stories.validity_across(
            Learner(play, person, EXAMS[number % 2]),
            (play.start + (15 + 7 * number) * DAY).astimezone(account.zone).date(),
        )
    for account in company.accounts:
        change = _change(account, play.start + 12 * DAY, 40)
        if change:
            stories.stalls_across(Learner(play, company.hire(account), REPORTS), change)


def _change(account: Account, since: datetime, days: int) -> datetime | None:
    """The first hour within so many days in which the account's clocks are changed."""
    offset = since.astimezone(account.zone).utcoffset()
    for hours in range(24 * days):
        at = since + hours * HOUR
        if at.astimezone(account.zone).utcoffset() != offset:
            return at
    return None


def _fill(play: Play, company: Company) -> None:
    """Everybody else, and more courses for those who have time."""
    rng = play.rng
    told, weights = zip(*ORDINARY, strict=True)
    days = (play.end - play.start) / DAY
    for account in company.accounts:
        busy = len(company.people[account.id])
        idle = [
            company.hire(account, prompt=False) for _ in range(max(2, rng.randrange(14, 25) - busy))
        ]
        company.settled += idle
    for person in company.settled:
        for course in rng.sample(list(COURSES.values()), rng.randrange(2, 5)):
            learner = company.learner(person, course)
            if learner:
                story: stories.Story = rng.choices(told, weights)[0]
                story(learner, play.later(person, play.start + 6 * HOUR, 0.1, days * 0.8))


def _repeat_at_night(play: Play, company: Company) -> None:
    """Some nights an account's LMS sends the whole day once more."""
    rng = play.rng
    for account in company.accounts:
        ids = {person.id for person in company.settled if person.account is account}
        for _ in range(5):
            night = play.start + rng.randrange(3, int((play.end - play.start) / DAY)) * DAY
            night = night.astimezone(account.zone).replace(hour=2, minute=45).astimezone(UTC)
            day = [
                line
                for line in play.lines
                if line.topic == TRAINING
                and "event" in line.body
                and line.body["event"]["source"] == LMS
                and ids.intersection(line.about)
                and night - DAY < line.deliver_at < night - HOUR
            ]
            for number, line in enumerate(day):
                play.deliver(
                    night + timedelta(seconds=number),
                    TRAINING,
                    line.key,
                    event=line.body["event"],
                    about=line.about,
                )


def _garble(play: Play, company: Company) -> None:
    """Records that nobody can read, each wrong in its own way."""
    rng = play.rng
    account = company.accounts[0]
    person = company.people[account.id][0]
    at = play.start + DAY

    def good(**changes: object) -> dict[str, object]:
        event = play.event(
            "training.completed.v1",
            at,
            {"person": {"id": person.id}, "course": REPORTS.id, "score": 80},
            source=LMS,
        )
        return {**event, **changes}

    whom = {"person": {"id": person.id}, "course": REPORTS.id}
    garbled = [
        "",
        "completed;p-1001;reporting",
        json.dumps(good())[:-20],
        json.dumps([good()]),
        json.dumps({name: value for name, value in good().items() if name != "specversion"}),
        json.dumps(good(specversion="0.3")),
        json.dumps(good(time="2026-13-40T10:00:00Z")),
        json.dumps(good(time="2026-05-04T10:00:00")),
        json.dumps(good(id="")),
        json.dumps(good(id="bar|in-id")),
        json.dumps(good(type="training.abandoned.v1")),
        json.dumps(good(data="passed")),
        json.dumps(good(data={**whom, "score": 140})),
        json.dumps(good(data={**whom, "attempt": 0})),
        json.dumps(good(data={"course": REPORTS.id})),
        json.dumps(good(data={"person": {"name": "Somebody"}, "course": REPORTS.id})),
        json.dumps(good(data={"person": {"email": "nobody"}, "course": REPORTS.id})),
        json.dumps(good(time=stamp(play.end + 400 * DAY))),
    ]
    for raw in garbled:
        play.deliver(at + rng.uniform(0, 50) * DAY, TRAINING, None, raw=raw)
    nowhere = play.event(
        "customer.described.v1",
        at,
        {"customer": account.id, "zone": "Mars/Olympus"},
        source=CRM,
    )
    play.deliver(at + 5 * DAY, DIRECTORY, account.id, raw=json.dumps(nowhere))


def _close(play: Play, company: Company) -> None:
    """The directory's news of the accounts, in the middle and in the last hour."""
    rng = play.rng
    middle = play.start + (play.end - play.start) / 2
    for number, account in enumerate(company.accounts):
        for heard in (middle + number * MINUTE, play.end - (20 - number) * MINUTE):
            health = max(0, min(100, account.health + rng.randrange(-15, 16)))
            play.describe(account, heard - HOUR, heard, health=health, arr=account.arr + 5000)


def _gather(play: Play, company: Company) -> None:
    """What is required of whom, and the crews of which it is told how they come to it."""
    for number, (requirement, said) in enumerate(crews.OPENING.items()):
        heard = play.start + (85 + number) * MINUTE
        play.require(requirement, play.start - 300 * DAY, heard, **said)
    for account in company.accounts:
        crews.laggards(company, account)
    heard = play.start + 100 * MINUTE
    play.require("branch-managers", play.start - 300 * DAY, heard, **endings.REQUIRED)
    rng = play.rng

    def some_day() -> datetime:
        return play.start + rng.uniform(1, 8) * DAY

    for story in crews.THRICE:
        for number, account in enumerate(company.accounts[:3]):
            story(company, number, account, some_day())
    for account in company.accounts[3:4]:
        crews.spares_and_is_heard_late(company, account, some_day())
    for number, branch in enumerate(company.branches):
        endings.ends(company, number, branch, some_day())
    crews.auditors(company, some_day())
    crews.mentors(company, company.accounts[0], some_day())
    crews.pioneers(company, company.accounts[-1], some_day())


def put_in_order(play: Play, settled: set[str]) -> None:
    """Sort the lines, and see that no order within a step can matter.

    The directory and the LMS are read in any relative order, so what the directory says of a
    person is kept out of the steps in which she learns; and a key, which keeps the order, is
    left out only where a settled person has one record in the step. What is required of teams
    is said in steps in which nobody does anything.
    """
    learning = {
        (line.step, person)
        for line in play.lines
        if line.topic == TRAINING
        for person in line.about
    }
    kept: list[Line] = []
    for line in play.lines:
        while line.topic == DIRECTORY and any((line.step, who) in learning for who in line.about):
            line.deliver_at += HOUR
    busy = {line.step for line in play.lines if line.about}
    for line in play.lines:
        while line.requires and line.step in busy:
            line.deliver_at += HOUR
        if line.deliver_at < play.end:
            kept.append(line)
    kept.sort(key=lambda line: line.deliver_at)
    alone = {
        (line.step, person): line
        for line in kept
        if line.topic == TRAINING
        for person in line.about
    }
    count: dict[tuple[datetime, str], int] = {}
    for line in kept:
        for who in line.about:
            count[line.step, who] = count.get((line.step, who), 0) + 1
    for place, line in alone.items():
        if place[1] in settled and count[place] == 1 and play.rng.random() < 0.1:
            line.key = None
    play.lines = kept


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sample.generate", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--seed", type=int, required=True, help="the same seed, the same sample")
    parser.add_argument("--accounts", type=int, default=4, help="accounts besides the pilot (4)")
    parser.add_argument("--days", type=int, default=60, help="length of the play (60)")
    parser.add_argument(
        "--end", default="now", help="`now`, or an instant such as 2026-11-21T10:00:00Z"
    )
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    asked = parser.parse_args()
    if asked.accounts < 1:
        parser.error(f"--accounts {asked.accounts}: at least one")
    if asked.days < LEAST_DAYS:
        parser.error(f"--days {asked.days}: the stories of a sample need {LEAST_DAYS}")
    try:
        end = instant(asked.end)
    except ValueError as error:
        parser.error(f"--end {asked.end}: {error}")
    play = write(asked.seed, asked.accounts, asked.days, end)
    text = "".join(f"{line.text()}\n" for line in play.lines)
    try:
        asked.out.write_text(text, encoding="utf-8")
    except OSError as error:
        parser.error(f"--out {asked.out}: {error.strerror}")
    sys.stderr.write(f"{len(play.lines)} records until {stamp(end)}: {dict(play.covered)}\n")
    return 0


def instant(text: str) -> datetime:
    """The whole hour named, the last one at or before it."""
    at = datetime.now(UTC) if text == "now" else datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("say the offset from UTC too, such as Z")
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


if __name__ == "__main__":
    sys.exit(main())
