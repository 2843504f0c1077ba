"""What is known after each step of a play, and which alerts follow?

After each record and each tick every verdict that may have changed is reached again from all that
is known.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from .certificates import Certificate, Chain
from .courses import LATE, Clock, Enrolment, Run, in_order, is_gone
from .desk import Alert, Desk
from .directory import Directory, Fact, Waits
from .door import Event, Json, read
from .teams import Count, Holding, Requirement, Target, Team, count

HOUR = timedelta(hours=1)
AHEAD = timedelta(hours=24)
BEFORE = datetime(1, 1, 1, tzinfo=UTC)

ACHIEVED = ("completed", "granted", "renewed")

Key = tuple[str, str, str]
"""Customer, person, and course or certificate."""


@dataclass(frozen=True)
class Shift:
    """What a fact (None: a tick) of the step that ends at `step` changed of what is required."""

    step: datetime
    customer: str
    requirement: Requirement
    whom: tuple[str, ...]
    fact: Fact | None
    was_complete: bool
    is_complete: bool


@dataclass
class Replay:
    """All that is known, step by step."""

    directory: Directory = field(default_factory=Directory)
    enrolments: dict[Key, Enrolment] = field(default_factory=dict)
    certificates: dict[Key, Certificate] = field(default_factory=dict)
    moves: dict[tuple[str, str], list[Fact]] = field(default_factory=dict)
    ends: dict[str, list[Fact]] = field(default_factory=dict)
    roles: dict[tuple[str, str], list[Fact]] = field(default_factory=dict)
    holdings: dict[str, dict[str, Holding]] = field(default_factory=dict)
    teams: dict[str, dict[Team, Count]] = field(default_factory=dict)
    shifts: list[Shift] = field(default_factory=list)
    desk: Desk = field(default_factory=Desk)
    accepted: set[tuple[str, str]] = field(default_factory=set)
    waiting: list[tuple[Event, str]] = field(default_factory=list)
    released: list[tuple[Event, str]] = field(default_factory=list)
    dead_letters: int = 0
    now: datetime = BEFORE
    ending: datetime = BEFORE

    @property
    def alerts(self) -> list[Alert]:
        return self.desk.alerts

    def play(self, lines: list[Json]) -> None:
        """Deliver all lines, an hour a step; steps in which nothing is due are passed over."""
        delivered: dict[datetime, list[Event]] = {}
        for line in lines:
            event = read(line)
            end = _step(datetime.fromisoformat(line["deliver_at"]))
            arrived = delivered.setdefault(end, [])
            if event is None:
                self.dead_letters += 1
            else:
                arrived.append(event)
        while delivered:
            end = min(delivered)
            due = self.due()
            if due is not None:
                end = min(end, max(_step(due), self.now + HOUR))
            self._step_to(end, delivered.pop(end, []))

    def due(self) -> datetime | None:
        """The next instant at which something happens by itself."""
        dues = [event.time for event, reason in self.waiting if reason == "future"]
        dues += [
            enrolment.clock.deadline
            for enrolment in self.enrolments.values()
            if enrolment.clock and enrolment.stalled is None
        ]
        dues += [
            certificate.lapse
            for certificate in self.certificates.values()
            if certificate.lapse and not certificate.reached
        ]
        return min(dues, default=None)

    def _step_to(self, end: datetime, arrived: list[Event]) -> None:
        self.ending = end
        for event in arrived:
            reason = self._take(event, early=event.time - event.heard > AHEAD)
            if reason:
                self.waiting.append((event, reason))
        moved = True
        while moved:
            moved = False
            for waits in list(self.waiting):
                event, reason = waits
                again = self._take(event, early=reason == "future" and event.time > end)
                if again is None:
                    self.waiting.remove(waits)
                    self.released.append(waits)
                    moved = True
                elif again != reason:
                    self.waiting[self.waiting.index(waits)] = (event, again)
        self._tick(end)

    def _take(self, event: Event, *, early: bool) -> str | None:
        """Fold an event, once; the answer is why it must wait, or None."""
        if (event.source, event.id) in self.accepted:
            return None
        if early:
            return "future"
        try:
            facts = self.directory.place(event)
        except Waits as waits:
            return str(waits)
        self.accepted.add((event.source, event.id))
        for fact in facts:
            self._fold(fact)
            everybody = tuple(self.holdings.get(fact.customer, ()))
            whom = everybody if fact.kind == "ended" else (fact.person,)
            self._recount(fact.customer, whom, fact)
        return None

    def _fold(self, fact: Fact) -> None:
        if fact.kind in ("joined", "moved"):
            self.roles.setdefault((fact.customer, fact.person), []).append(fact)
        if fact.kind == "moved":
            return
        if fact.kind == "ended":
            self.ends.setdefault(fact.customer, []).append(fact)
            for key in self.enrolments:
                if key[0] == fact.customer:
                    self._judge_silence(key, fact)
            return
        if fact.kind in ("joined", "left"):
            known = self.moves.setdefault((fact.customer, fact.person), [])
            known.append(fact)
            for key in self.enrolments:
                if key[:2] == (fact.customer, fact.person):
                    self._judge_silence(key, fact)
            return
        key = (fact.customer, fact.person, fact.subject)
        if fact.kind in ("granted", "renewed", "revoked"):
            self.certificates.setdefault(key, Certificate()).told.append(fact)
            self._judge_certificate(key, fact)
            return
        enrolment = self.enrolments.setdefault(key, Enrolment())
        enrolment.facts.append(fact)
        course = self.directory.course(fact.subject)
        enrolment.certificate = course.get("certificate")
        if fact.kind in ("started", "module", "failed"):
            enrolment.patience = timedelta(days=course.get("patience_days", 14))
        self._judge_silence(key, fact)
        if fact.kind == "completed" and enrolment.certificate:
            key = (*key[:2], enrolment.certificate)
            self.certificates.setdefault(key, Certificate()).told.append(fact)
            self._judge_certificate(key, fact)
        taken = self._taken(*key[:2])
        for key, certificate in self.certificates.items():
            if key[:2] == (fact.customer, fact.person):
                changed = taken ^ certificate.taken
                if any(one.cause in changed for one in certificate.told):
                    self._judge_certificate(key, fact)

    def _taken(self, customer: str, person: str) -> frozenset[str]:
        """The causes of her completions that are taken away."""
        return frozenset(
            cause
            for key, enrolment in self.enrolments.items()
            if key[:2] == (customer, person)
            for cause in enrolment.taken
        )

    def _judge_silence(self, key: Key, fact: Fact) -> None:
        """Decide what a fact changes about a stall, raised or about to be."""
        enrolment = self.enrolments[key]
        before = enrolment.clock
        after = enrolment.clock = self._clock(key)
        alert = self.desk.find_open("training_abandoned", key)
        if before is None:
            return
        if after is None or after.deadline > before.deadline:
            over = fact.time >= before.deadline
            if alert:
                self.desk.close(alert, "resolved" if over else "withdrawn", fact)
            known = self.desk.find("training_abandoned", key, before.deadline)
            if enrolment.stalled is None and over and not before.history and not known:
                causes = before.causes | {fact.cause}
                at = before.deadline
                self.alerts.append(
                    Alert("training_abandoned", key, at, at, fact.heard, causes, "resolved", False)
                )
            enrolment.stalled = None
        elif enrolment.stalled is not None:
            enrolment.stalled = after.deadline
            if alert and after.history:
                over = fact.time >= before.deadline
                self.desk.close(alert, "resolved" if over else "withdrawn", fact)
            elif not after.history:
                self._want("training_abandoned", key, after.deadline, after.causes, fact)

    def _judge_certificate(self, key: Key, fact: Fact) -> None:
        """Decide what a fact changes about a certificate earned."""
        certificate = self.certificates[key]
        certificate.taken = self._taken(*key[:2])
        chains = self.chains(key)
        latest = chains[-1] if chains else None
        certificate.weigh(latest)
        alert = self.desk.find_open("certification_earned", key)
        wanted = (
            latest
            and not latest.revoked
            and not certificate.reached
            and not latest.awards[0].history
        )
        if alert:
            told_of = [one for one in certificate.told_of if one in certificate.facts][:1]
            old = next((chain for chain in chains if set(told_of) & set(chain.facts)), None)
            if old is not latest or not wanted:
                if old and old.revoked:
                    status = "corrected"
                elif old and (old is not latest or certificate.reached):
                    status = "resolved"
                else:
                    status = "corrected" if fact.kind == "retracted" else "withdrawn"
                self.desk.close(alert, status, fact)
        if latest:
            certificate.told_of = sorted(latest.facts, key=lambda one: (one.time, one.cause))
            if wanted:
                award = latest.awards[0]
                self._want("certification_earned", key, award.time, award.causes, fact)
        for earning in self.directory.granting(key[2]):
            if (*key[:2], earning) in self.enrolments:
                self._judge_silence((*key[:2], earning), fact)

    def _tick(self, now: datetime) -> None:
        self.now = now
        for key, enrolment in self.enrolments.items():
            clock = enrolment.clock
            if clock and enrolment.stalled is None and now >= clock.deadline:
                enrolment.stalled = clock.deadline
                if not clock.history:
                    self._want("training_abandoned", key, clock.deadline, clock.causes, None)
        for key, certificate in self.certificates.items():
            if certificate.lapse and not certificate.reached and now >= certificate.lapse:
                certificate.reached = True
                alert = self.desk.find_open("certification_earned", key)
                if alert:
                    self.desk.close(alert, "resolved", None)
                self._recount(key[0], (key[1],), None)

    def _recount(self, customer: str, whom: tuple[str, ...], fact: Fact | None) -> None:
        """Count the customer's teams anew, and see which requirements they now meet or miss."""
        people = self.holdings.setdefault(customer, {})
        before, held = self.teams.get(customer, {}), dict(people)
        for person in whom:
            people[person] = self.holding(customer, person)
        if people == held:
            return
        self.teams[customer] = count(people.values())
        # What was reached is lost also where it is asked no more.
        for alert in list(self.desk.alerts):
            if (alert.kind, alert.key[0], alert.status) == ("team_milestone", customer, "open"):
                role, level, kind, name = alert.key[2:]
                was = before.get((role, level), Count()).is_complete((kind, name))
                if was and not self.count(customer, (role, level)).is_complete((kind, name)):
                    mended = fact is not None and fact.kind in ("revoked", "retracted")
                    self.desk.close(alert, "corrected" if mended else "resolved", fact)
        for asked in self.directory.asked:
            old = before.get(asked.team, Count())
            new = self.count(customer, asked.team)
            was, now = old.is_complete(asked.target), new.is_complete(asked.target)
            if (old.people, old.share(asked.target)) != (new.people, new.share(asked.target)):
                step = (self.ending, customer, asked, whom, fact)
                self.shifts.append(Shift(*step, was, now))
            key = (customer, asked.id, *asked.team, *(asked.target or ()))
            if now and not was and fact and fact.kind in ACHIEVED:
                old_one, new_one = held.get(fact.person, Holding()), people[fact.person]
                met = asked.target in new_one.met and asked.target not in old_one.met
                if met and asked.team in old_one.teams and fact.heard - fact.time <= LATE:
                    causes = frozenset([fact.cause])
                    self._want("team_milestone", key, fact.time, causes, fact)

    def holding(self, customer: str, person: str) -> Holding:
        """What one person has, from all that is known of her."""
        courses, scores = set[str](), list[Decimal]()
        met, waived, spared = set[Target](), set[Target](), set[Target]()
        for key, enrolment in self.enrolments.items():
            if key[:2] != (customer, person) or not enrolment.is_shown:
                continue
            status, target = self.status(key), ("course", key[2])
            if status not in ("withdrawn", "waived"):
                courses.add(key[2])
            if status == "completed":
                met.add(target)
            if status == "waived":
                waived.add(target)
                spared |= {("certificate", name) for name in (enrolment.certificate,) if name}
            passed = [one for run in self.runs(key) for one in run.attempts("completed")]
            passed.sort(key=lambda one: (one.time, one.facts[0].cause))
            scores += [one.score for one in passed if one.score is not None][-1:]
        for key, certificate in self.certificates.items():
            latest = self.chains(key)[-1:] if key[:2] == (customer, person) else []
            if latest and certificate.status(latest[0]) == "valid":
                met.add(("certificate", key[2]))
        told = sorted(self.roles.get((customer, person), []), key=lambda one: (one.time, one.cause))
        return Holding(
            active=not is_gone(self.moves_of((customer, person))),
            role=next((one.role for one in reversed(told) if one.role), ""),
            level=next((one.level for one in reversed(told) if one.level), ""),
            courses=frozenset(courses),
            met=frozenset(met),
            waived=frozenset(waived | spared - met),
            scores=tuple(scores),
        )

    def count(self, customer: str, team: Team) -> Count:
        return self.teams.get(customer, {}).get(team, Count())

    def status(self, key: Key) -> str:
        run = self.run(key)
        if run.outcome:
            certificate = (*key[:2], self.directory.course(key[2]).get("certificate", ""))
            held = self.certificates.get(certificate)
            completed = run.outcome[0] == "completed"
            return "expired" if completed and held and held.reached else run.outcome[0]
        if self.enrolments[key].stalled:
            return "abandoned"
        done = run.activity()
        if done:
            return "failed" if done[-1][1] == "failed" else "in_progress"
        return "not_started"

    def chains(self, key: Key) -> list[Chain]:
        return self.certificates[key].chains(self.directory.zone(key[0]))

    def runs(self, key: Key) -> list[Run]:
        certificate = self.directory.course(key[2]).get("certificate")
        lapses: list[datetime] = []
        if certificate and (*key[:2], certificate) in self.certificates:
            chains = self.chains((*key[:2], certificate))
            lapses = [chain.lapse for chain in chains if chain.lapse and not chain.revoked]
        return self.enrolments[key].runs(self.directory.zone(key[0]), lapses)

    def _clock(self, key: Key) -> Clock | None:
        return self.enrolments[key].silence(self.run(key), self.moves_of(key))

    def run(self, key: Key) -> Run:
        """The run begun latest; an empty one where there is none."""
        return (self.runs(key) or [Run([], self.directory.zone(key[0]))])[-1]

    def moves_of(self, key: tuple[str, ...]) -> list[Fact]:
        """Her joinings and leavings; the end of the account is a leaving after which none joins."""
        moves, ends = self.moves.get((key[0], key[1]), []), self.ends.get(key[0], [])
        end = min((one.time for one in ends), default=None)
        return in_order([*(one for one in moves if end is None or one.time <= end), *ends])

    def _want(
        self,
        kind: str,
        key: tuple[str, ...],
        at: datetime,
        causes: frozenset[str],
        fact: Fact | None,
    ) -> None:
        heard = fact.heard if fact else self.now
        self.desk.want(kind, key, at, causes, fact, heard=heard, ended=key[0] in self.ends)


def _step(at: datetime) -> datetime:
    """The end of the step that covers the instant: the whole hour at or after it."""
    full = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return full if full == at else full + HOUR
