"""What is told while it storms, and what must come of it? A sample, and nomads beside it.

Nomads change accounts in the very step in which they learn, so where their events belong depends on
who was heard first; of these it is only known that one account must have each, and all of it.
"""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

from schemas.exports import EXPORTS
from schemas.topics import CATALOGUE, DIRECTORY, TRAINING
from tests.sample import directory, generate
from tests.sample.directory import Fact
from tests.sample.door import Event
from tests.sample.replay import Replay
from tests.sample.rows import rows, summary
from tests.sample.world import stamp

END = datetime(2026, 4, 20, 10, tzinfo=UTC)
"""Fixed, so that a seed tells the same story for ever; clocks are changed on the way."""

DAYS = 60
"""What a sample needs to have all its cases; the gates hear the first part of it only."""

PART = timedelta(days=18)
ACCOUNTS = 4
NOMADS = 8
CAMPS = ("camp-1", "camp-2", "camp-3")
SOURCE = "urn:crm:nomads"
LMS = "urn:lms:nomads"
COURSE = "reporting"
HOPS_A_DAY = 4

MINUTE = timedelta(minutes=1)

Json = dict[str, Any]


@dataclass
class Story:
    """A play in a file, and what is expected of it.

    `placed`: by cause, whose account each event of the sample belongs to; `nomads`: for each nomad
    the accounts in which the directory had her at some time.
    """

    path: Path
    lines: int
    rows: dict[str, list[Json]]
    summary: Json
    placed: dict[str, str]
    nomads: dict[str, set[str]]


def tell(seed: int, folder: Path, whole: bool) -> Story:
    """The story of this seed, or its first part, written to a file."""
    with redirect_stderr(StringIO()):
        told = generate.write(seed, ACCOUNTS, DAYS, END)
    until = told.end if whole else told.start + PART
    sample = [
        json.loads(line.text(), parse_float=Decimal)
        for line in told.lines
        if line.deliver_at <= until
    ]
    wanderers = Nomads(Random(f"nomads {seed}"), sample)
    replay = Replay(directory=_Noting())
    replay.play(sample)
    assert isinstance(replay.directory, _Noting)
    path = folder / f"story-{seed}.jsonl"
    lines = sorted([*sample, *wanderers.lines], key=lambda line: str(line["deliver_at"]))
    path.write_text("".join(json.dumps(line, default=float) + "\n" for line in lines))
    waits = {(reason, event.cause) for event, reason in replay.waiting}
    counts = summary(replay) | {"quarantined": Counter(reason for reason, _ in waits)}
    return Story(
        path,
        len(lines),
        {kind: rows(replay, kind) for kind in EXPORTS},
        counts,
        replay.directory.placed,
        wanderers.been,
    )


class _Noting(directory.Directory):
    """Also keeps which account each event was placed in."""

    def __init__(self) -> None:
        super().__init__()
        self.placed: dict[str, str] = {}

    def place(self, event: Event) -> list[Fact]:
        facts = super().place(event)
        if event.wire in (*directory.CATALOGUE, *directory.REQUIREMENTS):
            self.placed[event.cause] = CATALOGUE
        else:
            said = event.data.get("customer")
            self.placed[event.cause] = facts[0].customer if facts else str(said)
        return facts


@dataclass
class Nomads:
    """Lines about people who go from account to account, in the steps that the sample has."""

    rng: Random
    sample: Iterable[Json]
    lines: list[Json] = field(default_factory=list)
    been: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        times = sorted({datetime.fromisoformat(line["deliver_at"]) for line in self.sample})
        opening = times[0]
        for camp in CAMPS:
            self._say(DIRECTORY, opening, opening, "customer.described.v1", customer=camp)
        at = {f"nomad-{number}": self.rng.choice(CAMPS) for number in range(NOMADS)}
        for nomad, camp in at.items():
            self.been[nomad] = {camp}
            self._move("person.joined.v1", opening, opening, nomad, camp)
        later = [time for time in times if time > opening + timedelta(hours=3)]
        hops = HOPS_A_DAY * (times[-1] - opening).days
        for heard in sorted(self.rng.sample(later, min(hops, len(later)))):
            nomad = self.rng.choice(sorted(at))
            self._hop(nomad, at, heard)

    def _hop(self, nomad: str, at: dict[str, str], heard: datetime) -> None:
        """She leaves, arrives, and learns before, between and after; in no order of arrival."""
        old = at[nomad]
        new = at[nomad] = self.rng.choice([camp for camp in CAMPS if camp != old])
        self.been[nomad].add(new)
        left = heard - 20 * MINUTE
        self._move("person.left.v1", left, heard, nomad, old)
        self._move("person.joined.v1", left + MINUTE, heard, nomad, new)
        for number in range(4):
            when = left + self.rng.uniform(-10, 10) * MINUTE
            self._say(
                TRAINING,
                heard,
                when,
                "module.completed.v1",
                person={"id": nomad},
                course=COURSE,
                module=f"m{number}",
            )

    def _move(self, wire: str, at: datetime, heard: datetime, nomad: str, camp: str) -> None:
        self._say(DIRECTORY, heard, at, wire, customer=camp, person={"id": nomad, "name": nomad})

    def _say(self, topic: str, heard: datetime, at: datetime, wire: str, **data: Any) -> None:
        event = {
            "specversion": "1.0",
            "id": str(len(self.lines)),
            "source": SOURCE if topic == DIRECTORY else LMS,
            "type": wire,
            "time": stamp(at),
            "data": data,
        }
        key = str(self.rng.randrange(100)) if topic == TRAINING else str(data.get("person", ""))
        line = {"deliver_at": stamp(heard), "topic": topic, "key": key, "event": event}
        self.lines.append(line)
