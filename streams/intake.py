"""How does what producers say become the timeline? Three steps a batch (design: intake).

A step may be repeated after a crash: routes keep each event in the account it was first given to,
and a repeat on the timeline has the same id and is dropped by the engine.
"""

from collections import ChainMap
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaProducer
from faust.types import TP

from handlers.canonical import Said, canonical
from handlers.directory import Accepted, Dead, Directory, Miss, Route
from schemas.envelope import Event, Unreadable, from_epoch_ms, milliseconds, parse
from schemas.incoming import Incoming, OfPerson
from schemas.topics import EVENT_AT_MOST, KEY_AT_MOST, QUARANTINE_ROW, RECORDED_TIME, TIMELINE

from . import clock, directory, metrics, releases
from .append import append
from .clock import Time
from .database import Connection, Pool
from .directory import Placed
from .failpoints import failpoint
from .metrics import Timed
from .set_aside import Changes, Kind, Row, delete, discarded, header, is_too_large, rows_of
from .settings import Settings
from .stop import Beyond, Fenced, PositionLost
from .transport import Record

TOO_LARGE = (
    f"the event has more than {EVENT_AT_MOST} bytes, or its key more than {KEY_AT_MOST}; they are"
    " not kept, but lie on the intake topic for as long as it keeps records"
)

Recheck = Callable[[TP], Awaitable[None]]
"""Ask Kafka again whether topic and position fit; raises the `Stop` that names what does not."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A batch after step 1: what to append, what the directory learns, and how far it goes.

    `heard`: when the last record of the batch was; `released`: rows set aside whose records go on;
    `releases`: how many releases there were, if any of the records was released.
    """

    start: int
    end: int
    heard: datetime
    facts: tuple[Said, ...]
    learned: tuple[Placed, ...]
    released: Mapping[Kind, Collection[int]]
    releases: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A record as read: an event or why there is none, when it was heard, the row it has had.

    `hash`: what its route is kept under; None where it needs none.
    """

    record: Record
    read: Event | Dead
    heard: datetime
    row: Row | None
    hash: bytes | None

    @property
    def waited(self) -> bool:
        """Whether it is published again, out of a row of its own."""
        return self.row is not None and self.row.offset != self.record.offset


class Intake:
    """Forwards batches of intake partitions."""

    def __init__(
        self, settings: Settings, pool: Pool, producer: AIOKafkaProducer, recheck: Recheck
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._producer = producer
        self._recheck = recheck

    async def work(self, tp: TP, records: list[Record], sought: bool) -> None:
        """Forward a batch; raises `Beyond` where it begins beyond the position, and each `Stop`."""
        with Timed("intake", "resolve"):
            resolved = await self.resolve(tp, records, sought)
        if resolved is None:
            return
        failpoint("intake.resolved")
        with Timed("intake", "append"):
            await self.forward(resolved)
        failpoint("intake.appended")
        with Timed("intake", "move"):
            await self.move(tp, resolved)
        failpoint("intake.moved")

    async def resolve(self, tp: TP, records: list[Record], sought: bool) -> Resolved | None:
        """Step 1: decide who and whose, write names, routes and what waits; None: all was known."""
        # Kafka is asked while no transaction waits for its answer, nor holds the connection that
        # it takes as well: were all of the pool's held so, none would ever come free.
        if sought:
            await self._recheck(tp)
        async with self._pool.connection() as connection, connection.transaction():
            start = await self._lock(connection, tp)
            if fresh := [record for record in records if record.offset >= start]:
                # Foreign producers' transactions leave gaps, which are believed once sought back.
                if fresh[0].offset > start and not sought:
                    raise Beyond(start)
                failpoint("intake.before_resolve")
                return await self._resolve(connection, tp, fresh, start)
        metrics.BEHIND.labels(tp.topic).inc()
        await self._recheck(tp)
        return None

    async def forward(self, resolved: Resolved) -> None:
        """Step 2: append the facts and wait until the broker has them all."""
        topic = self._settings.topic(TIMELINE)
        await append(
            self._producer,
            topic,
            self._settings.laurel_partitions,
            resolved.facts,
            resolved.releases,
        )

    async def move(self, tp: TP, resolved: Resolved) -> None:
        """Step 3: let the directory facts be seen, and move the position; raises `Fenced`."""
        async with self._pool.connection() as connection, connection.transaction():
            if await self._lock(connection, tp) != resolved.start:
                raise Fenced(f"position {resolved.start} was moved by another owner")
            await directory.grow(connection, resolved.learned)
            await delete(connection, resolved.released)
            failpoint("intake.before_move")
            moved = await connection.execute(
                "UPDATE positions SET next_offset = %s, watermark = greatest(watermark, %s)"
                " WHERE app = 'intake' AND topic = %s AND partition = %s AND next_offset = %s",
                (resolved.end, resolved.heard, tp.topic, tp.partition, resolved.start),
            )
            if moved.rowcount != 1:
                raise Fenced(f"position {resolved.start} was moved by another owner")

    async def _lock(self, connection: Connection, tp: TP) -> int:
        cursor = await connection.execute(
            "SELECT next_offset FROM positions"
            " WHERE app = 'intake' AND topic = %s AND partition = %s FOR UPDATE",
            (tp.topic, tp.partition),
        )
        row = await cursor.fetchone()
        if row is None:
            raise PositionLost(f"intake: {tp.topic}[{tp.partition}] has no position any more")
        return int(row[0])

    async def _resolve(
        self, connection: Connection, tp: TP, records: list[Record], start: int
    ) -> Resolved:
        time = await clock.read(connection)
        changes = Changes(tp, await directory.version(connection))
        rows = await rows_of(connection, tp, records)
        readings = [_read(record, rows.get(record.offset), time) for record in records]
        _note_sources(readings)
        events = [reading.read for reading in readings if isinstance(reading.read, Event)]
        known = await directory.load(connection, events)
        hashes = {reading.hash for reading in readings if reading.hash is not None}
        routes = await directory.routes(connection, hashes)
        made: dict[bytes, Route] = {}
        accepted = _fold(readings, known, changes, time, ChainMap(made, routes))
        standing = await directory.keep_routes(connection, made, time.now)
        settled = [_settle(*each, standing) for each in accepted]
        placed = [place for place, _ in settled]
        await directory.name_people(connection, placed)
        await changes.write(connection)
        return Resolved(
            start=start,
            end=records[-1].offset + 1,
            heard=_heard_last(records[-1], time),
            facts=tuple(said for _, outcome in settled for said in outcome.facts),
            learned=tuple(place for place, outcome in settled if outcome.learned),
            released=changes.forwarded,
            releases=await releases.count(connection) if any(r.waited for r in readings) else 0,
        )


def _fold(
    readings: list[Reading],
    known: Directory,
    changes: Changes,
    time: Time,
    routes: MutableMapping[bytes, Route],
) -> list[tuple[Reading, Event, Accepted]]:
    """Decide each record in its order; what one tells of the directory the next ones know."""
    accepted = []
    for reading in readings:
        if discarded(reading.row):
            continue
        event, route = reading.read, None
        if isinstance(event, Dead):
            changes.refuse(reading.record, reading.row, reading.heard, event)
            continue
        if reading.hash is not None:
            route = routes.get(reading.hash)
        now = time.now if reading.waited else None
        outcome = known.accept(event, reading.heard, now=now, route=route)
        if isinstance(outcome, Miss):
            changes.missed(reading.record, reading.row, reading.heard, outcome)
        elif isinstance(outcome, Dead):
            changes.refuse(reading.record, reading.row, reading.heard, outcome)
        else:
            changes.goes_on(reading.row)
            accepted.append((reading, event, outcome))
            if reading.hash is not None and route is None and outcome.route is not None:
                routes[reading.hash] = outcome.route
    return accepted


def _note_sources(readings: list[Reading]) -> None:
    """Which sources spoke, and when each last did; copies out of a row do not count."""
    last = {
        reading.read.source: reading.record.timestamp
        for reading in readings
        if isinstance(reading.read, Event) and reading.row is None
    }
    for source, timestamp in last.items():
        metrics.heard(source, from_epoch_ms(timestamp))


def _settle(
    reading: Reading, event: Event, outcome: Accepted, standing: Mapping[bytes, Route]
) -> tuple[Placed, Accepted]:
    """An event as it goes on: where another batch had routed it first, that stands."""
    route = None if reading.hash is None else standing.get(reading.hash)
    if route is not None:
        outcome = Accepted(canonical(event, reading.heard, *route), route, learned=False)
    return Placed(event, outcome.route), outcome


def _read(record: Record, row: Row | None, time: Time) -> Reading:
    heard, hash = from_epoch_ms(record.timestamp), None
    read: Event | Dead
    try:
        heard = _heard(record, time)
        if is_too_large(record):
            raise Unreadable("size", TOO_LARGE)
        read = parse(record.value)
    except Unreadable as error:
        read = Dead(error.reason, str(error))
    if isinstance(read, Event) and _needs_route(record, read.data):
        hash = directory.route_hash(read)
    return Reading(record, read, heard if row is None else row.recorded_at, row, hash)


def _needs_route(record: Record, data: Incoming) -> bool:
    """Whether its account could change: it names none, or an operator may have said which."""
    if not isinstance(data, OfPerson):
        return False
    return data.customer is None or header(record, QUARANTINE_ROW) is not None


def _heard(record: Record, time: Time) -> datetime:
    """When the broker took the record or, while the clock is driven, when the player says so."""
    said = header(record, RECORDED_TIME) if time.driven else None
    if said is None:
        return from_epoch_ms(record.timestamp)
    try:
        heard = datetime.fromisoformat(said.decode())
        if heard.tzinfo is not None:
            return milliseconds(heard)
    except (ValueError, OverflowError):
        pass
    raise Unreadable("header", f"header {RECORDED_TIME}: must be an RFC 3339 time with its zone")


def _heard_last(record: Record, time: Time) -> datetime:
    """Everything heard up to then has been read; a driven clock is never overtaken."""
    try:
        heard = _heard(record, time)
    except Unreadable:
        heard = from_epoch_ms(record.timestamp)
    return min(heard, time.now) if time.driven else heard
