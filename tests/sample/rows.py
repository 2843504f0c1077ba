"""Which rows must the exports hold after a play, and how much of everything?"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from schemas.exports import EXPORTS

from .courses import is_gone
from .door import Json
from .replay import Replay
from .teams import ratio


def rows(replay: Replay, kind: str) -> list[Json]:
    """The rows of an export, in its columns and order."""
    made = {
        "alerts": _alerts,
        "training": _training,
        "attempts": _attempts,
        "certificates": _certificates,
        "coverage": _coverage,
        "teams": _teams,
        "targets": _targets,
    }[kind](replay)
    columns = EXPORTS[kind]
    rows = [{column: _plain(row[column]) for column in columns} for row in made]
    return sorted(rows, key=lambda row: [json.dumps(row[column]) for column in columns])


def _alerts(replay: Replay) -> Iterator[Json]:
    for alert in replay.alerts:
        yield {
            "kind": alert.kind,
            "customer": alert.key[0],
            "subject": "|".join(alert.key[1:]),
            "at": alert.at,
            "raised_at": alert.raised_at,
            "status": alert.status,
            "causes": sorted(alert.causes),
        }


def _training(replay: Replay) -> Iterator[Json]:
    for key, enrolment in replay.enrolments.items():
        if not enrolment.is_shown:
            continue
        run = replay.run(key)
        done = run.activity()
        heard = [fact.heard for fact in enrolment.facts]
        clusters = run.attempts("completed") + run.attempts("failed")
        outcome = run.outcome
        yield {
            **dict(zip(("customer", "person", "course"), key, strict=True)),
            "status": replay.status(key),
            "active": not is_gone(replay.moves_of(key)),
            "started_at": run.started_at,
            "completed_at": outcome[1] if outcome and outcome[0] == "completed" else None,
            "score": run.score,
            "attempts": len(clusters),
            "modules": sorted({str(fact.module) for fact in run.of("module")}),
            "last_activity_at": done[-1][0] if done else None,
            "stalled_at": enrolment.stalled,
            "created_at": min(heard),
            "updated_at": max(heard),
        }


def _attempts(replay: Replay) -> Iterator[Json]:
    for key in replay.enrolments:
        for run in replay.runs(key):
            for kind, outcome in (("completed", "passed"), ("failed", "failed")):
                for cluster in run.attempts(kind):
                    yield {
                        **dict(zip(("customer", "person", "course"), key, strict=True)),
                        "outcome": outcome,
                        "attempt": cluster.attempt,
                        "at": cluster.time,
                        "score": cluster.score,
                    }


def _certificates(replay: Replay) -> Iterator[Json]:
    for key, certificate in replay.certificates.items():
        for chain in replay.chains(key)[-1:]:
            numbers = [award.number for award in chain.awards if award.number]
            longest = max(chain.awards, key=lambda award: award.last_day or date.max)
            courses = [fact.course for fact in chain.facts if fact.course]
            yield {
                **dict(zip(("customer", "person", "certificate"), key, strict=True)),
                "course": (courses or replay.directory.granting(key[2]))[0],
                "status": certificate.status(chain),
                "earned_at": chain.awards[0].time,
                "renewed_at": chain.awards[-1].time if len(chain.awards) > 1 else None,
                "number": numbers[-1] if numbers else None,
                "last_day": longest.last_day if longest.lapse else None,
                "revoked_at": chain.revoked.time if chain.revoked else None,
            }


def _coverage(replay: Replay) -> Iterator[Json]:
    for customer in replay.directory.customers:
        for asked in replay.directory.asked:
            count = replay.count(customer, asked.team)
            share = count.share(asked.target)
            yield {
                "customer": customer,
                "requirement": asked.id,
                **_named(asked.team, asked.target),
                "people": count.people,
                "met": share.met,
                "waived": share.waived,
                "percent": ratio(100 * share.met, count.people - share.waived),
            }


def _teams(replay: Replay) -> Iterator[Json]:
    for customer, teams in replay.teams.items():
        for team, count in teams.items():
            yield {
                "customer": customer,
                **_named(team),
                "people": count.people,
                "enrolled": count.enrolled,
                "enrolment_rate": ratio(100 * count.enrolled, count.people),
                "scored": count.scored,
                "average_score": ratio(count.score_sum, count.scored),
            }


def _targets(replay: Replay) -> Iterator[Json]:
    for customer, teams in replay.teams.items():
        for team, count in teams.items():
            for target, share in count.shares.items():
                yield {
                    "customer": customer,
                    **_named(team, target),
                    "people": count.people,
                    "enrolled": share.enrolled,
                    "met": share.met,
                    "waived": share.waived,
                }


def _named(*parts: tuple[str, str] | None) -> Json:
    """A team, and a target where one is given, in columns."""
    columns = ("role", "level", "target_kind", "target")
    return dict(zip(columns, (name for part in parts for name in part or ()), strict=False))


def summary(replay: Replay) -> Json:
    """How much of everything there must be."""
    alerts: dict[str, Counter[str]] = {}
    for alert in replay.alerts:
        alerts.setdefault(alert.kind, Counter())[alert.status] += 1
    return {
        "events": len(replay.accepted),
        "alerts": {kind: dict(sorted(alerts[kind].items())) for kind in sorted(alerts)},
        "cards": sum(alert.card for alert in replay.alerts),
        "rows": {kind: len(rows(replay, kind)) for kind in EXPORTS if kind != "alerts"},
        "dead_letters": replay.dead_letters,
        "quarantined": dict(sorted(Counter(reason for _, reason in replay.waiting).items())),
        "last_step": _plain(replay.now),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return value
