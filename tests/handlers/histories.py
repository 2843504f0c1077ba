"""Which short histories are hard? Some written by hand, the others drawn from a small grammar."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import count, islice
from typing import Any

from schemas.alerts import CERTIFICATION_EARNED, TRAINING_ABANDONED
from schemas.facts import Fact

from .fold import Fold
from .story import (
    CATALOGUE,
    SOON,
    Teller,
    completed,
    enrolled,
    failed,
    granted,
    joined,
    left,
    module,
    on,
    regraded,
    renewed,
    revoked,
    started,
    tick,
    undone,
    waived,
    withdrawn,
)

DRAWN = 75
"""Histories drawn for each rule, besides those written by hand."""

TWO_DAYS_LATE = timedelta(hours=49)
A_MONTH_LATE = timedelta(days=30)
A_SECOND = 1 / 86_400

OF_COURSE: list[Teller[Fact]] = [
    enrolled,
    started,
    started,
    module,
    module,
    failed,
    completed,
    withdrawn,
    waived,
    joined,
    left,
    granted,
    undone,
    regraded,
]
OF_CERTIFICATE: list[Teller[Fact]] = [
    granted,
    granted,
    renewed,
    revoked,
    completed,
    completed,
    enrolled,
    undone,
    regraded,
]


@dataclass(frozen=True)
class History:
    name: str
    rule: str
    facts: tuple[Fact, ...]
    last_tick: float

    def told(self) -> Fold:
        """The history as it was, with every fact in its place."""
        return Fold().fold(*CATALOGUE, *self.facts, tick(self.last_tick))


def histories(rule: str, many: int = DRAWN) -> list[History]:
    """Those written by hand, and so many drawn ones in which the rule says something."""
    by_hand = [History(name, rule, facts, last) for name, (last, facts) in BY_HAND[rule].items()]
    drawn = (_drawn(rule, seed) for seed in count())
    return [*by_hand, *islice(filter(_telling, drawn), many)]


def _telling(history: History) -> bool:
    alerts = history.told().alerts.values()
    return any(alert.rule == history.rule for versions in alerts for alert in versions)


def _drawn(rule: str, seed: int) -> History:
    rng = random.Random(f"{rule}{seed}")
    draw = GRAMMAR[rule]
    facts = [draw(rng, f"{place}") for place in range(4 + seed % 3)]
    return History(f"drawn {seed}", rule, tuple(facts), rng.choice([16, 31, 60, 400, 1000]))


def _of_course(rng: random.Random, name: str) -> Fact:
    kind = rng.choice(OF_COURSE)
    at = rng.choice([0, 0.2, 1, 1.5, 2, 5, 8, 15, 15 + A_SECOND, 16, 20, 29, 30, 36, 44])
    more: dict[str, Any] = {"after": _lateness(rng), "name": name}
    if kind is granted:
        more["last_day"] = on(rng.choice([2, 10, 30])).date()
    elif kind not in (joined, left):
        more["registration"] = rng.choice([None, None, None, "R1", "R2"])
    if kind is module:
        more["module"] = rng.choice(["m1", "m2"])
    if kind in (failed, completed):
        more["attempt"] = rng.choice([None, None, 1, 2])
        more["score"] = rng.choice([None, Decimal("41.5"), Decimal(80)])
    return kind(at, **more, **_corrected(kind, rng))


def _corrected(kind: Teller[Fact], rng: random.Random) -> dict[str, Any]:
    """What a correction names: an event of the history, a number, or nothing."""
    named = rng.random() < 0.5
    if kind is undone and named:
        return {"withdraws": f"lms#{rng.randrange(6)}"}
    if kind is undone:
        return {"attempt": rng.choice([None, None, 1])}
    if kind is regraded:
        return {"attempt": rng.choice([None, 1]), "score": Decimal(rng.choice([0, 55, 99]))}
    return {}


def _of_certificate(rng: random.Random, name: str) -> Fact:
    kind = rng.choice(OF_CERTIFICATE)
    at = rng.choice([0, 0.3, 1, 5, 6, 7, 8, 12, 100, 363, 364, 365, 366, 370, 400, 500])
    more: dict[str, Any] = {"after": _lateness(rng), "name": name}
    if kind in (granted, renewed, revoked):
        more["number"] = rng.choice([None, None, "N1", "N2"])
    if kind in (granted, renewed):
        day = rng.choice([None, None, 10, 30, 400, 800])
        more["last_day"] = None if day is None else on(day).date()
    if kind is completed:
        more["score"] = rng.choice([None, Decimal(80)])
    return kind(at, **more, **_corrected(kind, rng))


def _lateness(rng: random.Random) -> timedelta:
    return rng.choice([SOON, SOON, SOON, SOON, timedelta(hours=47), TWO_DAYS_LATE, A_MONTH_LATE])


GRAMMAR: dict[str, Callable[[random.Random, str], Fact]] = {
    TRAINING_ABANDONED: _of_course,
    CERTIFICATION_EARNED: _of_certificate,
}

ABANDONED: dict[str, tuple[float, tuple[Fact, ...]]] = {
    "three twins of the last module": (
        60,
        (
            enrolled(0),
            started(1),
            module(2, name="a"),
            module(2, name="b"),
            module(2, name="c", after=TWO_DAYS_LATE),
        ),
    ),
    "a module heard after its stall": (
        60,
        (enrolled(0), started(1), module(10, after=timedelta(days=6)), module(24), module(38)),
    ),
    "a second stall and a return": (
        60,
        (started(0), module(1), module(16, module="m2"), module(31), completed(32)),
    ),
    "activity at the deadline, and a second before": (
        60,
        (started(1), module(15), module(15 - A_SECOND, module="m2"), failed(29)),
    ),
    "two withdrawals, two enrolments": (
        60,
        (enrolled(0), started(1), withdrawn(5), enrolled(6), started(7), withdrawn(40)),
    ),
    "a withdrawal that was none": (
        60,
        (enrolled(0), started(1), withdrawn(5), module(6), completed(20)),
    ),
    "leaving and coming back": (
        60,
        (started(1), left(5), joined(10), module(3), left(40)),
    ),
    "coming back twice, told twice": (
        60,
        (
            started(1),
            left(5),
            joined(10),
            joined(10, name="again", after=A_MONTH_LATE),
            left(20),
            joined(22),
        ),
    ),
    "leaving and coming at one instant": (60, (started(1), left(10), joined(10), joined(12))),
    "leaving after the deadline": (60, (started(1), left(20), joined(30), module(31))),
    "told of in history, one twin in time": (
        60,
        (
            started(1, name="a", after=A_MONTH_LATE),
            started(1, name="b"),
            enrolled(0, after=A_MONTH_LATE),
            module(0.5, after=A_MONTH_LATE),
        ),
    ),
    "a failure told three times on one day": (
        60,
        (
            started(0),
            failed(1, attempt=1),
            failed(1.1, name="sheet"),
            failed(0.9, name="again", attempt=1),
            failed(1.2, name="second", attempt=2),
        ),
    ),
    "registrations that overlap": (
        60,
        (
            enrolled(0, registration="R1"),
            started(1, registration="R1"),
            enrolled(5),
            enrolled(6, registration="R2"),
            module(7),
            withdrawn(30, registration="R2"),
        ),
    ),
    "a registration begun at the instant of an unnamed fact": (
        60,
        (enrolled(0), started(0, registration="R1"), module(0), completed(3), enrolled(3)),
    ),
    "a lapse that ends the run": (
        60,
        (
            enrolled(0),
            started(1),
            granted(2, last_day=on(4).date()),
            enrolled(6),
            module(7),
            revoked(3, after=A_MONTH_LATE),
        ),
    ),
    "a waiver between completions": (
        60,
        (started(0), waived(3), completed(20), completed(20.1), module(18)),
    ),
    "a completion that was none": (
        60,
        (started(1), module(5), completed(6), undone(7), module(9, module="m2")),
    ),
    "a stall ended by a completion that was none": (
        60,
        (started(1), completed(20, name="c"), undone(30, withdraws="lms#c"), completed(20.1)),
    ),
    "completions of two runs, withdrawn and told again": (
        60,
        (enrolled(0), completed(1), undone(2), enrolled(3), completed(4), undone(44)),
    ),
    "a completion that came and went long after the stall": (
        60,
        (
            started(1),
            completed(5, after=A_MONTH_LATE, name="c"),
            undone(41, withdraws="lms#c"),
            enrolled(0),
        ),
    ),
    "one module again and again": (
        60,
        (module(1), module(2), module(3), module(4), module(16), withdrawn(3.5)),
    ),
}

CERTIFIED: dict[str, tuple[float, tuple[Fact, ...]]] = {
    "a completion and its grant": (
        1000,
        (
            completed(0, score=Decimal(90)),
            granted(7, number="N1"),
            granted(7 + A_SECOND, number="N2"),
            granted(1, number="N1", name="again"),
        ),
    ),
    "a grant before its completion, and one more": (
        60,
        (granted(0, number="N1"), completed(5), granted(10, number="N2"), completed(11)),
    ),
    "twins on both sides of a revocation": (
        400,
        (
            granted(1, number="N1"),
            revoked(2),
            granted(3, number="N1", name="after"),
            granted(1.1, name="sheet"),
            revoked(1, name="at once", after=A_MONTH_LATE),
        ),
    ),
    "a revocation of another number": (
        400,
        (
            granted(1, number="N1"),
            revoked(2, number="N2"),
            granted(1.1, number="N2", name="second"),
            renewed(100, number="N3"),
            revoked(101, number="N1"),
        ),
    ),
    "revoked, then given back": (
        400,
        (granted(0), revoked(5), granted(9), revoked(12, number="N")),
    ),
    "renewed in time, and too late": (
        1000,
        (granted(0), renewed(300), renewed(700), renewed(665, name="late", after=A_MONTH_LATE)),
    ),
    "a late renewal that closes the gap": (
        600,
        (granted(0), granted(400), renewed(364, after=A_MONTH_LATE), completed(401)),
    ),
    "a grant from before tracking, then a twin": (
        60,
        (
            granted(1, after=A_MONTH_LATE),
            granted(1.2, name="twin"),
            granted(0, name="older", last_day=on(20).date(), after=A_MONTH_LATE),
            completed(30),
        ),
    ),
    "the twin that knows the last day": (
        400,
        (
            granted(0, last_day=on(30).date()),
            granted(0.1, name="twin", last_day=on(30).date(), number="N1"),
            completed(31),
            granted(40),
            granted(0.2, name="other", number="N1", last_day=on(60).date()),
        ),
    ),
    "granted and revoked at one instant": (
        400,
        (granted(1), revoked(1), granted(1, name="twin"), completed(1)),
    ),
    "already over when it was granted": (
        60,
        (
            granted(10, last_day=on(5).date()),
            granted(11),
            renewed(12, last_day=on(20).date()),
            revoked(12.5),
        ),
    ),
    "completed in two runs": (
        1000,
        (enrolled(0), completed(1), enrolled(300), completed(320), revoked(321), enrolled(700)),
    ),
    "a completion that was none, its grant and its twin": (
        400,
        (
            completed(0, name="c", score=Decimal(70)),
            completed(0.1, attempt=1),
            granted(3),
            undone(5, withdraws="lms#c"),
            regraded(6, score=Decimal(60)),
            undone(7, attempt=1),
        ),
    ),
    "a completion that brought its certificate along": (
        1000,
        (
            completed(0, name="c", certificate="admin-cert"),
            granted(0, name="c", number="N1"),
            renewed(300),
            undone(301, withdraws="lms#c"),
            completed(400),
        ),
    ),
    "at the very lapse": (
        800,
        (
            granted(0, last_day=on(9).date()),
            renewed(on(10).replace(hour=0) - timedelta(hours=1)),
            renewed(on(10).replace(hour=0) - timedelta(hours=1, seconds=1)),
            revoked(10),
        ),
    ),
}

BY_HAND = {TRAINING_ABANDONED: ABANDONED, CERTIFICATION_EARNED: CERTIFIED}
