"""How does a test see what a worker says of itself over HTTP?"""

import json
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.streams.system import Running, wait_for


def ask(worker: Running, page: str) -> tuple[int, str]:
    """The status and the body of a page."""
    address = worker.await_event("listening")["address"]
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
    """What /metrics says at one moment."""

    def __init__(self, worker: Running) -> None:
        status, self.text = ask(worker, "metrics")
        assert status == HTTPStatus.OK
        self.families = {
            family.name: family for family in text_string_to_metric_families(self.text)
        }
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
