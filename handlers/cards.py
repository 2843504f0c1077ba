"""What does a card say? Block Kit from facts that were looked up (PRD-104 5.1).

What the alert was decided on is frozen in its values; names, role and progress are as of `now`.
Whatever people wrote is cut to a length and escaped, so that it cannot call anybody or link.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from schemas.alerts import CERTIFICATION_EARNED, TRAINING_ABANDONED, Status, Value
from schemas.zones import rules_of

from .days import day_of

NAME_LENGTH = 100
"""Of a name on a card; the longest header is then within the 150 characters that Slack allows."""

NOBODY = "a former user"

LOOK_ALIKES = str.maketrans("*~`", "∗∼ˋ")
"""Slack has no escape for these; in a name they would break the formatting around it."""

TURNING = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
"""Characters that turn the direction of what follows them, and so of the card's own words."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The person's way through the course as it stands now."""

    status: str
    active: bool
    started_at: datetime | None
    completed_at: datetime | None
    last_activity_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What a card is drawn from; `modules` are (id, name) in the catalogue's order."""

    rule: str
    rule_version: int
    status: Status
    values: Mapping[str, Value]
    account: str
    zone: str = "UTC"
    person: str | None = None
    role: str | None = None
    course: str | None = None
    certificate: str | None = None
    modules: tuple[tuple[str, str | None], ...] = ()
    progress: Progress | None = None
    now: datetime


@dataclass(frozen=True, slots=True)
class Card:
    """A message: `text` is what notifications and old clients show instead of the blocks."""

    text: str
    blocks: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The parts in which cards differ; `mended`: emoji and sentence for each status but open."""

    emoji: str
    title: str
    claim: str
    details: list[str]
    why: str
    mended: Mapping[str, tuple[str, str]]


def render(facts: CardFacts) -> Card:
    """The card of an alert as it stands; raises `KeyError` for a rule that has none."""
    words = _RULES[facts.rule](facts)
    title = f"{words.title}: {_name(facts.account)}"
    who = _who(facts)
    blocks = [
        _section(f"*{words.claim}:* {who}"),
        _section("\n".join(words.details)),
        _context(facts, words.why),
    ]
    text = f"{title}. {words.claim}: {who}, {_subject(facts)[1]}"
    if facts.status == "open":
        return Card(text, [_header(f"{words.emoji} {title}"), *blocks])
    emoji, sentence = words.mended[facts.status]
    status = facts.status.capitalize()
    shown = (
        _header(f"{words.emoji} {title}")
        if facts.status == "resolved"
        else _section(f"{words.emoji} ~*{title}*~")
    )
    mark = _section(f"{emoji} *{status}:* {sentence}")
    return Card(f"{status}: {sentence}. {text}", [mark, shown, *blocks])


def _certified(facts: CardFacts) -> _Words:
    details = [_course(facts)]
    score = facts.values["score"]
    if score is not None:
        details.append(f"Score: {_percent(Decimal(score))}")
    details.append(f"Completed: {_day(_instant(facts, 'at'), facts.zone)}")
    return _Words(
        emoji=":mortar_board:",
        title="Training Milestone",
        claim="User Certified",
        details=details,
        why="earned while no certificate was valid",
        mended={
            "resolved": (":hourglass:", "the certificate has lapsed"),
            "withdrawn": (
                ":information_source:",
                "a late record shows that it was not newly earned then",
            ),
            "corrected": (":x:", "the certificate was revoked"),
        },
    )


def _abandoned(facts: CardFacts) -> _Words:
    patience = facts.values["patience_days"]
    last = _instant(facts, "last_activity")
    details = [_course(facts)]
    started = facts.progress.started_at if facts.progress else None
    if started is not None and started <= last:  # else it is the start of a later run
        details.append(f"Started: {_day(started, facts.zone)}")
    activity = f"Last activity: {_day(last, facts.zone)}"
    if facts.status == "open":
        details.append(f"{activity} ({_ago(facts, last)})")
        details.extend(_stuck(facts))
    else:
        details.append(activity)
    return _Words(
        emoji=":warning:",
        title="Training Abandoned",
        claim="User Inactive",
        details=details,
        why=f"no activity for {_days(patience)}",
        mended={
            "resolved": (":white_check_mark:", _how_it_ended(facts)),
            "withdrawn": (
                ":information_source:",
                f"a late record shows that there was no {patience}-day silence",
            ),
            "corrected": (":x:", "a later record changed what this was decided on"),
        },
    )


_RULES: Mapping[str, Callable[[CardFacts], _Words]] = {
    CERTIFICATION_EARNED: _certified,
    TRAINING_ABANDONED: _abandoned,
}


def _how_it_ended(facts: CardFacts) -> str:
    progress = facts.progress
    if progress is None:
        return "no longer silent"
    if progress.completed_at and progress.status in ("completed", "expired"):
        return f"completed the course on {_day(progress.completed_at, facts.zone)}"
    if progress.status == "waived":
        return "the course was waived"
    if progress.status == "withdrawn":
        return "withdrawn from the course"
    if not progress.active:
        return f"no longer with {_name(facts.account)}"
    if progress.last_activity_at is None:
        return "no longer silent"
    return f"back at the course on {_day(progress.last_activity_at, facts.zone)}"


def _stuck(facts: CardFacts) -> list[str]:
    """The module after the last one completed; nothing where the catalogue cannot say."""
    last = facts.values["last_module"]
    ids = [id for id, _ in facts.modules]
    if not ids or (last is not None and last not in ids):
        return []
    place = ids.index(str(last)) + 1 if last is not None else 0
    if place == len(ids):
        return ["All modules done, but not the course"]
    return [f"Stuck on {_name(facts.modules[place][1] or f'module {place + 1}')}"]


def _course(facts: CardFacts) -> str:
    kind, name = _subject(facts)
    return f"{kind}: {name}"


def _subject(facts: CardFacts) -> tuple[str, str]:
    """What it is about: the course by name, else the certificate by name, else either's id."""
    course, certificate = facts.values["course"], facts.values.get("certificate")
    if facts.course or not certificate or (course and not facts.certificate):
        return "Course", _name(facts.course or str(course))
    return "Certificate", _name(facts.certificate or str(certificate))


def _who(facts: CardFacts) -> str:
    person = _name(facts.person or "") or NOBODY
    return f"{person} ({_role(facts.role)})" if facts.role else person


def _role(role: str) -> str:
    """A role's id as people would write it: `end_user` is End User."""
    if role.islower():
        role = " ".join(word.capitalize() for word in role.replace("_", " ").split())
    return _name(role)


def _percent(score: Decimal) -> str:
    rounded = score.quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{rounded.to_integral() if rounded == rounded.to_integral() else rounded}%"


def _ago(facts: CardFacts, at: datetime) -> str:
    days = (day_of(facts.now, facts.zone) - day_of(at, facts.zone)).days
    return f"{_days(days)} ago" if days > 0 else "today"


def _days(count: Value) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _instant(facts: CardFacts, name: str) -> datetime:
    return datetime.fromisoformat(str(facts.values[name]))


def _day(at: datetime, zone: str) -> str:
    day = day_of(at, zone)
    return f"{day:%b} {day.day}, {day.year}"


def _name(name: str) -> str:
    """A name as a card may carry it: one line, not too long, calling nobody."""
    name = " ".join(name.translate(TURNING).split()).translate(LOOK_ALIKES)
    kept, cut = len(name), name
    while len(_escaped(cut)) > NAME_LENGTH:
        kept -= 1
        cut = name[:kept].rstrip() + "…"
    return _escaped(cut)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": True}}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(facts: CardFacts, why: str) -> dict[str, Any]:
    local = facts.now.astimezone(rules_of(facts.zone))
    read_there = f"{_day(facts.now, facts.zone)} at {local:%H:%M}"
    when = f"<!date^{int(facts.now.timestamp())}^{{date_short_pretty}} at {{time}}|{read_there}>"
    rule = f"rule {facts.rule}, version {facts.rule_version}"
    return {"type": "context", "elements": [_mrkdwn(f"As of {when} · Why: {why} ({rule})")]}


def _mrkdwn(text: str) -> dict[str, Any]:
    """Verbatim: an address or `#channel` within a name stays words, no link is made of it."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
