"""Does a sample tell what it promises, and nothing that could come out in two ways?

The cases are counted in the expectation, not in what the generator says of itself.
"""

import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise, permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schemas.envelope import Unreadable, parse
from schemas.exports import EXPORTS
from tests.sample.courses import is_gone
from tests.sample.directory import Fact
from tests.sample.generate import OF_TEAMS, REQUIRED, instant, put_in_order, write
from tests.sample.replay import Replay, Shift
from tests.sample.rows import rows, summary
from tests.sample.teams import count
from tests.sample.world import DAY, DIRECTORY, HOUR, MINUTE, TRAINING, Play, midnight

ROOT = Path(__file__).parents[2]
END = datetime(2026, 11, 21, 10, tzinfo=UTC)
SEEDS = (1, *(random.SystemRandom().randrange(10**6) for _ in range(3)))
ENDS = (
    instant("now"),
    *(
        datetime(2024, 1, 1, tzinfo=UTC) + random.SystemRandom().randrange(24 * 730) * HOUR
        for _ in range(3)
    ),
)


@dataclass(frozen=True)
class Sample:
    play: Play
    replay: Replay
    cases: Counter[str]


@pytest.fixture(scope="module", params=range(len(SEEDS)), ids=lambda number: f"seed-{number}")
def sample(request: pytest.FixtureRequest) -> Sample:
    """A sample and what it must lead to; its seed and end are printed when a test fails."""
    seed, end = SEEDS[request.param], ENDS[request.param]
    print(f"--seed {seed} --end {end.isoformat()}")  # noqa: T201
    play = write(seed, 4, 60, end)
    replay = Replay()
    replay.play([json.loads(line.text(), parse_float=Decimal) for line in play.lines])
    return Sample(play, replay, counted(replay))


def counted(replay: Replay) -> Counter[str]:
    """How often each required case occurs, by what came out."""
    cases: Counter[str] = Counter()
    stalls: Counter[tuple[str, str, str]] = Counter()
    for alert in replay.alerts:
        if alert.kind != "training_abandoned" or not alert.card:
            continue
        customer, person, course = alert.key
        stalls[customer, person, course] += 1
        zone = replay.directory.zone(customer)
        began = alert.at - replay.enrolments[customer, person, course].patience
        cases["return"] += alert.status == "resolved"
        cases["late withdrawal"] += alert.status == "withdrawn"
        cases["daylight saving"] += (
            began.astimezone(zone).utcoffset() != alert.at.astimezone(zone).utcoffset()
        )
    cases["second stall"] = sum(times > 1 for times in stalls.values())
    for key, enrolment in replay.enrolments.items():
        for run in enrolment.runs(replay.directory.zone(key[0]), ()):
            passed, failed = run.attempts("completed"), run.attempts("failed")
            cases["fail then pass"] += bool(passed and failed and failed[0].time < passed[0].time)
            cases["twin"] += sum(len(cluster.facts) > 1 for cluster in passed + failed)
    for key, certificate in replay.certificates.items():
        zone = replay.directory.zone(key[0])
        for chain in certificate.chains(zone):
            cases["revocation"] += chain.revoked is not None
            cases["renewal"] += len(chain.awards) > 1
            if chain.lapse and chain.lapse <= replay.now:
                began = chain.awards[0].time.astimezone(zone)
                cases["daylight saving"] += (
                    began.utcoffset() != chain.lapse.astimezone(zone).utcoffset()
                )
    cases["known later"] = len(
        {
            json.dumps(event.data["person"], sort_keys=True)
            for event, reason in replay.released
            if reason == "unknown" and event.wire == "training.started.v1"
        }
    )
    return cases + of_corrections(replay) + of_accounts(replay) + of_teams(replay)


def of_corrections(replay: Replay) -> Counter[str]:
    """The cases of what was withdrawn or regraded, and came out otherwise for it."""
    cases: Counter[str] = Counter()
    for key, enrolment in replay.enrolments.items():
        for by in enrolment.taken.values():
            cases["withdrawn by name"] += any(fact.retracts is not None for fact in by)
            cases["withdrawn by run"] += any(fact.retracts is None for fact in by)
        for run in replay.runs(key):
            for fact in run.regrades:
                for cluster in run.attempts("completed"):
                    if enrolment.certificate and cluster.regraded == fact.score:
                        before = fact.heard < min(one.heard for one in cluster.facts)
                        cases["regraded before" if before else "regraded after"] += 1
    for certificate in replay.certificates.values():
        cases["certificate taken back"] += certificate.facts != certificate.told
    for alert in replay.alerts:
        if alert.kind == "training_abandoned" and alert.opened_again:
            customer, person, course = alert.key
            cases["stall again"] += bool(replay.enrolments[customer, person, course].taken)
    return cases


def of_accounts(replay: Replay) -> Counter[str]:
    """The cases of accounts that end, and of people in several."""
    cases: Counter[str] = Counter()
    for ends in replay.ends.values():
        closed = {one.kind for one in replay.alerts if one.causes & {end.cause for end in ends}}
        cases["account ended"] += {"training_abandoned", "team_milestone"} <= closed
    did: dict[str, dict[str, list[Fact]]] = {}
    for (customer, person, _), enrolment in replay.enrolments.items():
        did.setdefault(person, {}).setdefault(customer, []).extend(enrolment.facts)
    for person, facts in did.items():
        moves = {customer: replay.moves_of((customer, person)) for customer in facts}
        there = [customer for customer in facts if not is_gone(moves[customer])]
        cases["two accounts"] += len(there) > 1
        cases["returned"] += any(
            (one.kind, other.kind) == ("left", "joined") and facts[customer][-1].time > one.time
            for customer in facts
            for one, other in pairwise(moves[customer])
        )
        cases["moved with a past"] += any(
            left.kind == "left" and facts[old][0].time < left.time < facts[new][-1].time
            for old, new in permutations(facts, 2)
            for left in moves[old]
            if new in there
        )
    cases["ambiguous"] = sum(reason == "ambiguous" for _, reason in replay.waiting)
    placed = [event for event, reason in replay.released if reason == "ambiguous"]
    cases["no longer ambiguous"] = len({str(event.data["person"]) for event in placed})
    return cases


def of_teams(replay: Replay) -> Counter[str]:
    """The cases of what is required of teams."""
    cases: Counter[str] = Counter()
    alerts = [alert for alert in replay.alerts if alert.kind == "team_milestone"]
    causes = frozenset[str]().union(*(alert.causes for alert in alerts))
    cases["team reached"] = len(alerts)
    cases["team reached again"] = sum(n > 1 for n in Counter(one.key for one in alerts).values())
    first = replay.shifts[0].step
    went: dict[str, set[tuple[str, str]]] = {}
    later: set[tuple[str, str]] = set()
    for shift in replay.shifts:
        if shift.requirement.heard > first:
            later.add((shift.customer, shift.requirement.id))
        if shift.fact is None:
            continue
        turned = shift.is_complete != shift.was_complete
        silent = turned and shift.is_complete and shift.fact.cause not in causes
        cases["role change"] += shift.fact.kind == "moved"
        cases["leaver"] += turned and shift.fact.kind == "left"
        cases["silent waiver"] += silent and shift.fact.kind == "waived"
        cases["team corrected"] += (
            shift.was_complete and shift.fact.kind == "retracted" and shift.fact.cause in causes
        )
        if shift.fact.kind in ("left", "joined"):
            went.setdefault(shift.fact.person, set()).add((shift.fact.kind, shift.customer))
    cases["later requirement"] = len(later)
    cases["move between accounts"] = sum(
        any(("left", one) in moves for _, one in moves)
        and any(kind == "joined" and ("left", one) not in moves for kind, one in moves)
        for moves in went.values()
    )
    return cases


@pytest.mark.parametrize("case", [*REQUIRED, *OF_TEAMS])
def test_every_required_case_comes_out_three_times(sample: Sample, case: str) -> None:
    assert sample.cases[case] >= 3


def test_records_of_many_kinds_are_refused_and_all_others_are_readable(sample: Sample) -> None:
    reasons: Counter[str] = Counter()
    for line in sample.play.lines:
        try:
            parse(line.body["raw"] if "raw" in line.body else json.dumps(line.body["event"]))
        except Unreadable as error:
            reasons[error.reason] += 1
    assert {"empty", "json", "envelope", "type", "data"} <= set(reasons)
    too_far = 1
    assert sum(reasons.values()) + too_far == sample.replay.dead_letters


def test_some_records_wait_for_ever_and_for_every_reason(sample: Sample) -> None:
    assert set(summary(sample.replay)["quarantined"]) == {
        "ambiguous",
        "conflict",
        "left",
        "unknown",
    }


def test_the_last_step_ends_with_the_sample_and_nothing_falls_due_soon_after(
    sample: Sample,
) -> None:
    due = sample.replay.due()
    assert sample.replay.now == sample.play.end
    assert due is None or due > sample.play.end + 12 * HOUR


def test_no_order_within_a_step_can_matter(sample: Sample) -> None:
    """Played with each step's records turned round, save those of one key, the same comes out."""
    steps: dict[datetime, dict[str, list[str]]] = {}
    for number, line in enumerate(sample.play.lines):
        keys = steps.setdefault(line.step, {})
        keys.setdefault(f"{line.topic} {line.key or number}", []).append(line.text())
    turned = [
        text for step in sorted(steps) for texts in reversed(steps[step].values()) for text in texts
    ]
    replay = Replay()
    replay.play([json.loads(text, parse_float=Decimal) for text in turned])
    for kind in EXPORTS:
        assert rows(replay, kind) == rows(sample.replay, kind)
    assert summary(replay) == summary(sample.replay)


def test_no_two_people_decide_on_one_requirement_of_an_account_in_a_step(sample: Sample) -> None:
    """Who came last would be a matter of chance; so would what was required when they came."""
    shifts: dict[tuple[datetime, str, str], list[Shift]] = {}
    for shift in sample.replay.shifts:
        shifts.setdefault((shift.step, shift.customer, shift.requirement.id), []).append(shift)
    decided = [
        together
        for together in shifts.values()
        if any(shift.was_complete != shift.is_complete for shift in together)
    ]
    assert len(decided) >= 30
    for together in decided:
        assert len({shift.whom for shift in together}) == 1, together
    said = {line.step for line in sample.play.lines if line.requires}
    assert not said & {line.step for line in sample.play.lines if line.about}


def test_what_is_counted_step_by_step_is_what_is_counted_at_the_end(sample: Sample) -> None:
    replay = sample.replay
    for customer, people in replay.holdings.items():
        anew = {person: replay.holding(customer, person) for person in people}
        assert people == anew
        assert replay.teams[customer] == count(anew.values())


def test_what_the_directory_says_of_a_person_is_kept_out_of_the_steps_she_learns_in(
    sample: Sample,
) -> None:
    moved, learned = (
        {
            (line.step, who)
            for line in sample.play.lines
            if line.topic == topic
            for who in line.about
        }
        for topic in ("intake.directory", "intake.training")
    )
    assert moved
    assert not moved & learned


def test_the_lines_stand_in_the_order_of_delivery_within_the_play(sample: Sample) -> None:
    times = [line.deliver_at for line in sample.play.lines]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert sample.play.start < times[0]
    assert times[-1] < sample.play.end
    assert 1500 <= len(times) <= 3000


def test_a_calm_instant_has_no_deadline_soon_after_the_end_and_order_is_kept() -> None:
    play = Play(random.Random(1), 1, END - 60 * DAY, END)
    calm = [play.calm(END - number * 30 * MINUTE) for number in range(48 * 20)]
    assert all(later > earlier for later, earlier in pairwise(calm))
    for at in calm:
        for patience in (10 * DAY, 14 * DAY):
            assert not END < at + patience <= END + 12 * HOUR


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Europe/Berlin", "Pacific/Auckland"])
def test_a_calm_day_does_not_lapse_soon_after_the_end(zone: str) -> None:
    for hours in range(24):
        end = END + hours * HOUR
        play = Play(random.Random(1), 1, end - 60 * DAY, end)
        for days in range(-2, 3):
            day = play.calm_day(ZoneInfo(zone), (end + days * DAY).date())
            assert not end < midnight(ZoneInfo(zone), day + DAY) <= end + 12 * HOUR


def test_news_of_a_person_gives_way_to_what_she_does_in_the_same_step() -> None:
    play = Play(random.Random(1), 1, END - 60 * DAY, END)
    at = END - 3 * DAY + MINUTE
    play.deliver(at, DIRECTORY, "p", raw="news", about=["p"])
    play.deliver(at + 20 * MINUTE, TRAINING, "p", raw="done", about=["p"])
    put_in_order(play, set())
    assert [(line.topic, line.deliver_at) for line in play.lines] == [
        (TRAINING, at + 20 * MINUTE),
        (DIRECTORY, at + HOUR),
    ]


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    end = "2026-11-21T10:00:00Z"
    written = []
    for number, seed in enumerate(("7", "7", "8")):
        out = tmp_path / f"{number}.jsonl"
        _run("tests.sample.generate", "--seed", seed, "--end", end, "--out", str(out))
        written.append(out.read_bytes())
    assert written[0] == written[1] != written[2]
    printed = _run("tests.sample.expect", str(tmp_path / "0.jsonl"), "--kind", "summary")
    assert json.loads(printed)["last_step"] == "2026-11-21T10:00:00.000Z"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--days", "20"], "--days 20"),
        (["--accounts", "0"], "--accounts 0"),
        (["--end", "soon"], "--end soon"),
        (["--end", "2026-11-21T10:00:00"], "offset"),
        (["--out", "/nowhere/at/all"], "/nowhere/at/all"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_argument_is_refused_by_name(wrong: list[str], said: str, tmp_path: Path) -> None:
    right = ["--seed", "1", "--end", "2026-11-21T10:00:00Z", "--out", str(tmp_path / "f")]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _run("tests.sample.generate", *right, *wrong)
    assert caught.value.returncode == 2
    assert said in caught.value.stderr


def _run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120
    ).stdout
