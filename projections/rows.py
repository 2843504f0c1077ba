"""Which read-model rows follow from a state? One state decides them alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers import certification, enrolment
from handlers import teams as counting
from handlers.certificate import Certificate
from handlers.enrolment import Enrolment
from handlers.headcount import NOBODY, Headcount

ENROLMENT_KEY = ("customer", "person", "course")
CERTIFICATE_KEY = ("customer", "person", "certificate")
TEAM_KEY = ("customer", "role", "level")


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of `table` whose `key` columns are so; each of `rows` holds the other columns.

    `key` is the whole primary key, or for `attempts` all of it but the ordinal: what stands there
    beyond `rows` is to go.
    """

    table: str
    key: Mapping[str, str]
    rows: tuple[Mapping[str, Any], ...]


def rows_of(handler: str, key: str, state: Any) -> tuple[Rows, ...]:
    if handler == enrolment.NAME:
        whose = dict(zip(ENROLMENT_KEY, key.split("|"), strict=True))
        return (
            Rows("training", whose, training(state)),
            Rows("attempts", whose, attempts(state)),
        )
    if handler == certification.NAME:
        whose = dict(zip(CERTIFICATE_KEY, key.split("|"), strict=True))
        return (Rows("certificates", whose, certificates(state)),)
    if handler == counting.NAME:
        whose = dict(zip(TEAM_KEY, key.split("|"), strict=True))
        return (Rows("teams", whose, teams(state)),)
    return ()


def training(state: Enrolment) -> tuple[Mapping[str, Any], ...]:
    if not state.known:
        return ()
    run = state.run
    completed = run.outcome is not None and run.outcome[0] == "completed"
    return (
        {
            "status": state.status,
            "active": not state.presence.gone,
            "started_at": run.started_at,
            "completed_at": run.outcome[1] if run.outcome and completed else None,
            "score": run.score,
            "attempts": len(run.attempts),
            "modules": run.modules,
            "last_activity_at": run.last_activity,
            "stalled_at": state.stalled_at,
            "created_at": state.first_heard,
            "updated_at": state.last_heard,
            "certificate": state.certificate,
        },
    )


def attempts(state: Enrolment) -> tuple[Mapping[str, Any], ...]:
    """Those of every run, in order."""
    of_all = [attempt for run in state.runs for attempt in run.attempts]
    return tuple(
        {
            "ordinal": ordinal,
            "outcome": attempt.outcome,
            "attempt": attempt.number,
            "at": attempt.at,
            "score": attempt.score,
        }
        for ordinal, attempt in enumerate(sorted(of_all, key=lambda one: one.facts[0].order))
    )


def certificates(state: Certificate) -> tuple[Mapping[str, Any], ...]:
    chain = state.latest
    if chain is None:
        return ()
    status = "revoked" if chain.revoked_at else "expired" if state.lapsed else "valid"
    return (
        {
            "course": state.course,
            "status": status,
            "earned_at": chain.start.at,
            "renewed_at": chain.awards[-1].at if len(chain.awards) > 1 else None,
            "number": chain.number,
            "last_day": chain.last_day,
            "revoked_at": chain.revoked_at,
        },
    )


def teams(state: Headcount) -> tuple[Mapping[str, Any], ...]:
    if state == NOBODY:
        return ()
    return (
        {
            "people": state.people,
            "enrolled": state.enrolled,
            "scored": state.scored,
            "score_sum": state.score_sum,
            "targets": [
                {
                    "kind": count.target.kind,
                    "id": count.target.id,
                    "enrolled": count.enrolled,
                    "met": count.met,
                    "waived": count.waived,
                }
                for count in state.counts
            ],
        },
    )
