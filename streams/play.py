"""How do sixty days pass in a minute? `laurel play` drives the clock, a step at a time.

A player that dies leaves the clock standing at the step it was in. That step is then played again:
its events are repeats, which are dropped, but what is unreadable is refused a second time.
"""

import asyncio
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from schemas.envelope import stamp

from . import clock
from .database import connect
from .play_file import Line, read, step_of
from .player import Player, open_player
from .publishing import open_file
from .reach import reach_kafka
from .settings import Settings
from .shell import Refused, complain, say


def run(settings: Settings, options: Namespace) -> None:
    """Play a file from its beginning, or on from where a player died; or let the clock go."""
    if (options.file is None) != options.end or (options.end and options.resume):
        raise Refused("name a file to play, or say `--end` alone to let the clock go")
    lines: list[Line] = []
    if options.file is not None:
        with open_file(options.file) as opened:
            lines = read(opened, options.file, options.step)
    reach_kafka(settings)
    connect(settings).close()
    asyncio.run(_run(settings, options, lines))


async def _run(settings: Settings, options: Namespace, lines: list[Line]) -> None:
    async with open_player(settings) as player:
        if options.end:
            await _let_go(player)
            return
        begin = await _begin(player, options, lines)
        try:
            await _play(player, lines, begin, options.step)
        except BaseException:
            complain(
                "the play is broken off, and the clock stands; `laurel play FILE --resume` goes"
                " on, `laurel play --end` lets the clock go"
            )
            raise
        await clock.let_go(player.connection)
        say("the clock is real again")


async def _let_go(player: Player) -> None:
    found = await clock.read(player.connection)
    await clock.let_go(player.connection)
    say(f"the clock stood at {stamp(found.now)}; it is real" if found.driven else "it was real")


async def _begin(player: Player, options: Namespace, lines: list[Line]) -> datetime:
    """The end of the first step to play; raises `Refused` where a play cannot stand."""
    await player.check()
    found, last = await clock.read(player.connection), lines[-1]
    if last.step > clock.real():
        raise Refused(
            f"{options.file}: the line for {stamp(last.deliver_at)} lies in the step that ends at"
            f" {stamp(last.step)}, which is past the real clock"
        )
    if options.resume:
        if not found.driven:
            raise Refused("the clock is real, so there is nothing to resume")
        if step_of(found.now, options.step) != found.now:
            raise Refused(
                f"the clock stands at {stamp(found.now)}, where no step of {options.step} ends;"
                " resume with the `--step` of the play that was broken off"
            )
        if last.step < found.now:
            raise Refused(
                f"{options.file} ends before {stamp(found.now)}, where the clock stands: it is not"
                " the play that was broken off"
            )
        return found.now
    if found.driven:
        raise Refused(
            f"the clock is driven and stands at {stamp(found.now)}: `--resume` goes on with that"
            " play, `laurel play --end` lets the clock go"
        )
    heard = await player.heard()
    if heard is not None and heard > lines[0].step:
        raise Refused(
            f"the timeline has heard the clock say {stamp(heard)}, and the first line's step ends"
            f" before that, at {stamp(lines[0].step)}: play into an empty system, or later lines"
        )
    return lines[0].step


async def _play(player: Player, lines: Sequence[Line], begin: datetime, step: timedelta) -> None:
    """Play every step from `begin` on that delivers something, or in which something is due."""
    by_step = {end: list(group) for end, group in groupby(lines, lambda line: line.step)}
    to_come = sorted((end for end in by_step if end >= begin), reverse=True)
    last = max(begin, lines[-1].step)
    progress = Progress(begin, last, sum(len(by_step[end]) for end in to_come))
    end: datetime | None = begin
    while end is not None:
        delivered = by_step.get(end, [])
        await player.step(end, delivered, everywhere=end == last)
        progress.stepped(end, len(delivered))
        while to_come and to_come[-1] <= end:
            to_come.pop()
        end = await _next(player, end, step, to_come[-1] if to_come else None)
    progress.done(player.ticks)


async def _next(
    player: Player, end: datetime, step: timedelta, delivers: datetime | None
) -> datetime | None:
    """The end of the next step to play; None when nothing more is to be delivered."""
    if delivers is None:
        return None
    due = await player.next_due()
    return delivers if due is None else min(delivers, max(step_of(due, step), end + step))


class Progress:
    """How far the play has come: a bar on a terminal, else a line for each tenth of its time."""

    WIDTH = 30

    def __init__(self, begin: datetime, last: datetime, lines: int) -> None:
        self._begin, self._last, self._lines = begin, last, lines
        self._started = self._shown = time.monotonic()
        self._tenths = self._steps = self._played = 0

    def stepped(self, end: datetime, delivered: int) -> None:
        """A step is over."""
        self._steps += 1
        self._played += delivered
        whole = self._last - self._begin
        part = (end - self._begin) / whole if whole else 1.0
        told = f"{end:%Y-%m-%d %H:%M}  {self._played}/{self._lines} records"
        if sys.stdout.isatty():
            if time.monotonic() - self._shown > 0.1 or end == self._last:
                bar = "█" * int(part * self.WIDTH)
                sys.stdout.write(f"\r{bar:░<{self.WIDTH}} {told}\033[K")
                sys.stdout.flush()
                self._shown = time.monotonic()
        elif int(part * 10) > self._tenths:
            self._tenths = int(part * 10)
            say(f"{self._tenths * 10:3} %  {told}")
            sys.stdout.flush()

    def done(self, ticks: int) -> None:
        """The play is over."""
        if sys.stdout.isatty():
            say()
        seconds = time.monotonic() - self._started
        say(
            f"played {self._played} records in {self._steps} steps and {ticks} ticks up to"
            f" {stamp(self._last)}, in {seconds:.1f} s"
        )
