"""How does an account stand to what is required of it? The lines of a card (PRD-104 5.1).

A card shows the first lines of each list; the rest is said in one reply in its thread.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from .words import days, name_of, percent, person_of, team_of

SHOWN = 5
"""Lines of each list in the card itself."""

SECTION = 3000
"""Characters of a section that Slack takes."""

REPLY = 11_000
"""Characters of lines in a reply: Slack takes some 13,000 in all the blocks of a message."""

STATUS = "*Account Training Status{}:*"
GAPS = ":warning: *Training Gaps{}:*"

Modules = tuple[tuple[str, str | None], ...]
"""Ids and names, in the catalogue's order."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a requirement is met: `met` of `people`, who are those that are not waived."""

    role: str
    level: str
    kind: str
    target: str
    people: int
    met: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Somebody who started what is required of her and has not met it; `done` are modules."""

    person: str | None
    course: str
    started_at: datetime
    modules: Modules = ()
    done: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Readiness:
    """`standings` by requirement, `gaps` in any order; `more_gaps`: others were not looked up."""

    standings: tuple[Standing, ...] = ()
    average: Decimal | None = None
    gaps: tuple[Gap, ...] = ()
    more_gaps: bool = False


@dataclass(frozen=True, slots=True)
class _List:
    """Lines under a title; `last` is always shown, `endless` says that there are more."""

    title: str
    lines: list[str]
    last: tuple[str, ...] = ()
    endless: bool = False

    def beyond(self, count: int) -> str:
        return f"and over {count} more" if self.endless else f"and {count} more"

    @property
    def long(self) -> bool:
        return len(self.lines) > SHOWN


def shown(readiness: Readiness, now: datetime) -> list[str]:
    """The text of each list that has something to say, as the card itself shows it."""
    return [_shown(one) for one in _lists(readiness, now) if one.lines or one.last]


def has_rest(readiness: Readiness) -> bool:
    """Whether the card cannot show it all."""
    return max(len(readiness.standings), len(readiness.gaps)) > SHOWN


def rest(readiness: Readiness, now: datetime) -> list[str]:
    """What the card does not show, in texts that a section takes, as much as a reply takes."""
    texts: list[str] = []
    room = REPLY
    for one in _lists(readiness, now):
        if not one.long:
            continue
        lines = []
        left = one.lines[SHOWN:]
        while left and len(left[0]) < room:
            room -= len(left[0]) + 1
            lines.append(left.pop(0))
        if left or one.endless:
            lines.append(one.beyond(len(left)) if left else "and more")
        texts.extend(_sections([one.title.format(", continued"), *lines]))
    return texts


def _shown(one: _List) -> str:
    lines = [one.title.format(""), *one.lines[:SHOWN], *one.last]
    if one.long:
        lines.append(f"{one.beyond(len(one.lines) - SHOWN)} in the thread")
    return "\n".join(lines)


def _sections(lines: list[str]) -> Iterator[str]:
    text = lines[0]
    for line in lines[1:]:
        if len(text) + 1 + len(line) > SECTION:
            yield text
            text = line
        else:
            text += f"\n{line}"
    yield text


def _lists(readiness: Readiness, now: datetime) -> tuple[_List, _List]:
    average = readiness.average
    last = () if average is None else (f"- Average Score: {percent(average, '1')}",)
    return (
        _List(STATUS, _standings(readiness.standings), last),
        _List(GAPS, _gaps(readiness.gaps, now), endless=readiness.more_gaps),
    )


def _standings(standings: tuple[Standing, ...]) -> list[str]:
    labels = [_label(standing) for standing in standings]
    often = Counter(labels)
    lines = []
    for label, one in zip(labels, standings, strict=True):
        which = f" ({name_of(one.target)})" if often[label] > 1 else ""
        share = percent(Decimal(100 * one.met) / one.people, "1")
        lines.append(f"- {label}{which}: {one.met}/{one.people} ({share})")
    return lines


def _label(standing: Standing) -> str:
    done = "Certified" if standing.kind == "certificate" else "Trained"
    return f"{team_of(standing.role, standing.level)} {done}"


def _gaps(gaps: tuple[Gap, ...], now: datetime) -> list[str]:
    """The longest first, then by name."""
    told = sorted((-_age(gap, now), person_of(gap.person), _gap(gap, now)) for gap in gaps)
    return [line for _, _, line in told]


def _gap(gap: Gap, now: datetime) -> str:
    age = _age(gap, now)
    ago = f"{days(age)} ago" if age else "less than a day ago"
    stuck = _stuck_on(gap)
    where = f" (stuck on {stuck})" if stuck else ""
    return f"- {person_of(gap.person)} started {name_of(gap.course)} {ago}{where}"


def _age(gap: Gap, now: datetime) -> int:
    return max(0, (now - gap.started_at) // timedelta(days=1))


def _stuck_on(gap: Gap) -> str | None:
    """The module after the furthest one done."""
    furthest = max((n for n, (id, _) in enumerate(gap.modules, 1) if id in gap.done), default=0)
    if furthest == len(gap.modules):
        return None
    return module_of(gap.modules[furthest][1], furthest + 1)


def module_of(name: str | None, place: int) -> str:
    """A module by its name, else by its place."""
    return name_of(name or f"module {place}")
