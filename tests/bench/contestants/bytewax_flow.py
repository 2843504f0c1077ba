"""How fast is Bytewax, with a sink that upserts a batch and its offsets in one transaction?

Bytewax has no Postgres sink of its own, and its recovery store would be a database beside this.
"""

from collections.abc import Iterable
from typing import Any

import bytewax.operators as op
import orjson
import psycopg
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main

from tests.bench.contestants import asked

BATCH = 10_000
"""Messages at a time; with the 1000 that are usual it waits for ten times as many commits."""

Item = tuple[int, int, dict[str, str] | None]
"""Partition, offset, and what was said of usage."""


class Totals(DynamicSink[Item]):  # type: ignore[misc]
    """A table of sums."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "Writing":
        return Writing()


class Writing(StatelessSinkPartition[Item]):  # type: ignore[misc]
    """One transaction a batch."""

    def __init__(self) -> None:
        self._connection = psycopg.connect(asked.DATABASE)

    def write_batch(self, items: list[Item]) -> None:
        sums: asked.Sums = {}
        ends: dict[int, int] = {}
        for partition, offset, said in items:
            ends[partition] = offset + 1
            if said is not None:
                asked.add(sums, said["customer"], said["metric"], said["quantity"])
        with self._connection.transaction(), self._connection.cursor() as cursor:
            if sums:
                cursor.execute(asked.UPSERT_MANY, asked.columns(sums))
            cursor.executemany(
                "UPDATE positions SET next_offset = %s WHERE partition = %s",
                [(end, partition) for partition, end in ends.items()],
            )


def decode(messages: list[Any]) -> Iterable[Item]:
    """Messages as the sink takes them."""
    asked.begin()
    for message in messages:
        event = orjson.loads(message.value)
        said = event["data"] if event["type"] == asked.USAGE else None
        yield message.partition, message.offset, said


def flow() -> Dataflow:
    """The whole of it."""
    made = Dataflow("usage")
    # Each partition has a consumer of its own, so the queue is a twelfth of the usual.
    queue = {"queued.min.messages": "20000", "fetch.queue.backoff.ms": "5"}
    source = KafkaSource([asked.BOOTSTRAP], [asked.TOPIC], batch_size=BATCH, add_config=queue)
    records = op.input("read", made, source)
    op.output("write", op.flat_map_batch("decode", records, decode), Totals())
    return made


if __name__ == "__main__":
    cli_main(flow())
