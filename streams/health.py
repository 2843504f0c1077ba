"""Is this worker of use? It makes progress, partitions have owners, the database answers.

Spans are added up look by look, so that a process that was frozen is not blamed for its sleep; a
look that Postgres or Kafka left unanswered says nothing about progress.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from faust.types import TP
from prometheus_client.metrics_core import Metric

from . import metrics
from .stop import NoPartitions, NoProgress, Stop


@dataclass(frozen=True, slots=True)
class Stand:
    """Postgres' position in a partition, and the end of what there is to read."""

    position: int
    end: int

    @property
    def lag(self) -> int:
        return max(0, self.end - self.position)


@dataclass(frozen=True, slots=True)
class Group:
    """Which partitions have an owner, by the broker's account, and which of them are ours."""

    owned: frozenset[TP]
    ours: frozenset[TP]


@dataclass(slots=True)
class Wait:
    """For how long we have seen a partition's position lie below what was then its end."""

    end: int
    seconds: float = 0.0


@dataclass
class Health:
    """What the looks at one worker came to."""

    app: str
    partitions: frozenset[TP]
    stands: Mapping[TP, Stand] = field(default_factory=dict)
    still: dict[TP, float] = field(default_factory=dict)
    waits: dict[TP, Wait] = field(default_factory=dict)
    mine: frozenset[TP] = frozenset()
    group: Group | None = None
    unowned_for: float = 0.0
    database: str = "has not been asked yet"
    """What is wrong with Postgres; empty: nothing."""

    def look(self, stands: Mapping[TP, Stand], mine: Collection[TP], seconds: float) -> None:
        """Take in where the partitions stand, `seconds` after the look before."""
        # Where the group says it is ours, but Faust never came to it, nobody else will.
        self.mine = frozenset(mine) | (self.group.ours if self.group else frozenset())
        for tp, stand in stands.items():
            before = self.stands.get(tp)
            waits = before is not None and stand.lag > 0 and tp in self.mine
            moved = before is None or stand.position != before.position
            self.still[tp] = self.still.get(tp, 0.0) + seconds if waits and not moved else 0.0
            wait = self.waits.get(tp)
            if wait and stand.position < wait.end:
                wait.seconds += seconds
            elif stand.lag:
                self.waits[tp] = Wait(stand.end)
            else:
                self.waits.pop(tp, None)
        self.stands = dict(stands)

    def look_at_group(self, group: Group, seconds: float) -> None:
        """Take in who owns what, `seconds` after the look before."""
        before, self.group = self.unowned, group
        self.unowned_for = self.unowned_for + seconds if before and self.unowned else 0.0

    @property
    def unowned(self) -> frozenset[TP]:
        """The partitions that nobody owns, as far as is known."""
        return self.partitions - self.group.owned if self.group else frozenset()

    def not_live(self, limit: float) -> list[str]:
        """Why the worker had better be started anew; nothing: no reason."""
        return [
            f"{tp.topic}[{tp.partition}] stands at {self.stands[tp].position}, with"
            f" {self.stands[tp].lag} records to come, and made no progress for {seconds:.0f} s"
            for tp, seconds in sorted(self.still.items())
            if seconds >= limit
        ]

    def not_ready(self, limit: float) -> list[str]:
        """Why the worker is of no use now, and others may not be either; nothing: it is."""
        faults = [f"Postgres {self.database}"] if self.database else []
        if self.group is None:
            faults.append("the group has not been looked at yet")
        elif not self.mine and self.unowned:
            faults.append("no partition is assigned")
        if self.unowned_for >= limit:
            places = ", ".join(f"{tp.topic}[{tp.partition}]" for tp in sorted(self.unowned))
            faults.append(f"nobody has owned {places} for {self.unowned_for:.0f} s")
        return faults

    def verdict(self, limit: float) -> Stop | None:
        """Why the worker must end itself, or None."""
        faults = self.not_live(limit)
        if faults:
            return NoProgress("; ".join(faults))
        if self.unowned_for >= limit and self.group and not self.group.ours:
            return NoPartitions(
                f"{len(self.unowned)} partitions have had no owner for {self.unowned_for:.0f} s,"
                " and this worker was given none"
            )
        return None

    def metrics(self, waited: Mapping[TP, float]) -> Iterator[Metric]:
        """What the looks say in numbers; `waited`: seconds, by the lanes' batches."""
        yield metrics.LAG_RECORDS.of(self._each((tp, at.lag) for tp, at in self.stands.items()))
        yield metrics.LAG_SECONDS.of(
            self._each((tp, self._waited(tp, waited)) for tp in self.stands)
        )
        yield metrics.STILL_SECONDS.of(
            self._each((tp, self.still.get(tp, 0.0)) for tp in self.mine)
        )
        yield metrics.PARTITION_OWNED.of(
            self._each((tp, tp in self.mine) for tp in sorted(self.partitions))
        )
        if self.group is not None:
            yield metrics.PARTITIONS_UNOWNED.of([(self.app, len(self.unowned))])
        yield metrics.DATABASE_UP.of([(self.app, int(not self.database))])

    def _waited(self, tp: TP, waited: Mapping[TP, float]) -> float:
        if not self.stands[tp].lag:
            return 0.0
        seen = self.waits[tp].seconds if tp in self.waits else 0.0
        return max(seen, waited.get(tp, 0.0))

    def _each(self, samples: Iterable[tuple[TP, float]]) -> Iterator[tuple[object, ...]]:
        for tp, value in samples:
            yield self.app, tp.topic, tp.partition, float(value)
