"""Does every question of the dashboard and of the alarms find an answer in a running Laurel?"""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Broker, OwnServer
from tests.deploy.watched import Watched, prometheus, promql, rules, sql, watched
from tests.streams.system import wait_for

SELECTOR = re.compile(r"\b(?:laurel_|process_|up\b)\w*(?:\{[^}]*\})?")


@pytest.fixture
def laurel(
    kafka: Broker, make_postgres: Callable[..., OwnServer], tmp_path: Path
) -> Iterator[Watched]:
    with watched(kafka, make_postgres(), tmp_path) as made, prometheus(made, tmp_path):
        yield made


def answers(laurel: Watched, question: str) -> bool:
    """Whether Prometheus finds a number for it."""
    return any(not math.isnan(float(found["value"][1])) for found in laurel.query(question))


def test_every_question_is_answered(laurel: Watched) -> None:
    asked = promql()
    asked += [one for rule in rules() for one in SELECTOR.findall(rule["expr"])]
    assert len(asked) > 50
    open_questions = list(dict.fromkeys(asked))
    unread = sql()
    assert len(unread) > 5

    def nothing_left() -> bool:
        laurel.tell_more()
        open_questions[:] = [one for one in open_questions if not answers(laurel, one)]
        unread[:] = [one for one in unread if not laurel.read(one)]
        return not open_questions and not unread

    try:
        wait_for(nothing_left, "answers", seconds=90)
    except AssertionError as fault:
        raise AssertionError(f"{fault}: {open_questions} {unread}") from None
    for group in laurel.ask("rules")["groups"]:
        assert [rule for rule in group["rules"] if rule["health"] != "ok"] == []
    assert answers(laurel, 'count(up{job="laurel"} == 1) == 3')
