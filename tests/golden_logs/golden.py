"""What does a small timeline come to? Folded by the engine into Postgres, and written as text.

`NAME.jsonl` holds the records of one partition as they lie there, with the instants at which they
were logged; `NAME.json` everything that comes of them.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from faust.types import TP

from projections.dump import canonical_dump
from projections.tables import REBUILT
from schemas.envelope import decode, stamp
from schemas.topics import TIMELINE
from streams.settings import Settings, load
from tests.streams.folding import Record, begin, cut, fold

LOGS = Path(__file__).parent

NAMES = sorted(path.stem for path in LOGS.glob("*.jsonl"))

Line = dict[str, Any]


def lines(name: str) -> list[Line]:
    """What the file says: for each record when it was logged, and itself."""
    return [json.loads(line) for line in (LOGS / f"{name}.jsonl").read_text().splitlines()]


def come_to(url: str, name: str, batch: int) -> str:
    """What stands in this migrated database once nothing but this timeline was folded there."""
    settings = load({"DATABASE_URL": url, "LAUREL_PARTITIONS": "1"})
    with psycopg.connect(url, autocommit=True) as connection:
        tables = ", ".join(table.fullname for table in REBUILT)
        connection.execute(f"TRUNCATE {tables}, positions, outbox RESTART IDENTITY")
    begin(settings)
    asyncio.run(fold(settings, {TP(TIMELINE, 0): cut(_records(name), batch)}))
    return _written(settings)


def _records(name: str) -> list[Record]:
    found = []
    for offset, line in enumerate(lines(name)):
        logged, value = datetime.fromisoformat(line["logged"]), json.dumps(line["record"]).encode()
        key = decode(value).key.encode()
        found.append(Record(offset, round(logged.timestamp() * 1000), key, value))
    return found


def _written(settings: Settings) -> str:
    """Every table with a row a line, and the messages that are to be sent."""
    url = settings.database_url.get_secret_value()
    with psycopg.connect(url, options="-csearch_path=live,public -ctimezone=UTC") as connection:
        tables: dict[str, Sequence[Any]] = dict(sorted(canonical_dump(connection).items()))
        sent = connection.execute("SELECT message FROM outbox ORDER BY seq").fetchall()
    tables["messages"] = [json.loads(row[0]) for row in sent]
    return "{\n" + ",\n".join(_table(name, rows) for name, rows in tables.items()) + "\n}\n"


def _table(name: str, rows: Sequence[Any]) -> str:
    texts = (json.dumps(row, default=_plain, ensure_ascii=False) for row in rows)
    return f'"{name}": [' + ",".join(f"\n  {text}" for text in texts) + "]"


def _plain(value: object) -> str:
    match value:
        case datetime():
            return stamp(value)
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case Decimal() | UUID():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a golden file")


def as_play(name: str) -> Iterator[Line]:
    """What producers would have said for these facts to lie there, as a play."""
    for line in lines(name):
        record = line["record"]
        if record["type"] == "clock.ticked.v1":
            continue
        data = dict(record["data"])
        if "person" in data:
            data["person"] = {"id": data["person"]}
        if "modules" in data:
            data["modules"] = [{"id": module} for module in data["modules"]]
        if "withdraws" in data:
            data["withdraws"] = data["withdraws"].rpartition("#")[2]
        event = {key: record[key] for key in ("specversion", "id", "source", "type", "time")}
        yield {"deliver_at": record["recordedtime"], "event": {**event, "data": data}}
