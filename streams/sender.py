"""How does a card get to Slack once, whatever Slack or this process does meanwhile?

A delivery is marked `sending` before the request leaves. If no clear answer comes back, the card is
looked for in the channel's history, more than once because history lags, before it is sent again.
What a card cannot show is a reply in its thread, a delivery of its own with the same guarantees.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from handlers.cards import render, render_rest
from projections.cards import Current, csm_of, current

from . import clock, metrics
from .database import PASSING, Pool
from .failpoints import failpoint
from .lanes import BACK_OFF
from .logs import log
from .settings import Settings
from .slack import Claim, Ledger
from .slack_api import Later, Refused, SlackApi, Unknown

FLIGHTS = 8
LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: how long things take and are waited for, by real time.

    No settings, because less would cost the promise of one card: a lease must outlast a request,
    and a card that is not in the history yet may be there a minute later.
    """

    lease: float = 30.0
    request: int = 10
    looks: tuple[float, ...] = (5.0, 60.0)
    again: float = 5.0
    stand_still: float = 60.0


@dataclass
class _Channel:
    tokens: float
    at: float
    shut_until: float = 0.0
    busy: bool = False


@dataclass
class Pace:
    """One message in flight a channel, and Slack's one a second with a short burst."""

    per_second: float = 1.0
    burst: int = 3
    _channels: dict[str, _Channel] = field(default_factory=dict)

    def wait(self, channel: str) -> float:
        """Seconds until the channel takes a message; 0: it does now."""
        now = time.monotonic()
        lane = self._channels.setdefault(channel, _Channel(self.burst, now))
        lane.tokens = min(self.burst, lane.tokens + (now - lane.at) * self.per_second)
        lane.at = now
        missing = max(0.0, (1 - lane.tokens) / self.per_second)
        return max(missing, lane.shut_until - now, 0.1 if lane.busy else 0.0)

    def enter(self, channel: str) -> float:
        """As `wait`; and where it is 0, the channel is busy from now on."""
        wait = self.wait(channel)
        if not wait:
            self._channels[channel].tokens -= 1
            self._channels[channel].busy = True
        return wait

    def leave(self, channel: str) -> None:
        self._channels[channel].busy = False

    def shut(self, channel: str, seconds: float) -> None:
        """Slack wants nothing there for so long."""
        self._channels[channel].shut_until = time.monotonic() + seconds

    def closed(self) -> set[str]:
        """The channels that take nothing now."""
        return {channel for channel in self._channels if self.wait(channel)}


class Sender:
    """Sends and mends the cards that the ledger asks for; several may run at once."""

    def __init__(
        self, settings: Settings, pool: Pool, timing: Timing | None = None, pace: Pace | None = None
    ) -> None:
        self._timing = timing or Timing()
        self._pool = pool
        self._ledger = Ledger(pool, timedelta(seconds=self._timing.lease))
        self._slack = SlackApi(settings, self._timing.request, self._timing.again)
        self._pace = pace or Pace(settings.laurel_slack_per_second)
        assert settings.slack_fallback_channel is not None
        # An id: after a crash its history is read, and that Slack shows for no name.
        self._fallback = settings.slack_fallback_channel
        self._ways: dict[str, str] = {}
        self._driven = False
        self._flights: dict[asyncio.Task[None], str] = {}
        self._still_until = 0.0

    @property
    def flying(self) -> int:
        """How many cards are being sent or looked for."""
        return len(self._flights)

    async def step(self) -> int:
        """Start sending what may be sent now; returns how many; raises what a sending raised."""
        for flight in [flight for flight in self._flights if flight.done()]:
            del self._flights[flight]
            flight.result()
        started = 0
        while len(self._flights) < FLIGHTS and time.monotonic() >= self._still_until:
            closed = self._pace.closed()
            customers = {name for name, channel in self._ways.items() if channel in closed}
            claim = await self._ledger.claim(closed, customers | set(self._flights.values()))
            if claim is None:
                break
            self._flights[asyncio.create_task(self._fly(claim))] = claim.customer
            started += 1
        return started

    async def _fly(self, claim: Claim) -> None:
        try:
            if claim.unsettled:
                await self._look(claim)
            else:
                await self._send(claim)
        except PASSING as fault:
            # The lease will end; the row says whether a request may have left.
            log("database", fault=type(fault).__name__, why=str(fault).strip())

    async def _send(self, claim: Claim) -> None:
        """Find out where to, and send when that channel's turn has come."""
        try:
            channel = claim.channel or await self._way(claim)
        except (Later, Unknown) as fault:
            wait = fault.seconds if isinstance(fault, Later) else self._timing.again
            await self._ledger.put_off(claim, str(fault), wait)
            return
        except Refused as refused:
            await self._stand_still(claim, refused)
            return
        wait = self._pace.enter(channel)
        if wait:
            await self._ledger.put_off(claim, "paced", wait)
            return
        try:
            await self._draw_and_send(claim, channel)
        finally:
            self._pace.leave(channel)

    async def _way(self, claim: Claim) -> str:
        """The channel of the customer's CSM, else the fallback."""
        async with self._pool.connection() as connection:
            email = await csm_of(connection, claim.customer)
        channel = self._fallback
        if email is None:
            log("fallback", alert=claim.alert, why="no CSM")
        else:
            try:
                channel = await self._slack.direct(email)
            except Refused as refused:
                if refused.token and str(refused) != "missing_scope":
                    raise
                log("fallback", alert=claim.alert, why=str(refused))
        self._ways[claim.customer] = channel
        if channel == self._fallback:
            metrics.DELIVERED.labels("fallback").inc()
        return channel

    async def _draw_and_send(self, claim: Claim, channel: str) -> None:
        found = await self._current(claim)
        if found is None or found.version <= claim.posted:
            log("alert_behind", alert=claim.alert, posted=claim.posted)
            await self._ledger.put_off(claim, "the alert is not there yet", self._timing.again)
            return
        sending = await self._ledger.begin(claim, found.version, channel)
        if sending is None:
            log("lease_over", alert=claim.alert)
            return
        failpoint("slack.sending")
        failpoint("slack.before_post")
        if time.monotonic() > sending.until - self._timing.request:
            log("lease_over", alert=claim.alert)
            await self._ledger.put_off(sending, "the lease was over", 0)
            return
        failpoint("slack.checked")
        await self._request(sending, found, channel)

    async def _current(self, claim: Claim) -> Current | None:
        async with self._pool.connection() as connection:
            time = await clock.read(connection)
            self._driven = time.driven
            return await current(connection, claim.shows, time.now)

    async def _request(self, claim: Claim, found: Current, channel: str) -> None:
        """Send, and write down what came of it."""
        ledger, version = self._ledger, found.version
        card = render_rest(found.facts) if claim.thread else render(found.facts)
        where, ts = channel, claim.ts
        try:
            if ts:
                await self._slack.update(channel, ts, card, claim.alert, version)
            else:
                where, ts = await self._slack.post(
                    channel, card, claim.alert, version, claim.thread
                )
        except Later as later:
            self._pace.shut(channel, later.seconds)
            log("put_off", alert=claim.alert, why=str(later), seconds=later.seconds)
            metrics.DELIVERED.labels("put_off").inc()
            await self._record(partial(ledger.put_off, claim, str(later), later.seconds))
        except Unknown as unknown:
            log("unknown", alert=claim.alert, why=str(unknown), attempt=claim.attempts)
            metrics.DELIVERED.labels("unknown").inc()
            wait = self._wait(claim, 0)
            await self._record(partial(ledger.unknown, claim, str(unknown), wait))
        except Refused as refused:
            await self._refused(claim, channel, refused)
        else:
            failpoint("slack.posted")
            if not await self._record(partial(ledger.sent, claim, version, where, ts, card.more)):
                await self._late(claim, ts)
            how = "mended" if claim.ts else "replied" if claim.thread else "posted"
            metrics.DELIVERED.labels(how).inc()
            if how == "posted":
                self._measure(found)
            log(how, alert=claim.alert, version=version, channel=where)
            failpoint("slack.recorded")

    def _measure(self, found: Current) -> None:
        """How long did it take from the hearing of what raised the alert?"""
        if not self._driven:
            waited = (clock.real() - found.raised_at).total_seconds()
            metrics.ALERT_TO_CARD_SECONDS.observe(max(0.0, waited))

    async def _refused(self, claim: Claim, channel: str, refused: Refused) -> None:
        """Decide what becomes of a card that Slack does not take."""
        if refused.token:
            await self._stand_still(claim, refused)
        elif refused.card or claim.ts or claim.thread or channel == self._fallback:
            metrics.DELIVERED.labels("dead").inc()
            log("dead", alert=claim.alert, why=str(refused), channel=channel)
            await self._record(partial(self._ledger.dead, claim, str(refused)))
        else:
            log("fallback", alert=claim.alert, why=str(refused))
            metrics.DELIVERED.labels("fallback").inc()
            await self._record(partial(self._ledger.redirect, claim, self._fallback, str(refused)))

    async def _stand_still(self, claim: Claim, refused: Refused) -> None:
        """Slack does not take our token: no card is at fault, and none will pass."""
        wait = self._timing.stand_still
        log("standing_still", why=str(refused), seconds=wait)
        self._still_until = time.monotonic() + wait
        await self._record(partial(self._ledger.put_off, claim, str(refused), wait))

    async def _look(self, claim: Claim) -> None:
        """Look for a card that may have been posted; send it again when it was not found twice."""
        assert claim.channel is not None
        assert claim.sent_at is not None
        why = "not found"
        try:
            found = await self._slack.find(claim.channel, claim.alert, claim.sent_at, claim.thread)
        except Later as later:
            await self._ledger.unknown(claim, str(later), later.seconds)
            return
        except (Unknown, Refused) as fault:
            if isinstance(fault, Refused) and fault.token:
                wait = self._timing.stand_still
                self._still_until = time.monotonic() + wait
                await self._ledger.unknown(claim, str(fault), wait)
                return
            found, why = None, f"history: {fault}"
        if found:
            log("found", alert=claim.alert, version=found.version, look=claim.looked + 1)
            await self._ledger.sent(claim, found.version, claim.channel, found.ts, found.more)
        elif claim.looked + 1 < len(self._timing.looks):
            log("not_found", alert=claim.alert, why=why, look=claim.looked + 1)
            await self._ledger.looked(claim, why, self._wait(claim, claim.looked + 1))
        elif await self._ledger.put_off(claim, f"unsettled, {why}", 0):
            metrics.DELIVERED.labels("unsettled").inc()
            log("unsettled", alert=claim.alert, why=why, attempt=claim.attempts)

    def _wait(self, claim: Claim, look: int) -> float:
        """Longer with every try, so that a long outage of Slack's cannot fill a channel."""
        doubled = 2.0 ** min(claim.attempts - 1, 20)
        return min(self._timing.looks[look] * doubled, LONGEST_WAIT)

    async def _late(self, claim: Claim, ts: str) -> None:
        """Our lease was over when Slack answered: has another sender posted it as well?"""
        log("late", alert=claim.alert, ts=ts)
        if await self._record(partial(self._ledger.stands_elsewhere, claim.alert, ts)):
            metrics.DELIVERED.labels("unsettled").inc()
            log("unsettled", alert=claim.alert, why="posted twice, this was late", ts=ts)

    async def _record(self, write: Callable[[], Awaitable[bool]]) -> bool:
        """Write down what Slack answered, however long Postgres takes to come back."""
        tries = 0
        while True:
            try:
                return await write()
            except PASSING as fault:
                log("database", fault=type(fault).__name__, why=str(fault).strip(), tries=tries)
            await asyncio.sleep(BACK_OFF[min(tries, len(BACK_OFF) - 1)])
            tries += 1
