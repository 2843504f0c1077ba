"""Whom do the accounts of a sample employ, and who plays which part?"""

from collections import Counter
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from . import mistakes, moves, stories
from .world import COURSES, DAY, Account, Course, Learner, Person, Play

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
    (mistakes.had_not_finished, (ADMIN, PRIVACY, REPORTS), 3),
    (mistakes.had_failed_again, (ADMIN, API), 2),
    (mistakes.had_not_finished_at_all, (PRIVACY,), 1),
    (mistakes.stands_still_after_all, (API, ADMIN, BASICS, REPORTS), 4),
    (mistakes.was_never_ahead, (REPORTS,), 1),
    (mistakes.was_thought_to_be_done, (API,), 1),
    (mistakes.is_taken_back_in_advance, (ADMIN,), 1),
    (mistakes.keeps_what_was_granted, (PRIVACY, ADMIN), 2),
    (mistakes.is_regraded, (ADMIN, PRIVACY), 3),
    (mistakes.is_regraded_in_advance, (PRIVACY, ADMIN), 3),
    (mistakes.appeals, (REPORTS,), 1),
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
        self.branches = [self._account(accounts + number, "Branch") for number in range(1, 4)]
        self.people: dict[str, list[Person]] = {
            account.id: [] for account in (*self.accounts, self.pilot, *self.branches)
        }
        self._names = [f"{first} {last}" for first in FIRST for last in LAST]
        rng.shuffle(self._names)
        self._hired = 0
        self._taken: set[tuple[str, str]] = set()
        self._roles: Counter[str] = Counter()
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

    def hire(
        self,
        account: Account,
        *,
        listed: bool = True,
        prompt: bool = True,
        role: str | None = None,
        level: str | None = None,
    ) -> Person:
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
            role=role or rng.choices(("end_user", "admin", "developer"), (6, 3, 2))[0],
            level=level or rng.choice(("junior", "regular", "senior")),
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

    def actor(self, account: Account, course: Course) -> Learner:
        """Somebody settled in the account, in a course that is new to her, as one of two."""
        settled = (person for person in self.settled if person.account is account)
        for person in settled:
            learner = self.learner(person, course) if self._roles[person.id] < 2 else None
            if learner:
                self._roles[person.id] += 1
                return learner
        self.settled.append(self.hire(account))
        return self.actor(account, course)

    def learner(self, person: Person, course: Course) -> Learner | None:
        """The person in the course, unless she is in it already."""
        if (person.id, course.id) in self._taken:
            return None
        self._taken.add((person.id, course.id))
        registered = self.play.rng.random() < 0.6
        registration = f"reg-{person.id}-{course.id}" if registered else None
        return Learner(self.play, person, course, registration)
