"""How may people come, go and be misnamed? Each tells of one person's doings across accounts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .world import COURSES, DAY, HOUR, LATE_COURSE, MINUTE, Account, Learner, Person, Play

Move = Callable[[Play, Person, datetime], None]

BASICS = COURSES["getting-started"]
CERTIFIED = COURSES["admin-certification"]
REPORTS = COURSES["reporting"]


def is_listed(play: Play, person: Person) -> None:
    """The directory lists the person at the beginning of the play."""
    play.join(person, person.joined, play.start + 130 * MINUTE + _spread(play))


def is_known_later(play: Play, person: Person, at: datetime) -> None:
    """Learns before the directory has heard of her; all of it waits, and is released together."""
    learner = Learner(play, person, BASICS)
    at = learner.enrol(at)
    at = learner.start(learner.later(at, 0.1, 0.5))
    at = learner.module(1, learner.later(at, 0.1, 1))
    learner.again(at + 2 * HOUR)
    listed = dawn(play, person, at + play.rng.uniform(0.5, 4) * DAY)
    play.join(person, person.joined, listed)
    play.covers("known later", listed + HOUR)
    at = learner.module(2, learner.later(listed + 4 * HOUR, 0.1, 2))
    if play.rng.random() < 0.7:
        learner.complete(learner.later(at, 0.2, 2), score=learner.score(passed=True))


def is_known_after_the_deadline(play: Play, person: Person, at: datetime) -> None:
    """Known only when the deadline of what waited has passed: the alert comes then."""
    learner = Learner(play, person, REPORTS)
    at = learner.start(at)
    at = learner.module(1, learner.later(at, 0.2, 1))
    listed = dawn(play, person, at + REPORTS.patience + DAY)
    play.join(person, person.joined, listed)
    play.covers("known later", listed + HOUR)
    learner.module(2, learner.later(listed + 4 * HOUR, 2, 5))


def is_known_when_it_is_over(play: Play, person: Person, at: datetime) -> None:
    """Start, modules and completion are released together: no card for a stall."""
    learner = Learner(play, person, CERTIFIED)
    at = learner.start(at)
    for number in range(1, CERTIFIED.size + 1):
        at = learner.module(number, learner.later(at, 0.1, 0.5))
    at = learner.complete(learner.later(at, 0.1, 0.5), score=learner.score(passed=True))
    listed = dawn(play, person, at + 18 * DAY)
    play.join(person, person.joined, listed)
    play.covers("known later", listed + HOUR)


def is_in_two_accounts(play: Play, person: Person, second: Account, at: datetime) -> None:
    """A contractor: what she does names the account, and where it does not, it must wait.

    What was done before the second account was heard of keeps its account when it is told again.
    """
    first = Learner(play, person, REPORTS)
    at = first.enrol(at)
    at = first.start(first.later(at, 0.1, 1))
    told_again = len(play.lines)
    at = first.module(1, first.later(at, 0.1, 1))
    line = play.lines[told_again]
    listed = dawn(play, person, at + 3 * DAY)
    play.join(person, at - 5 * DAY, listed, second)
    play.deliver(
        listed + 5 * HOUR, line.topic, line.key, event=line.body["event"], about=line.about
    )
    first.customer = person.account.id
    other = Learner(play, person, BASICS)
    other.customer = second.id
    at = other.enrol(other.later(listed + DAY, 0.1, 1))
    for number in range(1, 4):
        at = other.module(number, other.later(at, 0.2, 2))
        at = first.module(number + 1, first.later(at, 0.2, 2))
    at = other.complete(other.later(at, 0.2, 2), score=other.score(passed=True))
    unclear = Learner(play, person, CERTIFIED)
    at = unclear.start(unclear.later(at, 0.2, 1))
    play.covers("two accounts", at + HOUR)
    play.covers("ambiguous", at + HOUR)


def is_in_two_for_a_while(play: Play, person: Person, second: Account, at: datetime) -> None:
    """What does not say where waits, until it is known that she had left the first before."""
    joined = play.work(person, at)
    listed = dawn(play, person, joined)
    play.join(person, joined, listed, second)
    first, other = Learner(play, person, REPORTS), Learner(play, person, REPORTS)
    first.customer, other.customer = person.account.id, second.id
    at = first.start(first.later(listed + 5 * HOUR, 0.1, 1))
    at = other.start(other.later(at, 0.1, 1))
    left = other.later(at, 0.5, 1)
    unclear = Learner(play, person, REPORTS)
    at = unclear.module(1, unclear.later(left, 0.5, 1))
    at = unclear.module(2, unclear.later(at, 0.5, 1))
    told = dawn(play, person, at + DAY)
    play.move(person, "person.left.v1", left, told)
    play.covers("two accounts", told + HOUR)
    play.covers("no longer ambiguous", told + HOUR)


def moves_on(play: Play, person: Person, new: Account, at: datetime) -> None:
    """The same course in another account; what is told late was done in the first."""
    learner, at = _two_modules(play, person, at)
    listed = _goes_over(play, person, new, at + 2 * DAY)
    learner.module(3, at + HOUR, heard=listed + 6 * HOUR)
    at = learner.start(learner.later(listed + 8 * HOUR, 0.3, 2))
    at = learner.module(1, learner.later(at, 0.3, 2))
    play.covers("moved with a past", at)
    if play.rng.random() < 0.5:
        learner.complete(learner.later(at, 0.5, 3), score=learner.score(passed=True))


def moves_and_returns(play: Play, person: Person, other: Account, at: datetime) -> None:
    """Away in another account while the deadline of the first would pass."""
    home = person.account
    learner, at = _two_modules(play, person, at)
    listed = _goes_over(play, person, other, at + 3 * DAY)
    at = learner.enrol(learner.later(listed + 5 * HOUR, 0.5, 2))
    at = learner.start(learner.later(at, 0.5, 2))
    listed = _goes_over(play, person, home, at + 7 * DAY)
    at = learner.module(3, learner.later(listed + 5 * HOUR, 0.5, 2))
    play.covers("moved with a past", at)
    play.covers("returned", at)


def leaves(play: Play, person: Person, at: datetime) -> None:
    """Leaves in the middle of a course; what she is said to do afterwards belongs to nobody."""
    learner, at = _two_modules(play, person, at)
    left = _leaves(play, person, at + 3 * DAY)
    learner.module(3, left + 2 * DAY)
    play.covers("left", left + 2 * DAY + HOUR)


def leaves_stalled(play: Play, person: Person, at: datetime) -> None:
    _, at = _two_modules(play, person, at)
    _leaves(play, person, at + REPORTS.patience + 2 * DAY)


def had_left(play: Play, person: Person, at: datetime) -> None:
    """The directory tells of the leaving only after the alert: it is withdrawn."""
    _, at = _two_modules(play, person, at)
    due = at + REPORTS.patience
    told = dawn(play, person, due + DAY)
    play.move(person, "person.left.v1", due - 2 * DAY, told)
    play.covers("late withdrawal", told)


def rejoins_and_stalls(play: Play, person: Person, at: datetime) -> None:
    """Comes back to the account and not to the course: the clock starts afresh."""
    _, at = _two_modules(play, person, at)
    left = _leaves(play, person, at + 3 * DAY)
    back = play.later(person, left, 6, 9)
    play.join(person, back, dawn(play, person, back + 4 * HOUR))
    play.covers("returned", back + REPORTS.patience)


def rejoins_and_goes_on(play: Play, person: Person, at: datetime) -> None:
    """Away while the deadline passes, which therefore passes nothing."""
    learner, at = _two_modules(play, person, at)
    left = _leaves(play, person, at + 2 * DAY)
    back = play.later(person, left, 14, 16)
    listed = dawn(play, person, back + 4 * HOUR)
    play.join(person, back, listed)
    at = learner.module(3, learner.later(listed + 2 * HOUR, 1, 3))
    learner.complete(learner.later(at, 0.5, 2), score=learner.score(passed=True))
    play.covers("returned", at)


def is_ahead_of_time(play: Play, person: Person, at: datetime) -> None:
    """An LMS with a wrong clock tells of what is still to come: it waits until then."""
    learner = Learner(play, person, REPORTS)
    at = learner.start(at)
    ahead = learner.later(at, 4, 6)
    learner.module(1, ahead, heard=ahead - play.rng.uniform(30, 70) * HOUR)
    play.covers("future", ahead + HOUR)
    learner.module(2, learner.later(ahead, 2, 4))


def is_unknown_for_ever(play: Play, person: Person, at: datetime) -> None:
    Learner(play, person, BASICS).start(at)


def is_confused_with_another(
    play: Play, person: Person, other: Person, elsewhere: Account, at: datetime
) -> None:
    """Named by her id and another's address, then in an account that is not hers, then rightly."""
    learner = Learner(play, person, BASICS)
    named = person.named
    person.email, mine, person.named = other.email, person.email, "both"
    at = learner.start(at)
    person.email, person.named = mine, named
    learner.customer = elsewhere.id
    at = learner.start(learner.later(at, 0.3, 1))
    learner.customer = None
    learner.start(learner.later(at, 0.3, 1))


def is_first_of_a_new_course(play: Play, person: Person, at: datetime) -> None:
    """The course is told of in the very step of its first completion."""
    told = dawn(play, person, at)
    play.teach(LATE_COURSE, told - 2 * DAY, told)
    learner = Learner(play, person, LATE_COURSE)
    learner.complete(told - 3 * MINUTE, score=learner.score(passed=True), heard=told)


def changes_role(play: Play, person: Person, at: datetime) -> None:
    person.role = "admin" if person.role != "admin" else "end_user"
    changed = dawn(play, person, at)
    play.move(person, "role.changed.v1", changed - HOUR, changed, role=person.role)


def is_promoted(play: Play, person: Person, at: datetime) -> None:
    """A new level and a new address, by which she is named from then on."""
    changed = dawn(play, person, at)
    person.email = f"{person.id}.new@{person.account.host}"
    play.move(person, "role.changed.v1", changed - HOUR, changed, level="senior")
    person.named = "email"
    learner = Learner(play, person, BASICS)
    at = learner.start(learner.later(changed + 6 * HOUR, 0.2, 2))
    learner.module(1, learner.later(at, 0.2, 2))


def starts_before_the_account(
    play: Play, people: list[Person], account: Account, at: datetime
) -> None:
    """People and their doings are heard of before their account is: all of it waits for it."""
    described = dawn(play, people[0], at + 3 * DAY)
    for person in people:
        play.join(person, person.joined, described - 2 * DAY + _spread(play))
        learner = Learner(play, person, BASICS)
        then = learner.start(learner.later(described - DAY, 0.1, 0.6))
        play.covers("known later", described + HOUR)
        then = learner.module(1, learner.later(max(described, then) + 3 * HOUR, 0.2, 2))
        if play.rng.random() < 0.5:
            learner.module(2, learner.later(then, 0.5, 3))
    play.describe(account, described - 30 * DAY, described, **about(account))


def about(account: Account) -> dict[str, object]:
    """All that the directory says of an account."""
    return {
        "name": account.name,
        "csm": account.csm,
        "zone": account.zone.key,
        "segment": account.segment,
        "arr": account.arr,
        "health": account.health,
    }


def _two_modules(play: Play, person: Person, at: datetime) -> tuple[Learner, datetime]:
    learner = Learner(play, person, REPORTS)
    at = learner.start(at)
    at = learner.module(1, learner.later(at, 0.1, 2))
    return learner, learner.module(2, learner.later(at, 0.1, 2))


def _leaves(play: Play, person: Person, at: datetime) -> datetime:
    left = play.work(person, at)
    play.move(person, "person.left.v1", left, dawn(play, person, left))
    return left


def _goes_over(play: Play, person: Person, new: Account, at: datetime) -> datetime:
    """From one account to another, with a night between: when the directory has told it all."""
    left = _leaves(play, person, at)
    person.account, person.joined = new, left + 20 * HOUR
    listed = dawn(play, person, dawn(play, person, person.joined))
    play.join(person, person.joined, listed)
    return listed


def dawn(play: Play, person: Person, at: datetime) -> datetime:
    """The next early morning, when the directory tells what is new and nobody learns."""
    local = at.astimezone(person.account.zone)
    early = local.replace(hour=4, minute=20, second=0, microsecond=0)
    if early <= local:
        early += DAY
    return early.astimezone(UTC) + _spread(play)


def _spread(play: Play) -> timedelta:
    return timedelta(seconds=play.rng.randrange(600))
