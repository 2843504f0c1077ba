"""How fast is Quix Streams, which keeps sums in its state and hands them to its Postgres sink?

The state is kept in RocksDB and in a changelog topic, as it comes; the sink is the package's own.
"""

from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from quixstreams import Application, State
from quixstreams.sinks.community.postgresql import PostgreSQLSink

from tests.bench.contestants import asked

UNIT = 10_000
"""A state is JSON, which has no decimals: quantities are kept in ten thousandths."""


def is_usage(event: dict[str, object]) -> bool:
    asked.begin()
    return event["type"] == asked.USAGE


def summed(event: dict[str, dict[str, str]], state: State) -> dict[str, object]:
    """The row after this event."""
    said = event["data"]
    metric = said["metric"]
    total, events = state.get(metric, (0, 0))
    total, events = total + int(Decimal(said["quantity"]) * UNIT), events + 1
    state.set(metric, (total, events))
    row = {"customer": said["customer"], "metric": metric}
    return {**row, "total": Decimal(total) / UNIT, "events": events}


def main() -> None:
    url = urlsplit(asked.DATABASE)
    sink = PostgreSQLSink(
        host=url.hostname or "",
        port=url.port or 0,
        dbname=url.path[1:],
        user=url.username or "",
        password=url.password or "",
        table_name="usage_totals",
        schema_auto_update=False,
        primary_key_columns=["customer", "metric"],
        upsert_on_primary_key=True,
        include_metadata=False,
    )
    app = Application(
        broker_address=asked.BOOTSTRAP,
        consumer_group=asked.GROUP,
        auto_offset_reset="earliest",
        commit_interval=asked.COMMIT_SECONDS,
        state_dir=Path(asked.FOLDER),
        loglevel="WARNING",
    )
    topic = app.topic(asked.TOPIC, key_deserializer="str", value_deserializer="json")
    rows = app.dataframe(topic).filter(is_usage).apply(summed, stateful=True)
    rows.sink(sink)
    app.run()


if __name__ == "__main__":
    main()
