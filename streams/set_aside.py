"""Which records wait (quarantine) or were refused (dead letters), and how do batches change that?

A row keeps the coordinates at which its record was first heard; its offset is negative where that
was in a topic of this name that is no more. A record published again names its row in a header, and
is believed only where its bytes are the row's.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from faust.types import TP

from handlers.directory import Dead, Miss
from schemas.topics import EVENT_AT_MOST, KEY_AT_MOST, QUARANTINE_ROW

from .database import Connection
from .transport import Record

Kind = Literal["q", "d"]
"""`q`: a row of the quarantine, `d`: a dead letter."""

TABLES: dict[Kind, str] = {"q": "quarantine", "d": "dead_letters"}

ON_THE_WAY: dict[Kind, str] = {"q": "releasing", "d": "replaying"}
"""The status of rows that are being published again."""

LONGEST_DETAIL = 2000


@dataclass(frozen=True, slots=True)
class Row:
    """A record set aside before; `offset` is where it was first heard."""

    kind: Kind
    id: int
    offset: int
    status: str
    recorded_at: datetime
    key: bytes | None
    value: bytes | None

    @property
    def name(self) -> str:
        """What operators and headers call it."""
        return f"{self.kind}{self.id}"


def parse_name(name: str) -> tuple[Kind, int] | None:
    """A row's name taken apart, or None where it is no such name."""
    kind, number = name[:1], name[1:]
    if kind not in TABLES or not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    return kind, int(number)


def header(record: Record, name: str) -> bytes | None:
    """What a record's header of this name says, the last one where there are several."""
    return dict(record.headers).get(name) if record.headers else None


def row_named(record: Record) -> tuple[Kind, int] | None:
    """The row out of which a record says that it was published again, whether it is true or not."""
    said = header(record, QUARANTINE_ROW)
    return None if said is None else parse_name(said.decode("ascii", "replace"))


def is_too_large(record: Record) -> bool:
    """Whether it could not be published again; of such a record neither key nor bytes are kept."""
    return len(record.value or b"") > EVENT_AT_MOST or len(record.key or b"") > KEY_AT_MOST


async def rows_of(connection: Connection, tp: TP, records: list[Record]) -> dict[int, Row]:
    """The rows that records of a batch have or come from, by the records' offsets."""
    named = {record.offset: name for record in records if (name := row_named(record))}
    cursor = connection.cursor(binary=True)
    by_name: dict[tuple[Kind, int], Row] = {}
    for kind, table in TABLES.items():
        await cursor.execute(
            f"""
            -- what was set aside here before, or comes back?
            SELECT id, "offset", status, recorded_at, key, bytes FROM {table}
            WHERE topic = %s AND partition = %s
              AND ("offset" BETWEEN %s AND %s OR id = ANY(%s))
            """,
            (
                tp.topic,
                tp.partition,
                records[0].offset,
                records[-1].offset,
                [id for k, id in named.values() if k == kind],
            ),
        )
        for columns in await cursor.fetchall():
            by_name[kind, columns[0]] = Row(kind, *columns)
    by_offset = {row.offset: row for row in by_name.values()}
    found: dict[int, Row] = {}
    for record in records:
        row: Row | None = by_name.get(named[record.offset]) if record.offset in named else None
        if row is None or row.value != record.value:
            row = by_offset.get(record.offset)
        if row is not None:
            found[record.offset] = row
    return found


@dataclass
class Changes:
    """What one batch changes in the quarantine and the dead letters."""

    tp: TP
    seen_version: int
    gone: dict[Kind, set[int]] = field(default_factory=lambda: {"q": set(), "d": set()})
    forwarded: dict[Kind, set[int]] = field(default_factory=lambda: {"q": set(), "d": set()})
    waits: list[tuple[Any, ...]] = field(default_factory=list)
    waits_again: list[tuple[Any, ...]] = field(default_factory=list)
    refused: list[tuple[Any, ...]] = field(default_factory=list)
    refused_again: list[tuple[Any, ...]] = field(default_factory=list)

    def goes_on(self, row: Row | None) -> None:
        """A record is forwarded: its row is deleted once it stands on the timeline.

        Until then the row says when the record was heard, also after a crash, and holds the
        watermark back.
        """
        if row is not None:
            self.forwarded[row.kind].add(row.id)

    def _changes_table(self, row: Row | None) -> None:
        """What was quarantined is dead, or the other way round."""
        if row is not None:
            self.gone[row.kind].add(row.id)

    def missed(self, record: Record, row: Row | None, heard: datetime, miss: Miss) -> None:
        """A record waits; one that came back waits in the row it has."""
        why = miss.reason, miss.detail[:LONGEST_DETAIL], list(miss.names), miss.due_at
        if row is not None and row.kind == "q":
            if row.offset != record.offset:
                self.waits_again.append((*why, self.seen_version, row.id))
            return
        self._changes_table(row)
        self.waits.append((*self._origin(record, row), *why, heard, self.seen_version))

    def refuse(self, record: Record, row: Row | None, heard: datetime, dead: Dead) -> None:
        """A record is dead; one that came back is so in the row it has."""
        why = dead.reason, dead.detail[:LONGEST_DETAIL]
        if row is not None and row.kind == "d":
            if row.offset != record.offset:
                self.refused_again.append((*why, row.id))
            return
        self._changes_table(row)
        self.refused.append((*self._origin(record, row), *why, heard))

    def _origin(self, record: Record, row: Row | None) -> tuple[Any, ...]:
        offset = record.offset if row is None else row.offset
        kept = (None, None) if is_too_large(record) else (record.key, record.value)
        return self.tp.topic, self.tp.partition, offset, *kept

    async def write(self, connection: Connection) -> None:
        """Write it all, within the batch's transaction; a repeat of the batch changes nothing."""
        cursor = connection.cursor(binary=True)
        await delete(connection, self.gone)
        if self.waits:
            await cursor.executemany(
                """
                INSERT INTO quarantine (topic, partition, "offset", key, bytes, reason, detail,
                                        names, due_at, recorded_at, seen_version, status)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'waiting')
                ON CONFLICT DO NOTHING
                """,
                self.waits,
            )
        if self.waits_again:
            await cursor.executemany(
                """
                UPDATE quarantine SET status = 'waiting', reason = %s, detail = %s, names = %s,
                                      due_at = %s, seen_version = %s
                WHERE id = %s AND status <> 'discarded'
                """,
                self.waits_again,
            )
        if self.refused:
            await cursor.executemany(
                """
                INSERT INTO dead_letters (topic, partition, "offset", key, bytes, reason, detail,
                                          recorded_at, status)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'waiting') ON CONFLICT DO NOTHING
                """,
                self.refused,
            )
        if self.refused_again:
            await cursor.executemany(
                """
                UPDATE dead_letters SET status = 'waiting', reason = %s, detail = %s
                WHERE id = %s AND status <> 'discarded'
                """,
                self.refused_again,
            )


async def delete(connection: Connection, rows: Mapping[Kind, Collection[int]]) -> None:
    """Delete these rows: what they stand for is elsewhere now."""
    for kind, table in TABLES.items():
        if rows[kind]:
            await connection.execute(
                f"DELETE FROM {table} WHERE id = ANY(%s)", (sorted(rows[kind]),)
            )


def discarded(row: Row | None) -> bool:
    """Whether an operator has said that this record is passed over."""
    return row is not None and row.status == "discarded"
