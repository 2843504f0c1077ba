"""What follows from all that is known of one person's way through one course?"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from .directory import Fact

KINDS = ("enrolled", "started", "module", "completed", "failed", "withdrawn", "waived")
CORRECTIONS = ("retracted", "regraded")
LATE = timedelta(hours=48)


@dataclass(frozen=True)
class Cluster:
    """Attempts that are one: told once or more; `regraded` is the score said afterwards."""

    facts: tuple[Fact, ...]
    regraded: Decimal | None = None

    @property
    def time(self) -> datetime:
        return self.facts[0].time

    @property
    def attempt(self) -> int | None:
        return next((fact.attempt for fact in self.facts if fact.attempt is not None), None)

    @property
    def scores(self) -> list[Decimal | None]:
        """What each fact says of it; what is regraded, all say."""
        return [fact.score if self.regraded is None else self.regraded for fact in self.facts]

    @property
    def score(self) -> Decimal | None:
        return next((score for score in self.scores if score is not None), None)


@dataclass(frozen=True)
class Clock:
    """The clock of silence: when it strikes, why, and whether that is history."""

    deadline: datetime
    causes: frozenset[str]
    history: bool


@dataclass
class Run:
    """What belongs to one run of the course, in order; regrades belong to it and are none of it."""

    facts: list[Fact]
    zone: ZoneInfo
    regrades: list[Fact] = field(default_factory=list)

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
        """The clusters of completions, or of failures, as regraded."""
        clusters = [*self._clusters("completed"), *self._clusters("failed")]
        clusters.sort(key=lambda cluster: _order(cluster.facts[0]))
        for fact in sorted(self.regrades, key=lambda fact: (fact.time, fact.cause)):
            before = [place for place, one in enumerate(clusters) if one.time <= fact.time]
            stating = [place for place, one in enumerate(clusters) if one.attempt == fact.attempt]
            for place in before[-1:] if fact.attempt is None else stating:
                clusters[place] = replace(clusters[place], regraded=fact.score)
        return [cluster for cluster in clusters if cluster.facts[0].kind == kind]

    def _clusters(self, kind: str) -> list[Cluster]:
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
        passed, failed = self._stated("completed"), self._stated("failed")
        return passed[0] if passed else failed[-1] if failed else None

    def _stated(self, kind: str) -> list[Decimal]:
        told = [
            (_order(fact), score)
            for cluster in self.attempts(kind)
            for fact, score in zip(cluster.facts, cluster.scores, strict=True)
        ]
        return [score for _, score in sorted(told) if score is not None]


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

    @property
    def is_shown(self) -> bool:
        """Whether anything but new scores is known."""
        return any(fact.kind != "regraded" for fact in self.facts)

    @property
    def taken(self) -> dict[str, list[Fact]]:
        """The causes of completions that are taken away, and by what each is.

        What names no completion is placed as if none had been taken away, and no lapse known.
        """
        runs = _runs(self._ways, ())
        taken: dict[str, list[Fact]] = {}
        for fact in self.facts:
            if fact.kind != "retracted":
                continue
            if fact.retracts:
                meant = [one for one in self._ways if one.cause == fact.retracts]
            else:
                meant = [
                    one
                    for one in _run_of(fact, runs)
                    if one.time <= fact.time and fact.attempt in (None, one.attempt)
                ]
            for one in meant:
                if one.kind == "completed":
                    taken.setdefault(one.cause, []).append(fact)
        return taken

    @property
    def _ways(self) -> list[Fact]:
        """All facts but corrections."""
        return [fact for fact in self.facts if fact.kind not in CORRECTIONS]

    def runs(self, zone: ZoneInfo, lapses: Iterable[datetime]) -> list[Run]:
        """All runs, the one begun latest last."""
        taken = self.taken
        left = [fact for fact in self._ways if fact.cause not in taken]
        runs = [Run(facts, zone) for facts in _runs(left, lapses)]
        for fact in self.facts:
            if fact.kind == "regraded":
                meant = _run_of(fact, [run.facts for run in runs])
                for run in runs:
                    if run.facts is meant:
                        run.regrades.append(fact)
        return runs

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
        late = heard - deadline > LATE or self._was_prevented(deadline, done[-1][2][0])
        return Clock(deadline, causes, history=late)

    def _was_prevented(self, deadline: datetime, last: Fact) -> bool:
        """Whether the deadline passed while a completion stood that was taken away too late."""
        taken = self.taken
        (run,) = (run for run in _runs(self._ways, ()) if last in run)
        return any(
            fact.heard <= deadline and min(one.heard for one in taken[fact.cause]) - deadline > LATE
            for fact in run
            if fact.cause in taken
        )


def in_order(moves: list[Fact]) -> list[Fact]:
    """Joinings and leavings as they happened; of the same instant, leaving is the later."""
    return sorted(moves, key=lambda move: (move.time, move.kind != "joined", move.cause))


def is_gone(moves: list[Fact]) -> bool:
    return bool(moves) and moves[-1].kind != "joined"


def _order(fact: Fact) -> tuple[datetime, int, str]:
    return fact.time, KINDS.index(fact.kind), fact.cause


def _runs(facts: list[Fact], lapses: Iterable[datetime]) -> list[list[Fact]]:
    """The facts of each run, in order; the run begun latest is last."""
    lapses = list(lapses)
    told = sorted(facts, key=_order)
    named: dict[str, list[Fact]] = {}
    for fact in told:
        if fact.registration:
            named.setdefault(fact.registration, []).append(fact)
    runs = list(named.values())
    for fact in told:
        if fact.registration:
            continue
        latest = _begun(runs, fact)
        if not latest or (fact.kind == "enrolled" and _is_over(latest, fact, lapses)):
            runs.append([fact])
        else:
            latest.append(fact)
            latest.sort(key=_order)
    return sorted(runs, key=lambda run: _order(run[0]))


def _begun(runs: list[list[Fact]], fact: Fact) -> list[Fact]:
    """The run begun latest at or before the fact; nothing where there is none."""
    begun = [run for run in runs if run[0].time <= fact.time]
    return max(begun, key=lambda run: _order(run[0]), default=[])


def _run_of(correction: Fact, runs: list[list[Fact]]) -> list[Fact]:
    """The run that a correction concerns; nothing where there is none, as it begins none."""
    if correction.registration is None:
        return _begun(runs, correction)
    named = (run for run in runs if any(one.registration == correction.registration for one in run))
    return next(named, [])


def _day(time: datetime, zone: ZoneInfo) -> object:
    return time.astimezone(zone).date()


def _is_over(run: list[Fact], enrolment: Fact, lapses: list[datetime]) -> bool:
    """Whether the run had ended when the enrolment came."""
    return any(
        fact.kind in ("completed", "withdrawn") and _order(fact) < _order(enrolment) for fact in run
    ) or any(run[0].time < lapse <= enrolment.time for lapse in lapses)
