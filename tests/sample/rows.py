"""Which rows must the exports hold after a play, and how much of everything?"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from schemas.exports import EXPORTS

from .courses import Run, is_gone
from .door import Json
from .replay import Key, Replay


def rows(replay: Replay, kind: str) -> list[Json]:
    """The rows of an export, in its columns and order."""
    made = {
        "alerts": _alerts,
        "training": _training,
        "attempts": _attempts,
        "certificates": _certificates,
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
        run = replay.runs(key)[-1]
        done = run.activity()
        heard = [fact.heard for fact in enrolment.facts]
        clusters = run.attempts("completed") + run.attempts("failed")
        outcome = run.outcome
        yield {
            **dict(zip(("customer", "person", "course"), key, strict=True)),
            "status": _status(replay, key, run),
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


def _status(replay: Replay, key: Key, run: Run) -> str:
    if run.outcome:
        certificate = (*key[:2], replay.directory.course(key[2]).get("certificate", ""))
        held = replay.certificates.get(certificate)
        completed = run.outcome[0] == "completed"
        return "expired" if completed and held and held.reached else run.outcome[0]
    if replay.enrolments[key].stalled:
        return "abandoned"
    done = run.activity()
    if done:
        return "failed" if done[-1][1] == "failed" else "in_progress"
    return "not_started"


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
            lapsed = certificate.reached
            numbers = [award.number for award in chain.awards if award.number]
            days = [award.last_day for award in chain.awards if award.last_day]
            courses = [fact.course for fact in chain.facts if fact.course]
            yield {
                **dict(zip(("customer", "person", "certificate"), key, strict=True)),
                "course": (courses or replay.directory.granting(key[2]))[0],
                "status": "revoked" if chain.revoked else "expired" if lapsed else "valid",
                "earned_at": chain.awards[0].time,
                "renewed_at": chain.awards[-1].time if len(chain.awards) > 1 else None,
                "number": numbers[-1] if numbers else None,
                "last_day": days[-1] if days else None,
                "revoked_at": chain.revoked.time if chain.revoked else None,
            }


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
