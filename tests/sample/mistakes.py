"""What may an LMS take back or mend afterwards? Each story tells of one course, from `at` on."""

from datetime import datetime

from .stories import begin, finish, through
from .world import DAY, HOUR, SECOND, Learner


def had_not_finished(learner: Learner, at: datetime) -> None:
    """What is withdrawn by name is done rightly later; a certificate is earned anew."""
    at = learner.complete(through(learner, at) + HOUR, score=learner.score(passed=True))
    named = learner.told
    at = learner.retract(learner.later(at, 1, 3), withdraws=named)
    _covers_certificate(learner, "withdrawn by name", at)
    learner.complete(learner.later(at, 1, 4), score=learner.score(passed=True))


def had_failed_again(learner: Learner, at: datetime) -> None:
    """The second attempt is withdrawn by its number; the third stands."""
    at = learner.fail(through(learner, at) + HOUR, score=learner.score(passed=False), attempt=1)
    at = learner.complete(learner.later(at, 1, 2), score=learner.score(passed=True), attempt=2)
    at = learner.retract(learner.later(at, 1, 3), attempt=2)
    _covers_certificate(learner, "withdrawn by run", at)
    learner.complete(learner.later(at, 1, 3), score=learner.score(passed=True), attempt=3)


def had_not_finished_at_all(learner: Learner, at: datetime) -> None:
    """Two systems told of it, and both were wrong: the whole run loses its completions."""
    at = learner.complete(through(learner, at) + HOUR, score=learner.score(passed=True))
    learner.complete(at + HOUR, source=SECOND, heard=at + 8 * HOUR)
    at = learner.retract(learner.later(at, 1, 3))
    _covers_certificate(learner, "withdrawn by run", at)


def stands_still_after_all(learner: Learner, at: datetime) -> None:
    """What seemed to end a stall is withdrawn: the alert opens again, until she comes back."""
    at = begin(learner, at, 1)
    at = learner.complete(learner.later(at + learner.course.patience, 0.3, 2), attempt=1)
    named = learner.told
    if learner.play.rng.random() < 0.5:
        at = learner.retract(learner.later(at, 1, 6), withdraws=named)
        _covers_certificate(learner, "withdrawn by name", at)
    else:
        at = learner.retract(learner.later(at, 1, 6), attempt=1)
        _covers_certificate(learner, "withdrawn by run", at)
    learner.play.covers("stall again", at + HOUR)
    if learner.play.rng.random() < 0.4:
        finish(learner, learner.later(at, 4, 7))


def was_never_ahead(learner: Learner, at: datetime) -> None:
    """Withdrawn before the deadline, which then strikes as if nothing had been told."""
    at = begin(learner, at, 2)
    at = learner.complete(learner.later(at, 1, 3))
    learner.retract(learner.later(at, 1, 3))
    learner.play.covers("withdrawn by run", at + 4 * DAY)


def was_thought_to_be_done(learner: Learner, at: datetime) -> None:
    """Withdrawn days after the deadline that it had prevented: marked, and no alert."""
    at = begin(learner, at, 2)
    due = at + learner.course.patience
    learner.complete(learner.later(at, 1, 3))
    named = learner.told
    at = learner.retract(learner.later(due, 3, 5), withdraws=named)
    learner.play.covers("withdrawn by name", at)


def is_taken_back_in_advance(learner: Learner, at: datetime) -> None:
    """The withdrawal is heard before what it withdraws."""
    at = through(learner, at) + HOUR
    told = f"{learner.number()}-{learner.person.id}"
    learner.retract(at + 2 * HOUR, withdraws=told)
    learner.complete(at, score=learner.score(passed=True), id=told, heard=at + 9 * HOUR)
    learner.play.covers("withdrawn by name", at + 9 * HOUR)


def keeps_what_was_granted(learner: Learner, at: datetime) -> None:
    """The issuer's word outlives the completion, until it is revoked too."""
    at = learner.complete(through(learner, at) + HOUR, score=learner.score(passed=True))
    named = learner.told
    at = learner.grant(at + 3 * HOUR, number=learner.number(), last_day=learner.last_day(at, 200))
    at = learner.retract(learner.later(at, 1, 3), withdraws=named)
    _covers_certificate(learner, "withdrawn by name", at)
    if learner.play.rng.random() < 0.5:
        at = learner.revoke(learner.later(at, 2, 5))
        learner.play.covers("revocation", at)


def is_regraded(learner: Learner, at: datetime) -> None:
    """The exam is looked at again, days after it was announced."""
    number = learner.play.rng.choice((None, 1))
    at = learner.complete(
        through(learner, at) + HOUR, score=learner.score(passed=True), attempt=number
    )
    at = learner.regrade(learner.later(at, 2, 5), attempt=number)
    learner.play.covers("regraded after", at)


def is_regraded_in_advance(learner: Learner, at: datetime) -> None:
    """The new score is heard before the attempt."""
    at = through(learner, at) + HOUR
    score = learner.score(passed=True)
    learner.complete(at, score=score, attempt=1, heard=at + 9 * HOUR)
    learner.regrade(at + HOUR, attempt=1)
    learner.play.covers("regraded before", at + 9 * HOUR)


def appeals(learner: Learner, at: datetime) -> None:
    """Each attempt is regraded, the first twice and the later word heard first."""
    at = learner.fail(through(learner, at) + HOUR, score=learner.score(passed=False), attempt=1)
    first = at + 3 * HOUR
    learner.regrade(at + 5 * HOUR, attempt=1, score=learner.score(passed=False))
    learner.regrade(first, attempt=1, score=1, heard=first + 9 * HOUR)
    at = learner.complete(learner.later(at, 2, 3), score=learner.score(passed=True), attempt=2)
    at = learner.regrade(learner.later(at, 1, 2))
    learner.play.covers("regraded after", at)


def _covers_certificate(learner: Learner, what: str, at: datetime) -> None:
    learner.play.covers(what, at)
    if learner.course.certificate:
        learner.play.covers("certificate taken back", at)
