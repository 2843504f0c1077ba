"""Write a sample: accounts, people and what they learn in some weeks, as a play for `laurel play`.

The same seed, sizes and end give the same bytes.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from . import moves, stories
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
    Person,
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
)

NAMES = (
    ("Harbour Freight Systems", "America/New_York"),
    ("Lindenhof Versicherung", "Europe/Berlin"),
    ("Kauri Health", "Pacific/Auckland"),
    ("Minera Los Andes", "America/Santiago"),
    ("Thistle & Crown", "Europe/London"),
    ("Sahyadri Textiles", "Asia/Kolkata"),
    ("Redwood Robotics", "America/Los_Angeles"),
    ("Southern Cross Rail", "Australia/Sydney"),
)
CSMS = ("Priya Nair", "Tom Okafor", "Hanna Vogel")
FIRST = (
    *("Ada", "Bruno", "Carmen", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas"),
    *("Keiko", "Liam", "Mara", "Nils", "Olga", "Pedro", "Quinn", "Rosa", "Samir", "Tess"),
    *("Uma", "Viktor", "Wanda", "Xavier", "Yara", "Zoltan"),
)
LAST = (
    *("Abel", "Brandt", "Castillo", "Dunne", "Eriksen", "Ferrari", "Gupta", "Hoang", "Ivanova"),
    *("Jensen", "Kaya", "Lindqvist", "Moreau", "Novak", "Osei", "Paredes", "Quist", "Rossi"),
    *("Sato", "Tane", "Urquhart", "Varga", "Weiss", "Young", "Zamora"),
)

GETTING, BASICS, REPORTS, API, ADMIN, PRIVACY = COURSES.values()
PLAIN = (REPORTS, API, GETTING)
EXAMS = (ADMIN, PRIVACY)

CAST: tuple[tuple[stories.Story, tuple[Course, ...], int], ...] = (
    (stories.stalls_twice, (*PLAIN, ADMIN), 4),
    (stories.returns, (REPORTS, API, ADMIN, BASICS), 4),
    (stories.is_finished_by_the_exam_after_a_stall, (ADMIN, REPORTS), 2),
    (stories.was_not_silent, (REPORTS, ADMIN), 3),
    (stories.had_finished, (API, ADMIN), 2),
    (stories.had_withdrawn, (REPORTS,), 1),
    (stories.is_back_exactly_at_the_deadline, (API,), 1),
    (stories.is_back_just_in_time, (API,), 1),
    (stories.is_heard_on_the_hour, (API,), 1),
    (stories.is_heard_all_at_once, (BASICS,), 1),
    (stories.stall_is_told_twice, (API,), 2),
    (stories.retries, (*PLAIN, *EXAMS), 5),
    (stories.retries_unnumbered, (REPORTS, PRIVACY), 2),
    (stories.fails_and_leaves_it, (API, ADMIN), 2),
    (stories.finishes_twice_told, (ADMIN, PRIVACY, REPORTS), 4),
    (stories.attempts_twice_told, (API, REPORTS), 2),
    (stories.enrolment_twice_told, PLAIN, 2),
    (stories.grant_twice_told, EXAMS, 2),
    (stories.is_granted_only, (PRIVACY,), 1),
    (stories.is_revoked, EXAMS, 2),
    (stories.is_revoked_by_number, EXAMS, 2),
    (stories.is_granted_anew, (PRIVACY,), 1),
    (stories.was_revoked_before, (PRIVACY,), 1),
    (stories.renews, EXAMS, 2),
    (stories.renews_by_the_exam, EXAMS, 2),
    (stories.renewal_is_told_late, EXAMS, 2),
    (stories.lapses, EXAMS, 4),
    (stories.earns_anew_as_it_lapses, (PRIVACY,), 1),
    (stories.held_it_before, EXAMS, 2),
    (stories.withdraws_and_enrols_again, PLAIN, 3),
    (stories.registers_again, EXAMS, 2),
    (stories.enrols_twice_while_stalled, (REPORTS,), 1),
    (stories.is_waived, PLAIN, 2),
    (stories.is_waived_after_a_stall, (API,), 1),
    (stories.withdraws_after_a_stall, (REPORTS,), 1),
    (stories.finishes_and_looks_again, (REPORTS, ADMIN), 2),
)
IMPORTED: tuple[tuple[stories.Story, tuple[Course, ...], int], ...] = (
    (stories.had_finished_long_ago, (ADMIN, GETTING), 3),
    (stories.had_stalled_long_ago, (REPORTS, API), 3),
    (stories.was_about_to_stall, (REPORTS, API), 3),
)
ALONE: tuple[tuple[moves.Move, int], ...] = (
    (moves.leaves, 1),
    (moves.leaves_stalled, 1),
    (moves.had_left, 1),
    (moves.rejoins_and_stalls, 2),
    (moves.rejoins_and_goes_on, 1),
    (moves.is_ahead_of_time, 2),
    (moves.is_first_of_a_new_course, 1),
    (moves.changes_role, 3),
    (moves.is_promoted, 1),
)
UNLISTED: tuple[tuple[moves.Move, int], ...] = (
    (moves.is_known_later, 3),
    (moves.is_known_after_the_deadline, 1),
    (moves.is_known_when_it_is_over, 1),
    (moves.is_unknown_for_ever, 1),
)
ORDINARY: tuple[tuple[stories.Story, float], ...] = (
    (stories.finishes, 7),
    (stories.is_under_way, 1.5),
    (stories.is_enrolled_only, 1),
    (stories.skips_the_start, 1),
    (stories.retries, 2),
    (stories.fails_and_leaves_it, 0.5),
    (stories.returns, 1),
    (stories.stalls_twice, 0.5),
    (stories.is_waived, 0.5),
    (stories.withdraws_and_enrols_again, 0.5),
)


class Company:
    """The accounts of a sample, and the hiring of people into them.

    The settled ones stay where they are and are known from the beginning.
    """

    def __init__(self, play: Play, accounts: int) -> None:
        self.play = play
        rng = play.rng
        self.accounts = [self._account(number) for number in range(accounts)]
        self.pilot = self._account(accounts, "Pilot")
        self.people: dict[str, list[Person]] = {
            account.id: [] for account in (*self.accounts, self.pilot)
        }
        self._names = [f"{first} {last}" for first in FIRST for last in LAST]
        rng.shuffle(self._names)
        self._hired = 0
        self._taken: set[tuple[str, str]] = set()
        self.settled: list[Person] = []

    def _account(self, number: int, prefix: str = "") -> Account:
        rng = self.play.rng
        name, zone = NAMES[number % len(NAMES)]
        again = number // len(NAMES)
        csm = CSMS[number % len(CSMS)]
        local = csm.lower().replace(" ", ".")
        return Account(
            id=f"acct-{101 + number}",
            name=" ".join(filter(None, (prefix, name, str(again + 1) if again else ""))),
            zone=ZoneInfo(zone),
            csm={"email": f"{local}@vendor.example", "name": csm},
            segment=rng.choice(("enterprise", "mid-market", "growth")),
            arr=rng.randrange(20, 400) * 1000,
            health=rng.randrange(45, 98),
        )

    def hire(self, account: Account, *, listed: bool = True, prompt: bool = True) -> Person:
        """A new person of the account, listed in the directory unless told otherwise."""
        rng = self.play.rng
        name = self._names[self._hired % len(self._names)]
        self._hired += 1
        id = f"p-{1000 + self._hired}"
        local = f"{name.lower().replace(' ', '.')}.{self._hired}"
        person = Person(
            id=id,
            name=name,
            account=account,
            role=rng.choices(("end_user", "admin", "developer"), (6, 3, 2))[0],
            level=rng.choice(("junior", "regular", "senior")),
            joined=self.play.start - rng.uniform(40, 700) * DAY,
            email=f"{local}@{account.host}",
            named=rng.choices(("id", "email", "shouted", "both"), (5, 3, 1, 2))[0],
            nightly=not prompt and rng.random() < 0.3,
        )
        if rng.random() < 0.15:
            person.external = {"system": "academy", "id": f"u{self._hired * 37}"}
            person.named = "external"
            if rng.random() < 0.5:
                person.email = None
        if listed:
            moves.is_listed(self.play, person)
        self.people[account.id].append(person)
        return person

    def rota(self) -> Iterator[Account]:
        """The accounts in turn, for ever."""
        while True:
            yield from self.accounts

    def learner(self, person: Person, course: Course) -> Learner | None:
        """The person in the course, unless she is in it already."""
        if (person.id, course.id) in self._taken:
            return None
        self._taken.add((person.id, course.id))
        registered = self.play.rng.random() < 0.6
        registration = f"reg-{person.id}-{course.id}" if registered else None
        return Learner(self.play, person, course, registration)


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
    put_in_order(play, {person.id for person in company.settled})
    for what in REQUIRED:
        if play.covered[what] < 3:
            raise AssertionError(f"only {play.covered[what]} of {what!r} in this sample")
    return play


def _open(play: Play, company: Company) -> None:
    """Accounts first, then courses; people follow as they are hired."""
    for number, account in enumerate(company.accounts):
        heard = play.start + (5 + number) * MINUTE
        play.describe(account, play.start - 400 * DAY, heard, **moves.about(account))
    for number, course in enumerate(COURSES.values()):
        play.teach(course, play.start - 500 * DAY, play.start + (65 + number) * MINUTE)
    old = Course("classic-tour", "The Classic Tour", "onboarding", 2)
    play.teach(old, play.start - 900 * DAY, play.start + 80 * MINUTE)
    retired = play.event("course.retired.v1", play.start - 90 * DAY, {"course": old.id}, source=CRM)
    play.deliver(play.start + 81 * MINUTE, DIRECTORY, old.id, event=retired)


def _cast(play: Play, company: Company) -> None:
    """The stories that every sample tells, each by a person who does little else."""
    rota = company.rota()
    first = play.start + 6 * HOUR
    for story, courses, times in CAST:
        for number in range(times):
            person = company.hire(next(rota))
            learner = company.learner(person, courses[number % len(courses)])
            if learner:
                story(learner, play.later(person, first, 0.1, 5))
                company.settled.append(person)
    for story, courses, times in IMPORTED:
        for number in range(times):
            person = company.hire(next(rota))
            learner = company.learner(person, courses[number % len(courses)])
            if learner:
                story(learner, play.start + 5 * HOUR + number * MINUTE)
                company.settled.append(person)
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
    for _ in range(2):
        person = company.hire(company.accounts[0])
        moves.is_in_two_accounts(play, person, second, play.later(person, first, 18, 20))
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


def put_in_order(play: Play, settled: set[str]) -> None:
    """Sort the lines, and see that no order within a step can matter.

    The directory and the LMS are read in any relative order, so what the directory says of a
    person is kept out of the steps in which she learns; and a key, which keeps the order, is
    left out only where a settled person has one record in the step.
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
