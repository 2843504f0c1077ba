"""Does a broker that dies, or remembers wrongly how far a group has come, cost or double anything?

And does a topic that is not what it was stop its readers, by name?
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random

from schemas.envelope import encode_tick
from schemas.topics import ALERTS, CATALOGUE, TIMELINE, App
from streams import clock
from streams.process import STOPPED
from tests.storm import equalities
from tests.storm.scenario import Scenario
from tests.storm.storm import Slot, Storm
from tests.streams import rough

KILLS = 3
"""In one story."""

AWAY = {
    "status 1",
    "KafkaConnectionError",
    "KafkaTimeoutError",
    "NodeNotReadyError",
    "TimeoutError",
}
"""How a worker ends that starts while the broker is away; whatever started it starts it anew."""

FIRST, BETWEEN = 10.0, 12.0
"""Seconds until the first kill, and between two."""


class Broker(Scenario):
    """kill -9 of the broker, also while workers start; wrong offsets; topics made anew or cut."""

    GATE, GOAL = KILLS, 50
    session = "6"

    def go(self, storm: Storm, rng: Random) -> None:
        """Kill the broker while the story is played; afterwards, spoil topics."""
        storm.player_may_fall = True
        storm.forgiven |= AWAY
        with ThreadPoolExecutor(1) as starter:
            fall = Fall(storm, rng, starter)
            try:
                storm.play(fall.keep)
            finally:
                fall.await_broker()
        self.wanted -= fall.kills
        storm.rest()
        for app, topic in (("engine", TIMELINE), ("slack", ALERTS)):
            forget_offsets(storm, app, topic)  # type: ignore[arg-type]
        storm.settle()
        equalities.compare(storm)
        spoil_topics(storm)


class Fall:
    """Kills the broker now and then, and a worker with it, which is to start without one."""

    def __init__(self, storm: Storm, rng: Random, starter: ThreadPoolExecutor) -> None:
        self.kills = 0
        self._storm = storm
        self._rng = rng
        self._starter = starter
        self._starts: Future[None] | None = None
        self._next = time.monotonic() + FIRST

    def keep(self) -> None:
        """Kill it when its time has come."""
        if self._starts is not None:
            if self._starts.done():
                self.await_broker()
        elif self.kills < KILLS and time.monotonic() > self._next:
            self._storm.world.kafka.kill()
            slot = self._rng.choice(self._storm.slots)
            if slot.running and slot.worker is not None:
                slot.worker.process.kill()
            self.kills += 1
            self._storm.faults["broker killed"] += 1
            self._starts = self._starter.submit(self._storm.world.kafka.start)

    def await_broker(self) -> None:
        """Wait until it is up again."""
        if self._starts is not None:
            self._starts.result()
            self._starts, self._next = None, time.monotonic() + BETWEEN


def forget_offsets(storm: Storm, app: App, topic: str) -> None:
    """Have Kafka believe that a group has come nowhere, then to the end; Postgres knows better."""
    ends = storm.system.ends(topic)
    for offsets in (dict.fromkeys(ends, 0), ends):
        storm.dismiss(*storm.of(app))
        rough.commit(storm.system, app, topic, offsets)
        storm.faults["offsets spoilt"] += 1
        storm.rest()


def spoil_topics(storm: Storm) -> None:
    """Cut the timeline before it is read, and make topics anew: each must stop a worker by name."""
    engine, slack = storm.of("engine")[0], storm.of("slack")[0]
    tick = encode_tick(clock.real(), 0)
    storm.system.append(TIMELINE, 0, CATALOGUE, tick, tick)
    rough.expire(storm.system, TIMELINE, 0, storm.system.ends(TIMELINE)[0])
    must_stop(storm, engine, "HistoryExpired")
    rough.make_anew(storm.system, TIMELINE)
    must_stop(storm, engine, "TopicRecreated")
    rough.make_anew(storm.system, ALERTS)
    must_stop(storm, slack, "TopicRecreated")


def must_stop(storm: Storm, slot: Slot, error: str) -> None:
    """A worker that starts now has to stop, and say why."""
    storm.dismiss(*storm.of(slot.app))
    storm.start(slot)
    assert slot.worker is not None
    code = slot.worker.await_exit()
    said = [line["error"] for line in slot.worker.events("stopped")]
    assert (code, said) == (STOPPED, [error]), f"{slot.name}: {code}, {said}\n{slot.worker.tail()}"
    storm.faults[error] += 1
    storm.pause(slot)
