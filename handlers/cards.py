"""What does a card say? Block Kit from facts that were looked up (PRD-104 5.1).

What the alert was decided on is frozen in its values; all else is as of `now`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from schemas.alerts import (
    CERTIFICATION_EARNED,
    TEAM_MILESTONE,
    TRAINING_ABANDONED,
    Status,
    Value,
)
from schemas.zones import rules_of

from .days import day_of
from .readiness import Modules, Readiness, has_rest, module_of, rest, shown
from .words import ANY, day, days, name_of, percent, person_of, role_of, team_of


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
    """What a card is drawn from; `at`: since when the alert's condition is true."""

    rule: str
    rule_version: int
    status: Status
    at: datetime
    values: Mapping[str, Value]
    account: str
    zone: str = "UTC"
    person: str | None = None
    role: str | None = None
    course: str | None = None
    certificate: str | None = None
    modules: Modules = ()
    progress: Progress | None = None
    readiness: Readiness = field(default_factory=Readiness)
    now: datetime


@dataclass(frozen=True, slots=True)
class Card:
    """A message: `text` is what notifications and old clients show instead of the blocks.

    `more`: it promises a reply in its thread that says the rest.
    """

    text: str
    blocks: list[dict[str, Any]]
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The parts in which cards differ; `mended`: emoji and sentence for each status but open."""

    emoji: str
    title: str
    claim: str
    who: str
    subject: tuple[str, str]
    details: list[str]
    readiness: Readiness
    why: str
    mended: Mapping[str, tuple[str, str]]


def render(facts: CardFacts) -> Card:
    """The card of an alert as it stands; raises `KeyError` for a rule that has none."""
    words = _RULES[facts.rule](facts)
    title = f"{words.title}: {name_of(facts.account)}"
    kind, subject = words.subject
    blocks = [
        _section(f"*{words.claim}:* {words.who}"),
        _section("\n".join([f"{kind}: {subject}", *words.details])),
        *map(_section, shown(words.readiness, facts.now)),
        _context(facts, f" · Why: {words.why} (rule {facts.rule}, version {facts.rule_version})"),
    ]
    text = f"{title}. {words.claim}: {words.who}, {subject}"
    more = has_rest(words.readiness)
    if facts.status == "open":
        return Card(text, [_header(f"{words.emoji} {title}"), *blocks], more)
    emoji, sentence = words.mended[facts.status]
    status = facts.status.capitalize()
    headed = (
        _header(f"{words.emoji} {title}")
        if facts.status == "resolved"
        else _section(f"{words.emoji} ~*{title}*~")
    )
    mark = _section(f"{emoji} *{status}:* {sentence}")
    return Card(f"{status}: {sentence}. {text}", [mark, headed, *blocks], more)


def render_rest(facts: CardFacts) -> Card:
    """The reply in a card's thread: what of its lists the card itself does not show."""
    texts = rest(_RULES[facts.rule](facts).readiness, facts.now)
    # The card promised it, perhaps before a crash; an account may have become simpler since.
    texts = texts or ["Nothing is left to add: the lists have become shorter meanwhile."]
    blocks = [*map(_section, texts), _context(facts)]
    return Card(f"More on the training of {name_of(facts.account)}", blocks)


def _certified(facts: CardFacts) -> _Words:
    details = []
    score = facts.values["score"]
    if score is not None:
        details.append(f"Score: {percent(Decimal(score))}")
    details.append(f"Completed: {day(_instant(facts, 'at'), facts.zone)}")
    return _Words(
        emoji=":mortar_board:",
        title="Training Milestone",
        claim="User Certified",
        who=_who(facts),
        subject=_subject(facts),
        details=details,
        readiness=facts.readiness,
        why="earned while no certificate was valid",
        mended={
            "resolved": (":hourglass:", "the certificate has lapsed"),
            "withdrawn": (
                ":information_source:",
                "a late record shows that it was not newly earned then",
            ),
            "corrected": (":x:", "the certificate was revoked or its completion taken back"),
        },
    )


def _abandoned(facts: CardFacts) -> _Words:
    patience = int(facts.values["patience_days"] or 0)
    last = _instant(facts, "last_activity")
    details = []
    started = facts.progress.started_at if facts.progress else None
    if started is not None and started <= last:  # else it is the start of a later run
        details.append(f"Started: {day(started, facts.zone)}")
    activity = f"Last activity: {day(last, facts.zone)}"
    if facts.status == "open":
        details.append(f"{activity} ({_ago(facts, last)})")
        details.extend(_stuck(facts))
    else:
        details.append(activity)
    return _Words(
        emoji=":warning:",
        title="Training Abandoned",
        claim="User Inactive",
        who=_who(facts),
        subject=_subject(facts),
        details=details,
        # Of the gaps of this account, the card itself is one.
        readiness=replace(facts.readiness, gaps=(), more_gaps=False),
        why=f"no activity for {days(patience)}",
        mended={
            "resolved": (":white_check_mark:", _how_it_ended(facts)),
            "withdrawn": (
                ":information_source:",
                f"a late record shows that there was no {patience}-day silence",
            ),
            "corrected": (":x:", "a later record changed what this was decided on"),
        },
    )


def _team(facts: CardFacts) -> _Words:
    role, level = str(facts.values["role"]), str(facts.values["level"])
    target, course = str(facts.values["target"]), facts.values["target_kind"] == "course"
    name = name_of((facts.course if course else facts.certificate) or target)
    team = team_of(role, level)
    return _Words(
        emoji=":mortar_board:",
        title="Team Milestone",
        claim="Team Trained" if course else "Team Certified",
        who=team if role == ANY else f"All {team}",
        subject=("Course" if course else "Certificate", name),
        details=[f"People: {facts.values['people']}", f"Reached: {day(facts.at, facts.zone)}"],
        readiness=facts.readiness,
        why="the last of the team met the requirement",
        mended={
            "resolved": (":hourglass:", "not everyone meets the requirement any more"),
            "withdrawn": (":information_source:", "a late record shows that it was reached before"),
            "corrected": (":x:", "a certificate was revoked or a completion taken back"),
        },
    )


_RULES: Mapping[str, Callable[[CardFacts], _Words]] = {
    CERTIFICATION_EARNED: _certified,
    TRAINING_ABANDONED: _abandoned,
    TEAM_MILESTONE: _team,
}


def _how_it_ended(facts: CardFacts) -> str:
    progress = facts.progress
    if progress is None:
        return "no longer silent"
    if progress.completed_at and progress.status in ("completed", "expired"):
        return f"completed the course on {day(progress.completed_at, facts.zone)}"
    if progress.status == "waived":
        return "the course was waived"
    if progress.status == "withdrawn":
        return "withdrawn from the course"
    if not progress.active:
        return f"no longer with {name_of(facts.account)}"
    if progress.last_activity_at is None:
        return "no longer silent"
    return f"back at the course on {day(progress.last_activity_at, facts.zone)}"


def _stuck(facts: CardFacts) -> list[str]:
    """The module after the last one completed; nothing where the catalogue cannot say."""
    last = facts.values["last_module"]
    ids = [id for id, _ in facts.modules]
    if not ids or (last is not None and last not in ids):
        return []
    place = ids.index(str(last)) + 1 if last is not None else 0
    if place == len(ids):
        return ["All modules done, but not the course"]
    return [f"Stuck on {module_of(facts.modules[place][1], place + 1)}"]


def _subject(facts: CardFacts) -> tuple[str, str]:
    """What it is about: the course by name, else the certificate by name, else either's id."""
    course, certificate = facts.values["course"], facts.values.get("certificate")
    if facts.course or not certificate or (course and not facts.certificate):
        return "Course", name_of(facts.course or str(course))
    return "Certificate", name_of(facts.certificate or str(certificate))


def _who(facts: CardFacts) -> str:
    person = person_of(facts.person)
    return f"{person} ({role_of(facts.role)})" if facts.role else person


def _ago(facts: CardFacts, at: datetime) -> str:
    count = (day_of(facts.now, facts.zone) - day_of(at, facts.zone)).days
    return f"{days(count)} ago" if count > 0 else "today"


def _instant(facts: CardFacts, name: str) -> datetime:
    return datetime.fromisoformat(str(facts.values[name]))


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": True}}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(facts: CardFacts, why: str = "") -> dict[str, Any]:
    local = facts.now.astimezone(rules_of(facts.zone))
    read_there = f"{day(facts.now, facts.zone)} at {local:%H:%M}"
    when = f"<!date^{int(facts.now.timestamp())}^{{date_short_pretty}} at {{time}}|{read_there}>"
    return {"type": "context", "elements": [_mrkdwn(f"As of {when}{why}")]}


def _mrkdwn(text: str) -> dict[str, Any]:
    """Verbatim: an address or `#channel` within a name stays words, no link is made of it."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
