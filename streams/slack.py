"""Which card should show which version, and which does it show? The inbox and the ledger.

The inbox writes down what the topic `alerts` asks for; senders claim rows under a lease. A row says
`sending` before the request leaves, so whatever happens then, it is known that it may have left.
"""

import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from faust.types import TP

from schemas.alert_message import Message, decode
from schemas.envelope import Unreadable
from schemas.ids import ident

from . import metrics
from .database import Connection, Pool
from .failpoints import failpoint
from .metrics import Timed
from .stop import Beyond, Fenced, PositionLost, Stop, Undecodable
from .transport import Record

Recheck = Callable[[TP], Awaitable[None]]
"""Ask Kafka again whether topic and position fit; raises the `Stop` that names what does not."""


class AlertsHole(Stop):
    """Messages between the position and the batch cannot be had, even after seeking back."""


class SlackInbox:
    """Takes batches of the topic `alerts` into the ledger, one transaction each."""

    def __init__(self, pool: Pool, recheck: Recheck) -> None:
        self._pool = pool
        self._recheck = recheck

    async def work(self, tp: TP, records: list[Record], sought: bool) -> None:
        """Take in a batch; raises `Beyond` at a hole, and each `Stop`."""
        failpoint("slack.before_ledger")
        with Timed("slack", "note"):
            async with self._pool.connection() as connection, connection.transaction():
                position, taken = await self._take(connection, tp, records)
        failpoint("slack.ledger")
        if not taken:
            await self._recheck(tp)
        if records[-1].offset < position:
            if not taken:
                metrics.BEHIND.labels(tp.topic).inc()
            return
        if sought and not taken:
            raise AlertsHole(
                f"{tp.topic}[{tp.partition}]: the position is {position}, Kafka goes on at"
                f" {records[0].offset} even after seeking back"
            )
        raise Beyond(position)

    async def _take(
        self, connection: Connection, tp: TP, records: list[Record]
    ) -> tuple[int, bool]:
        """Take in what follows on the position; returns the new one, and whether it moved."""
        cursor = await connection.execute(
            "SELECT next_offset FROM positions"
            " WHERE app = 'slack' AND topic = %s AND partition = %s FOR UPDATE",
            (tp.topic, tp.partition),
        )
        row = await cursor.fetchone()
        if row is None:
            raise PositionLost(f"the position of {tp.topic}[{tp.partition}] is gone")
        first = position = row[0]
        messages = []
        for record in records:
            if record.offset == position:
                messages.append(_decoded(tp, record))
                position += 1
        if position == first:
            return position, False
        await _note(connection, messages)
        cursor = await connection.execute(
            "UPDATE positions SET next_offset = %s"
            " WHERE app = 'slack' AND topic = %s AND partition = %s AND next_offset = %s",
            (position, tp.topic, tp.partition, first),
        )
        if cursor.rowcount != 1:
            raise Fenced(f"position of {tp.topic}[{tp.partition}] is no longer {first}")
        return position, True


def _decoded(tp: TP, record: Record) -> Message:
    try:
        return decode(record.value or b"")
    except Unreadable as fault:
        raise Undecodable(
            f"{tp.topic}[{tp.partition}] offset {record.offset}: {fault}. Who wrote it?"
            f" `laurel positions set slack` to {record.offset + 1} passes it over"
        ) from None


async def _note(connection: Connection, messages: Collection[Message]) -> None:
    """Raise what each card should show; one whose beginning was never heard stays silent."""
    begun: dict[UUID, Message] = {}
    desired: dict[UUID, int] = {}
    for message in messages:
        begun.setdefault(message.alert, message)
        desired[message.alert] = max(message.version, desired.get(message.alert, 0))
    alerts = sorted(begun)
    await connection.execute(
        """
        INSERT INTO deliveries AS d (alert, customer, desired, posted, state, attempts, looked)
        SELECT alert, customer, desired, 0, state, 0, 0
        FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::text[])
            AS new (alert, customer, desired, state)
        ON CONFLICT (alert) DO UPDATE SET
            desired = greatest(d.desired, excluded.desired),
            state = CASE WHEN d.state = 'sent' AND d.posted < excluded.desired
                    THEN 'pending' ELSE d.state END
        """,
        (
            alerts,
            [begun[alert].customer for alert in alerts],
            [desired[alert] for alert in alerts],
            ["pending" if begun[alert].version == 1 else "silent" for alert in alerts],
        ),
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours until its lease ends: `until` by this process's own monotonic clock.

    `lease` is how Postgres knows the lease, and fences what is written after it ended. A reply has
    an id of its own in `alert`; `thread` is the ts of the card in whose thread it is.
    """

    until: float
    alert: UUID
    customer: str
    state: str
    posted: int
    channel: str | None
    ts: str | None
    attempts: int
    looked: int
    sent_at: datetime | None
    lease: datetime
    thread_of: UUID | None
    thread: str | None

    @property
    def shows(self) -> UUID:
        """The alert that it is about: a reply's is that of the card it hangs under."""
        return self.thread_of or self.alert

    @property
    def unsettled(self) -> bool:
        """Whether a message may have been posted that is not known here."""
        return self.state == "sending" and self.ts is None


def reply_id(alert: UUID) -> UUID:
    """The delivery id of the reply in the thread of an alert's card."""
    return ident(str(alert), "reply")


COLUMNS = """
    alert, customer, state, posted, channel, ts, attempts, looked, sent_at, lease_until,
    thread_of, (SELECT card.ts FROM deliveries card WHERE card.alert = deliveries.thread_of)
"""


class Ledger:
    """The deliveries: claimed, marked as `sending`, recorded; each write fenced by the lease.

    Leases and pauses are measured by Postgres, which all senders share.
    """

    def __init__(self, pool: Pool, lease: timedelta) -> None:
        self._pool = pool
        self._lease = lease

    async def claim(
        self, closed_channels: Collection[str], closed_customers: Collection[str]
    ) -> Claim | None:
        """Take the open delivery of the oldest alert, but for none of these; replies come last."""
        began = time.monotonic()
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                f"""
                -- which delivery is next? the oldest alert's that waits and nobody holds; cards
                -- before replies (a channel takes one message a second)
                UPDATE deliveries SET lease_until = clock_timestamp() + %s
                WHERE alert = (
                    SELECT d.alert FROM deliveries d
                    LEFT JOIN alerts a ON a.alert = coalesce(d.thread_of, d.alert)
                    WHERE d.posted < d.desired AND d.state NOT IN ('silent', 'dead')
                      AND coalesce(d.lease_until < clock_timestamp(), true)
                      AND coalesce(d.not_before <= clock_timestamp(), true)
                      AND coalesce(d.channel <> ALL(%s), true) AND d.customer <> ALL(%s)
                    ORDER BY d.thread_of IS NOT NULL, a.raised_at, d.alert
                    LIMIT 1 FOR UPDATE OF d SKIP LOCKED)
                RETURNING {COLUMNS}
                """,
                (self._lease, list(closed_channels), list(closed_customers)),
            )
            row = await cursor.fetchone()
        return Claim(began + self._lease.total_seconds(), *row) if row else None

    async def begin(self, claim: Claim, version: int, channel: str) -> Claim | None:
        """Mark that this version is about to leave, under a new lease; None: no longer ours.

        `sent_at` stays that of the first try, so that a look into history begins before all tries.
        """
        began = time.monotonic()
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                f"""
                UPDATE deliveries SET state = 'sending', sending = %s, channel = %s,
                    attempts = attempts + 1, looked = 0, not_before = NULL,
                    sent_at = coalesce(sent_at, clock_timestamp()),
                    lease_until = clock_timestamp() + %s
                WHERE alert = %s AND lease_until = %s
                RETURNING {COLUMNS}
                """,
                (version, channel, self._lease, claim.alert, claim.lease),
            )
            row = await cursor.fetchone()
        return Claim(began + self._lease.total_seconds(), *row) if row else None

    async def sent(self, claim: Claim, version: int, channel: str, ts: str, more: bool) -> bool:
        """Slack shows this version there; a card with more to say has one reply, mended with it."""
        async with self._pool.connection() as connection:
            ours = await _change(
                connection,
                claim,
                """
                posted = %s, channel = %s, ts = %s, sent_at = clock_timestamp(), attempts = 0,
                state = CASE WHEN desired > %s THEN 'pending'
                        WHEN thread_of IS NOT NULL THEN 'replied' ELSE 'sent' END,
                sending = NULL, not_before = NULL, looked = 0, outcome = 'ok'
                """,
                (version, channel, ts, version),
            )
            if more and ours:
                await connection.execute(
                    """
                    INSERT INTO deliveries AS d (alert, customer, desired, posted, state, channel,
                                                 attempts, looked, thread_of)
                    VALUES (%s, %s, %s, 0, 'pending', %s, 0, 0, %s)
                    ON CONFLICT (alert) DO UPDATE SET desired = excluded.desired,
                        state = CASE WHEN d.state = 'replied' AND d.posted < excluded.desired
                                THEN 'pending' ELSE d.state END
                    """,
                    (reply_id(claim.alert), claim.customer, version, channel, claim.alert),
                )
        return ours

    async def unknown(self, claim: Claim, why: str, wait: float) -> bool:
        """It may have been sent; to be looked up, or with a card already there sent again."""
        return await self._write(
            claim, "outcome = %s, not_before = clock_timestamp() + %s", (why, _seconds(wait))
        )

    async def looked(self, claim: Claim, why: str, wait: float) -> bool:
        """It was not found, or could not be looked for; to be looked for once more."""
        return await self._write(
            claim,
            "looked = looked + 1, outcome = %s, not_before = clock_timestamp() + %s",
            (why, _seconds(wait)),
        )

    async def put_off(self, claim: Claim, why: str, wait: float) -> bool:
        """Nothing left us; to be sent later."""
        return await self._write(
            claim,
            "state = 'pending', sending = NULL, outcome = %s, not_before = clock_timestamp() + %s",
            (why, _seconds(wait)),
        )

    async def redirect(self, claim: Claim, channel: str, why: str) -> bool:
        """Not there, then; to be sent to this channel instead."""
        return await self._write(
            claim,
            "state = 'pending', sending = NULL, outcome = %s, channel = %s",
            (why, channel),
        )

    async def dead(self, claim: Claim, why: str) -> bool:
        """It can never be sent."""
        return await self._write(
            claim,
            "state = 'dead', sending = NULL, outcome = %s,"
            " sent_at = CASE WHEN posted > 0 THEN sent_at END",
            (why,),
        )

    async def stands_elsewhere(self, alert: UUID, ts: str) -> bool:
        """Whether the ledger knows another message than this one as the alert's card."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT ts <> %s FROM deliveries WHERE alert = %s", (ts, alert)
            )
            row = await cursor.fetchone()
        return bool(row and row[0])

    async def _write(self, claim: Claim, changes: str, parameters: tuple[object, ...]) -> bool:
        async with self._pool.connection() as connection:
            return await _change(connection, claim, changes, parameters)


async def _change(
    connection: Connection, claim: Claim, changes: str, parameters: tuple[object, ...]
) -> bool:
    """Change a claimed row and end its lease; False where another has taken it over."""
    cursor = await connection.execute(
        f"UPDATE deliveries SET {changes}, lease_until = NULL"
        " WHERE alert = %s AND lease_until = %s",
        (*parameters, claim.alert, claim.lease),
    )
    return cursor.rowcount == 1


def _seconds(wait: float) -> timedelta:
    return timedelta(seconds=wait)
