"""How may a person's way through one course go? Each story tells one, from `at` on."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from .world import DAY, HOUR, MINUTE, SECOND, Learner, midnight

Story = Callable[[Learner, datetime], None]


def begin(learner: Learner, at: datetime, modules: int) -> datetime:
    """Enrolled, started, some modules done at an even pace: when the last of it was."""
    at = learner.enrol(at)
    at = learner.start(learner.later(at, 0.02, 1))
    for number in range(1, modules + 1):
        at = learner.module(number, learner.later(at, 0.1, 3))
    return at


def through(learner: Learner, at: datetime) -> datetime:
    """All modules: when the last was done."""
    return begin(learner, at, learner.course.size)


def _rest(learner: Learner, at: datetime, done: int) -> datetime:
    for number in range(done + 1, learner.course.size + 1):
        at = learner.module(number, learner.later(at, 0.1, 2.5))
    return at


def _anew(learner: Learner) -> Learner:
    """The same person in the same course, registered anew where she was registered."""
    registration = f"{learner.registration}-2" if learner.registration else None
    return Learner(learner.play, learner.person, learner.course, registration)


def finish(learner: Learner, at: datetime, attempt: int | None = None) -> datetime:
    """Passed the exam, and, in a certification course, holds the certificate."""
    score = learner.score(passed=True)
    if learner.course.certificate is None:
        return learner.complete(at, score=score, attempt=attempt)
    url = f"https://certificates.example/{learner.person.id}/{learner.course.id}"
    days = learner.play.rng.randrange(60, 300)
    last_day = None if learner.course.months else learner.last_day(at, days)
    if learner.play.rng.random() < 0.3:
        inline = {
            "certificate": learner.course.certificate,
            "number": learner.number(),
            "url": url,
            **({"last_day": last_day} if last_day else {}),
        }
        at = learner.complete(at, score=score, attempt=attempt, certificate=inline)
        learner.play.covers("inline certificate", at)
        return at
    at = learner.complete(at, score=score, attempt=attempt, url=url)
    if last_day or learner.play.rng.random() < 0.6:
        learner.grant(at + 2 * MINUTE, number=learner.number(), last_day=last_day, url=url)
    return at


def finishes(learner: Learner, at: datetime) -> None:
    at = through(learner, at)
    finish(learner, learner.later(at, 0.1, 2))


def is_under_way(learner: Learner, at: datetime) -> None:
    done = learner.play.rng.randrange(0, learner.course.size)
    begin(learner, at, done)


def is_enrolled_only(learner: Learner, at: datetime) -> None:
    learner.enrol(at)


def skips_the_start(learner: Learner, at: datetime) -> None:
    """A module implies the start."""
    at = learner.module(1, at)
    at = _rest(learner, at, 1)
    finish(learner, learner.later(at, 0.1, 2))


def retries(learner: Learner, at: datetime) -> None:
    """Failed, then passed, by number of attempt."""
    at = through(learner, at)
    failures = learner.play.rng.randrange(1, 3)
    for attempt in range(1, failures + 1):
        at = learner.fail(
            learner.later(at, 0.2, 2), score=learner.score(passed=False), attempt=attempt
        )
    at = finish(learner, learner.later(at, 1, 4), attempt=failures + 1)
    learner.play.covers("fail then pass", at)


def retries_unnumbered(learner: Learner, at: datetime) -> None:
    """Failed twice on different days without a number, then passed."""
    at = through(learner, at)
    at = learner.fail(learner.later(at, 1.1, 2), score=learner.score(passed=False))
    at = learner.fail(learner.later(at, 1.1, 2))
    at = finish(learner, learner.later(at, 1.1, 3))
    learner.play.covers("fail then pass", at)


def fails_and_leaves_it(learner: Learner, at: datetime) -> None:
    at = begin(learner, at, 1)
    learner.fail(learner.later(at, 0.2, 2), score=learner.score(passed=False), attempt=1)


def returns(learner: Learner, at: datetime) -> None:
    """Stalls, comes back and finishes."""
    at = begin(learner, at, 1)
    at = learner.module(2, learner.later(at + learner.course.patience, 0.2, 4))
    learner.play.covers("return", at)
    at = _rest(learner, at, 2)
    finish(learner, learner.later(at, 0.1, 2))


def stalls_twice(learner: Learner, at: datetime) -> None:
    patience = learner.course.patience
    at = begin(learner, at, 1)
    at = learner.module(2, learner.later(at + patience, 0.2, 2))
    learner.play.covers("return", at)
    at = learner.start(learner.later(at, 0.2, 1))
    learner.play.covers("second stall", at + patience)
    if learner.play.rng.random() < 0.5:
        learner.module(3, learner.later(at + patience, 1, 3))


def is_finished_by_the_exam_after_a_stall(learner: Learner, at: datetime) -> None:
    at = begin(learner, at, 2)
    at = finish(learner, learner.later(at + learner.course.patience, 0.3, 5))
    learner.play.covers("return", at)


def was_not_silent(learner: Learner, at: datetime) -> None:
    """A module, reported days late, shows that the alert was wrong."""
    play = learner.play
    at = begin(learner, at, 1)
    due = at + learner.course.patience
    told = due + play.rng.uniform(2, 40) * HOUR
    at = learner.module(2, at + learner.course.patience * play.rng.uniform(0.3, 0.9), heard=told)
    play.covers("late withdrawal", told)
    if play.rng.random() < 0.5:
        at = _rest(learner, max(at, told), 2)
        finish(learner, learner.later(at, 0.1, 2))


def had_finished(learner: Learner, at: datetime) -> None:
    """A completion just before the deadline is heard after it."""
    at = begin(learner, at, 2)
    due = at + learner.course.patience
    told = due + learner.play.rng.uniform(3, 20) * HOUR
    at = learner.complete(due - 2 * HOUR, score=learner.score(passed=True), heard=told)
    learner.play.covers("late withdrawal", told)


def had_withdrawn(learner: Learner, at: datetime) -> None:
    at = begin(learner, at, 2)
    due = at + learner.course.patience
    learner.withdraw(due - 5 * HOUR, heard=due + 9 * HOUR)
    learner.play.covers("late withdrawal", due + 9 * HOUR)


def is_back_exactly_at_the_deadline(learner: Learner, at: datetime) -> None:
    """Too late by nothing: a stall recorded and resolved at once, without a card."""
    at = begin(learner, at, 1)
    at = learner.module(2, at + learner.course.patience, heard=at + learner.course.patience)
    learner.module(3, learner.later(at, 1, 3))


def is_back_just_in_time(learner: Learner, at: datetime) -> None:
    at = begin(learner, at, 1)
    at = learner.module(2, at + learner.course.patience - timedelta(milliseconds=1))
    learner.module(3, learner.later(at, 1, 3))


def is_heard_on_the_hour(learner: Learner, at: datetime) -> None:
    """Heard exactly at the end of the step that the deadline lies in: no stall."""
    at = begin(learner, at, 1)
    due = at + learner.course.patience
    hour = due.replace(minute=0, second=0, microsecond=0) + HOUR
    at = learner.module(2, due - 20 * MINUTE, heard=hour)
    learner.module(3, learner.later(at, 1, 3))


def is_heard_all_at_once(learner: Learner, at: datetime) -> None:
    """The return is heard before any tick reached the deadline: no card, but a record of it."""
    at = learner.start(at)
    patience = learner.course.patience
    hour = at.replace(minute=0, second=0, microsecond=0) + HOUR
    at = learner.module(1, hour + 10 * MINUTE)
    back = learner.module(2, at + patience + 5 * MINUTE, heard=at + patience + 8 * MINUTE)
    learner.module(3, learner.later(back, 0.5, 3))


def stall_is_told_twice(learner: Learner, at: datetime) -> None:
    """A second LMS tells the last activity too, once before and once while the alert is open."""
    at = begin(learner, at, 1)
    at = learner.module(2, learner.later(at, 0.3, 1))
    learner.module(2, at, source=SECOND, heard=at + 9 * HOUR)
    learner.play.covers("twin", at + 9 * HOUR)
    told = at + learner.course.patience + 30 * HOUR
    learner.module(2, at, source="urn:lms:third", heard=told)


def finishes_twice_told(learner: Learner, at: datetime) -> None:
    """A second LMS tells the completion of the same day, an hour earlier or later."""
    at = through(learner, at)
    zone = learner.person.account.zone
    noon = learner.later(at, 1, 2).astimezone(zone).replace(hour=11)
    at = learner.complete(noon.astimezone(UTC), score=learner.score(passed=True))
    shift = learner.play.rng.choice((-2, -1, 1, 3)) * HOUR
    learner.complete(at + shift, source=SECOND, heard=at + 8 * HOUR)
    learner.play.covers("twin", at + 8 * HOUR)


def attempts_twice_told(learner: Learner, at: datetime) -> None:
    """A second LMS tells each attempt by its number, some on another day."""
    at = through(learner, at)
    at = learner.fail(learner.later(at, 0.2, 1), score=learner.score(passed=False), attempt=1)
    learner.fail(at + HOUR, attempt=1, source=SECOND, heard=at + 3 * HOUR)
    score = learner.score(passed=True)
    at = learner.complete(learner.later(at, 1, 3), score=score, attempt=2)
    learner.complete(at + 20 * HOUR, attempt=2, source=SECOND, heard=at + 26 * HOUR)
    learner.play.covers("twin", at + 26 * HOUR)
    learner.play.covers("fail then pass", at)


def enrolment_twice_told(learner: Learner, at: datetime) -> None:
    at = learner.enrol(at)
    learner.enrol(at, source=SECOND, heard=at + 5 * HOUR)
    at = learner.start(learner.later(at, 0.3, 1))
    learner.start(at, source=SECOND, heard=at + 5 * HOUR)
    learner.play.covers("twin", at + 5 * HOUR)
    at = learner.module(1, learner.later(at, 0.5, 2))
    learner.module(1, learner.later(at, 0.5, 2))


def grant_twice_told(learner: Learner, at: datetime) -> None:
    """A second issuer tells the grant a day later, under the same number."""
    at = through(learner, at)
    number = learner.number()
    last_day = None if learner.course.months else learner.last_day(at, 200)
    at = learner.complete(learner.later(at, 0.1, 1), score=learner.score(passed=True))
    learner.grant(at + HOUR, number=number, last_day=last_day)
    learner.grant(at + 25 * HOUR, number=number, source=SECOND)
    learner.play.covers("twin", at + 27 * HOUR)


def is_granted_only(learner: Learner, at: datetime) -> None:
    """The issuer says so, the LMS says nothing; the second issuer agrees by the last day."""
    last_day = learner.last_day(at, 150)
    at = learner.grant(at, last_day=last_day)
    learner.grant(at + 30 * HOUR, last_day=last_day, number=learner.number(), source=SECOND)
    learner.play.covers("twin", at + 31 * HOUR)


def is_revoked(learner: Learner, at: datetime) -> None:
    at = through(learner, at)
    finish(learner, at + HOUR)
    at = learner.revoke(learner.later(at, 2, 8))
    learner.play.covers("revocation", at)


def is_revoked_by_number(learner: Learner, at: datetime) -> None:
    """A revocation of another number changes nothing; of this one, it ends the certificate."""
    at = through(learner, at)
    number = learner.number()
    last_day = None if learner.course.months else learner.last_day(at, 250)
    at = learner.complete(at + HOUR, score=learner.score(passed=True))
    at = learner.grant(at + HOUR, number=number, last_day=last_day)
    at = learner.revoke(learner.later(at, 1, 3), number=f"{number}-X")
    at = learner.revoke(learner.later(at, 1, 3), number=number)
    learner.play.covers("revocation", at)


def is_granted_anew(learner: Learner, at: datetime) -> None:
    """Revoked, then granted again within the week: earned anew."""
    at = through(learner, at)
    at = learner.complete(at + HOUR, score=learner.score(passed=True))
    at = learner.revoke(learner.later(at, 1, 2))
    learner.play.covers("revocation", at)
    learner.grant(
        learner.later(at, 1, 2), number=learner.number(), last_day=learner.last_day(at, 120)
    )


def was_revoked_before(learner: Learner, at: datetime) -> None:
    """A revocation told late, of before the renewal: what was a renewal was earned anew."""
    at = through(learner, at)
    at = learner.complete(at + HOUR, score=learner.score(passed=True))
    renewed = learner.renew(learner.later(at, 12, 14), last_day=learner.last_day(at, 300))
    learner.revoke(at + 9 * DAY, heard=renewed + 20 * HOUR)
    learner.play.covers("revocation", renewed + 20 * HOUR)


def renews(learner: Learner, at: datetime) -> None:
    at = through(learner, at)
    at = learner.complete(at + HOUR, score=learner.score(passed=True))
    at = learner.grant(at + HOUR, number=learner.number(), last_day=learner.last_day(at, 20))
    at = learner.renew(
        learner.later(at, 9, 14), number=learner.number(), last_day=learner.last_day(at, 200)
    )
    learner.play.covers("renewal", at)


def renews_by_the_exam(learner: Learner, at: datetime) -> None:
    """Passing once more while the certificate is valid renews it."""
    at = through(learner, at)
    at = learner.complete(at + HOUR, score=learner.score(passed=True), attempt=1)
    at = learner.complete(learner.later(at, 8, 12), score=learner.score(passed=True), attempt=2)
    learner.grant(at + 3 * HOUR, last_day=learner.last_day(at, 180))
    learner.play.covers("renewal", at)


def renewal_is_told_late(learner: Learner, at: datetime) -> None:
    """The lapse was seen before the renewal was heard: the card is mended again."""
    at = through(learner, at)
    at = learner.complete(at + HOUR, score=learner.score(passed=True))
    last_day = learner.last_day(at, 12)
    learner.grant(at + HOUR, number=learner.number(), last_day=last_day)
    told = _lapse(learner, last_day) + 30 * HOUR
    learner.renew(at + 9 * DAY, last_day=learner.last_day(at, 160), heard=told)
    learner.play.covers("renewal", told)
    learner.play.covers("lapse", told)


def lapses(learner: Learner, at: datetime) -> None:
    """The certificate lapses; she enrols again, and earns it anew."""
    at = through(learner, at)
    at = learner.complete(at + HOUR, score=learner.score(passed=True))
    last_day = learner.last_day(at, learner.play.rng.randrange(9, 16))
    learner.grant(at + HOUR, number=learner.number(), last_day=last_day)
    at = _lapse(learner, last_day)
    learner.play.covers("lapse", at)
    if learner.play.rng.random() < 0.6:
        again = _anew(learner)
        at = begin(again, learner.later(at, 0.5, 2), 2)
        finish(again, learner.later(at, 0.5, 3))


def earns_anew_as_it_lapses(learner: Learner, at: datetime) -> None:
    """A grant minutes after the lapse, heard before a tick has seen it."""
    at = through(learner, at)
    at = learner.complete(at + HOUR, score=learner.score(passed=True))
    last_day = learner.last_day(at, 10)
    learner.grant(at + HOUR, number=learner.number(), last_day=last_day)
    at = _lapse(learner, last_day)
    learner.play.covers("lapse", at + HOUR)
    number, last_day = learner.number(), learner.last_day(at, 90)
    learner.grant(at + 12 * MINUTE, number=number, last_day=last_day, heard=at + 15 * MINUTE)


def held_it_before(learner: Learner, at: datetime) -> None:
    """A grant of last year, told late: what looked earned was a renewal."""
    at = through(learner, at)
    at = learner.complete(at + HOUR, score=learner.score(passed=True))
    told = at + 4 * DAY
    learner.grant(at - 200 * DAY, last_day=learner.last_day(at, 5), heard=told)
    learner.play.covers("renewal", told)


def withdraws_and_enrols_again(learner: Learner, at: datetime) -> None:
    """A second run; a module of the first is told late, and one done while withdrawn again."""
    again = _anew(learner)
    at = begin(learner, at, 2)
    between = at + HOUR
    at = learner.withdraw(learner.later(at, 1, 3))
    learner.module(1, at + HOUR)
    at = again.enrol(learner.later(at, 3, 6))
    at = again.start(learner.later(at, 0.2, 1))
    learner.module(2, between, heard=at + 4 * HOUR)
    at = again.module(1, learner.later(at, 0.3, 2))
    if learner.play.rng.random() < 0.5:
        at = _rest(again, at, 1)
        finish(again, learner.later(at, 0.1, 2))


def registers_again(learner: Learner, at: datetime) -> None:
    """Finishes, and takes the course a second time under another registration."""
    learner.registration = learner.registration or f"reg-{learner.number()}"
    at = through(learner, at)
    at = finish(learner, at + HOUR)
    begin(_anew(learner), learner.later(at, 9, 12), 2)


def enrols_twice_while_stalled(learner: Learner, at: datetime) -> None:
    """An enrolment without an ending before it is neither a new run nor activity."""
    learner.registration = None
    at = begin(learner, at, 2)
    at = learner.enrol(learner.later(at + learner.course.patience, 0.3, 2))
    at = learner.module(3, learner.later(at, 3, 5))
    learner.play.covers("return", at)


def is_waived(learner: Learner, at: datetime) -> None:
    at = learner.enrol(at)
    learner.waive(learner.later(at, 1, 4))


def is_waived_after_a_stall(learner: Learner, at: datetime) -> None:
    at = begin(learner, at, 1)
    at = learner.waive(learner.later(at + learner.course.patience, 1, 4))
    learner.play.covers("return", at)


def withdraws_after_a_stall(learner: Learner, at: datetime) -> None:
    at = begin(learner, at, 1)
    at = learner.withdraw(learner.later(at + learner.course.patience, 1, 4))
    learner.play.covers("return", at)


def finishes_and_looks_again(learner: Learner, at: datetime) -> None:
    """A module repeated after the completion re-opens nothing."""
    at = through(learner, at)
    at = finish(learner, at + HOUR)
    learner.module(1, learner.later(at, 1, 3))


def had_finished_long_ago(learner: Learner, at: datetime) -> None:
    """Imported: a completion of months ago raises nothing."""
    told, at = at, at - learner.play.rng.uniform(60, 280) * DAY
    learner.enrol(at - 9 * DAY, heard=told)
    learner.complete(at, score=learner.score(passed=True), heard=told + MINUTE)


def had_stalled_long_ago(learner: Learner, at: datetime) -> None:
    """Imported: a deadline of weeks ago raises nothing; coming back resolves nothing."""
    told, past = at, at - learner.play.rng.uniform(25, 90) * DAY
    learner.start(past, heard=told)
    learner.module(1, past + 2 * DAY, heard=told + MINUTE)
    if learner.play.rng.random() < 0.5:
        learner.module(2, learner.later(at, 3, 6))


def was_about_to_stall(learner: Learner, at: datetime) -> None:
    """Imported: old activity whose deadline still lies ahead, or lay just now."""
    ahead = learner.play.rng.choice((-1.5, 4, 6))
    past = at + ahead * DAY - learner.course.patience
    learner.start(past - DAY, heard=at)
    learner.module(1, past, heard=at + MINUTE)
    learner.play.covers("deadline of history", at + max(ahead, 0) * DAY + HOUR)


def stalls_across(learner: Learner, change: datetime) -> None:
    """The clock of silence runs across a change of the account's clocks."""
    at = learner.start(learner.later(change - 9 * DAY, 0, 1))
    at = learner.module(1, learner.later(at, 0.1, 1))
    learner.play.covers("daylight saving", at + learner.course.patience)


def validity_across(learner: Learner, lapse_day: date) -> None:
    """Imported: granted under the other of the account's two clocks, lapsing on that day."""
    zone = learner.person.account.zone
    lapse_day = learner.play.calm_day(zone, lapse_day)
    lapse = midnight(zone, lapse_day + DAY)
    told = learner.play.start + 5 * HOUR
    for days in range(70, 280):
        noon = datetime.combine(lapse_day - days * DAY, time(12), zone)
        if noon.utcoffset() != lapse.astimezone(zone).utcoffset():
            at = learner.complete(noon.astimezone(UTC), heard=told)
            day = lapse_day.isoformat()
            learner.grant(at + HOUR, number=learner.number(), last_day=day, heard=told + MINUTE)
            learner.play.covers("daylight saving", lapse)
            return


def _lapse(learner: Learner, last_day: str) -> datetime:
    return midnight(learner.person.account.zone, date.fromisoformat(last_day) + DAY)
