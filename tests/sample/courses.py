"""What follows from all that is known of one person's way through one course?"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from .directory import Fact

KINDS = ("enrolled", "started", "module", "completed", "failed", "withdrawn", "waived")
LATE = timedelta(hours=48)


@dataclass(frozen=True)
class Cluster:
    """Attempts that are one: told once or more."""

    facts: tuple[Fact, ...]

    @property
    def time(self) -> datetime:
        return self.facts[0].time

    @property
    def attempt(self) -> int | None:
        return next((fact.attempt for fact in self.facts if fact.attempt is not None), None)

    @property
    def score(self) -> Decimal | None:
        return next((fact.score for fact in self.facts if fact.score is not None), None)


@dataclass(frozen=True)
class Clock:
    """The clock of silence: when it strikes, why, and whether that is history."""

    deadline: datetime
    causes: frozenset[str]
    history: bool


@dataclass
class Run:
    """What belongs to one run of the course, in order."""

    facts: list[Fact]
    zone: ZoneInfo

    def of(self, *kinds: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.kind in kinds]

    @property
    def outcome(self) -> tuple[str, datetime] | None:
        for kind in ("completed", "waived", "withdrawn"):
            found = self.of(kind)
            if found:
                return kind, found[0].time
        return None

    @property
    def started_at(self) -> datetime | None:
        started = self.of("started", "module", "failed", "completed")
        return started[0].time if started else None

    def attempts(self, kind: str) -> list[Cluster]:
        clusters: list[Cluster] = []
        for fact in sorted(self.of(kind), key=lambda fact: (fact.time, fact.cause)):
            for place, cluster in enumerate(clusters):
                if self._agree(fact, cluster):
                    clusters[place] = Cluster((*cluster.facts, fact))
                    break
            else:
                clusters.append(Cluster((fact,)))
        return clusters

    def _agree(self, fact: Fact, cluster: Cluster) -> bool:
        if fact.attempt is not None and cluster.attempt is not None:
            return fact.attempt == cluster.attempt
        return _day(fact.time, self.zone) == _day(cluster.time, self.zone)

    def activity(self) -> list[tuple[datetime, str, tuple[Fact, ...]]]:
        """When something was done before the outcome, what kind, and who told of it."""
        done: list[tuple[datetime, str, tuple[Fact, ...]]] = [
            (fact.time, fact.kind, (fact,)) for fact in self.of("started", "module")
        ]
        done += [(cluster.time, "failed", cluster.facts) for cluster in self.attempts("failed")]
        end = self.outcome
        kept = [one for one in done if end is None or one[0] <= end[1]]
        return sorted(kept, key=lambda one: (one[0], KINDS.index(one[1]), one[2][0].cause))

    @property
    def score(self) -> Decimal | None:
        passed = [fact.score for fact in self.of("completed") if fact.score is not None]
        failed = [fact.score for fact in self.of("failed") if fact.score is not None]
        return passed[0] if passed else failed[-1] if failed else None


@dataclass
class Enrolment:
    """A person in a course: what was told, in the order of telling, and how far ticks saw it.

    `certificate` is what the course earned as her last fact of it was folded.
    """

    facts: list[Fact] = field(default_factory=list)
    patience: timedelta = timedelta(days=14)
    certificate: str | None = None
    clock: Clock | None = None
    stalled: datetime | None = None

    def runs(self, zone: ZoneInfo, lapses: Iterable[datetime]) -> list[Run]:
        """All runs, the one begun latest last."""
        lapses = list(lapses)
        told = sorted(_without_repeats(self.facts), key=_order)
        named: dict[str, list[Fact]] = {}
        for fact in told:
            if fact.registration:
                named.setdefault(fact.registration, []).append(fact)
        runs = list(named.values())
        for fact in told:
            if fact.registration:
                continue
            begun = [run for run in runs if run[0].time <= fact.time]
            latest = max(begun, key=lambda run: _order(run[0]), default=None)
            if latest is None or (fact.kind == "enrolled" and _is_over(latest, fact, lapses)):
                runs.append([fact])
            else:
                latest.append(fact)
                latest.sort(key=_order)
        runs.sort(key=lambda run: _order(run[0]))
        return [Run(run, zone) for run in runs]

    def silence(self, run: Run, moves: list[Fact]) -> Clock | None:
        """The clock that runs for the current run, if any; `moves` are joinings and leavings."""
        done = run.activity()
        if not done or run.outcome or is_gone(moves):
            return None
        last = done[-1][0]
        causing = [fact for time, _, facts in done if time == last for fact in facts]
        returned = [
            after
            for before, after in pairwise(moves)
            if (before.kind, after.kind) == ("left", "joined")
        ]
        if returned and returned[-1].time > last:
            last = returned[-1].time
            causing = [move for move in moves if move.kind == "joined" and move.time == last]
        deadline = last + self.patience
        heard = min(fact.heard for fact in causing)
        causes = frozenset(fact.cause for fact in causing)
        return Clock(deadline, causes, history=heard - deadline > LATE)


def in_order(moves: list[Fact]) -> list[Fact]:
    """Joinings and leavings as they happened; of the same instant, leaving is the later."""
    return sorted(moves, key=lambda move: (move.time, move.kind == "left", move.cause))


def is_gone(moves: list[Fact]) -> bool:
    return bool(moves) and moves[-1].kind == "left"


def _order(fact: Fact) -> tuple[datetime, int, str]:
    return fact.time, KINDS.index(fact.kind), fact.cause


def _day(time: datetime, zone: ZoneInfo) -> object:
    return time.astimezone(zone).date()


def _is_over(run: list[Fact], enrolment: Fact, lapses: list[datetime]) -> bool:
    """Whether the run had ended when the enrolment came."""
    return any(
        fact.kind in ("completed", "withdrawn") and _order(fact) < _order(enrolment) for fact in run
    ) or any(run[0].time < lapse <= enrolment.time for lapse in lapses)


def _without_repeats(facts: list[Fact]) -> list[Fact]:
    """Of a module told often, only the earliest and the latest time count."""
    times: dict[tuple[str | None, str | None], list[datetime]] = {}
    for fact in facts:
        if fact.kind == "module":
            times.setdefault((fact.registration, fact.module), []).append(fact.time)
    return [
        fact
        for fact in facts
        if fact.kind != "module"
        or fact.time in (min(its := times[fact.registration, fact.module]), max(its))
    ]
