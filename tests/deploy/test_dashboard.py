"""Does a running Laurel answer what dashboard and alarms ask, in good form and naming nobody?"""

import math
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from deploy.prometheus_programs import locate
from streams import metrics
from streams.metrics import Reading
from tests.conftest import Broker, own_postgres
from tests.deploy.watched import Watched, prometheus, promql, rules, sql, watched
from tests.streams.system import wait_for
from tests.streams.watching import Samples, ask

SELECTOR = re.compile(r"\b(?:laurel_|process_|up\b)\w*(?:\{[^}]*\})?")


@pytest.fixture(scope="module")
def laurel(
    kafka: Broker, parts_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    server = own_postgres(parts_home)
    server.start()
    try:
        with watched(kafka, server, folder) as made, prometheus(made, folder):
            yield made
    finally:
        server.stop()


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
    assert answers(laurel, 'count(up{job="laurel"} == 1) == 4')


def test_metrics_keep_to_prometheus_conventions(laurel: Watched) -> None:
    for worker in laurel.workers:
        _, text = ask(worker, "metrics")
        done = subprocess.run(
            [str(locate() / "promtool"), "check", "metrics"],
            input="".join(line for line in text.splitlines(keepends=True) if "laurel_" in line),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_every_metric_is_said_by_some_worker_and_no_label_names_anybody(laurel: Watched) -> None:
    laurel.tell_more()
    wait_for(lambda: laurel.query("sum(laurel_alert_to_card_seconds_count) > 0"), "a card")
    samples = [Samples(worker) for worker in laurel.workers]
    said = {name for one in samples for name in one.families}
    for value in vars(metrics).values():
        if isinstance(value, Reading):
            assert value.name in said
        elif isinstance(value, MetricWrapperBase):
            assert said.issuperset(family.name for family in value.describe())
    assert not any(name.endswith("_created") for name in said), "twice as many, and of no use"
    values = {value for one in samples for value in one.labels("laurel_")}
    assert {"timeline", "engine", "certification_earned"} <= {
        value.removeprefix(laurel.system.settings.laurel_prefix) for value in values
    }
    people = laurel.system.rows("SELECT person, name, email FROM people")
    assert len(people) > 2
    nobody = {laurel.lms.name, *(str(name) for row in people for name in row if name)}
    assert values.isdisjoint(nobody)
    assert not any("@" in value for value in values)
