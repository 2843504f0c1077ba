"""How does a test see what a worker says of itself over HTTP, and what this process counts?"""

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from schemas.topics import App
from streams import readings
from streams.database import open_pool
from streams.settings import Settings
from tests.streams.system import Running, wait_for


def ask(worker: Running, page: str) -> tuple[int, str]:
    """The status and the body of a page."""
    address = worker.await_event("listening", setting="LAUREL_METRICS")["address"]
    try:
        with urlopen(f"{address}/{page}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()


def faults(worker: Running, page: str) -> list[str]:
    """What /livez or /readyz finds wrong; nothing where it answers that all is well."""
    status, body = ask(worker, page)
    why: list[str] = json.loads(body)["why"]
    assert status == (HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK)
    return why


def await_fault(worker: Running, page: str, words: str, seconds: float = 60) -> None:
    wait_for(
        lambda: any(words in why for why in faults(worker, page)),
        f"/{page} of {worker.name} to say {words!r}",
        seconds,
    )


def await_well(worker: Running, page: str, seconds: float = 60) -> None:
    wait_for(lambda: not faults(worker, page), f"/{page} of {worker.name} to be well", seconds)


class Samples:
    """What metrics say at one moment: a worker's, or those that are given."""

    def __init__(self, said: Running | Iterable[Metric]) -> None:
        families = _scraped(said) if isinstance(said, Running) else said
        self.families = {family.name: family for family in families}
        self._samples = [
            (sample.name, sample.labels, sample.value)
            for family in self.families.values()
            for sample in family.samples
        ]

    def of(self, name: str, **labels: Any) -> list[float]:
        """The values of this metric where its labels agree with these."""
        return [
            value
            for its, has, value in self._samples
            if its == name and all(has.get(label) == str(labels[label]) for label in labels)
        ]

    def one(self, name: str, **labels: Any) -> float:
        """The value of the one sample that agrees."""
        values = self.of(name, **labels)
        assert len(values) == 1, f"{name} {labels}: {values}"
        return values[0]

    def labels(self, name: str) -> set[str]:
        """Every label value that a metric shows, or all of ours for `laurel_`."""
        return {
            value for its, has, _ in self._samples if its.startswith(name) for value in has.values()
        }

    def by(self, label: str, name: str) -> dict[str, float]:
        """The values of a metric by this label, in which alone its samples differ."""
        return {has[label]: value for its, has, value in self._samples if its == name}


def _scraped(worker: Running) -> Iterable[Metric]:
    status, text = ask(worker, "metrics")
    assert status == HTTPStatus.OK
    return text_string_to_metric_families(text)


def looked_up(settings: Settings, app: App) -> Samples:
    """What Postgres answers when a worker of this kind is asked for its metrics."""

    async def read() -> list[Metric]:
        async with open_pool(settings, size=1) as pool:
            return await readings.read(pool, settings, app)

    return Samples(asyncio.run(read()))


def counted(name: str, **labels: object) -> float:
    """What this process has counted so far; 0 where it has not begun."""
    said = {label: str(value) for label, value in labels.items()}
    return REGISTRY.get_sample_value(name, said) or 0


@contextmanager
def rises(name: str, by: float, **labels: object) -> Iterator[None]:
    """What is done in the block is counted so often by this process."""
    before = counted(name, **labels)
    yield
    assert counted(name, **labels) - before == by, f"{name} {labels}"
