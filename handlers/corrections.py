"""Which completions were taken back, and which runs are there without them?"""

from collections.abc import Collection, Iterable
from datetime import datetime

from .runs import Run, placed, runs_of
from .told import CORRECTIONS, Told


def taken_back(facts: tuple[Told, ...]) -> dict[str, datetime]:
    """The completions that were taken back, by cause, and when that was heard first.

    Judged over the runs with all of them and without lapses, which follow from completions.
    """
    withdrawals = [fact for fact in facts if fact.kind == "completion_withdrawn"]
    if not withdrawals:
        return {}
    taken: dict[str, datetime] = {}
    completions = [fact for fact in facts if fact.kind == "completed"]
    runs = runs_without((), facts, "UTC", ())
    for withdrawal in sorted(withdrawals, key=lambda fact: fact.heard):
        for completion in _meant(withdrawal, completions, runs):
            taken.setdefault(completion.cause, withdrawal.heard)
    return taken


def runs_without(
    taken: Collection[str], facts: tuple[Told, ...], zone: str, lapses: tuple[datetime, ...]
) -> tuple[Run, ...]:
    """The runs of what is left, with what regrades them."""
    left = (fact for fact in facts if fact.kind not in CORRECTIONS and fact.cause not in taken)
    runs = runs_of(tuple(left), zone, lapses)
    for fact in facts:
        if fact.kind == "regraded" and (run := placed(fact, runs)):
            run.regrades.append(fact)
    return runs


def _meant(withdrawal: Told, completions: Iterable[Told], runs: Iterable[Run]) -> list[Told]:
    if withdrawal.withdraws is not None:
        return [done for done in completions if done.cause == withdrawal.withdraws]
    run = placed(withdrawal, runs)
    return [
        done
        for done in (run.of("completed") if run else ())
        if done.at <= withdrawal.at and withdrawal.attempt in (None, done.attempt)
    ]
