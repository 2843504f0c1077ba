"""What does a piece of Slack's mrkdwn say, and how is each part of it meant?

Markup becomes a tree of parts; what was escaped (`&lt;!channel&gt;`) comes out as inert text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.local_slack.emoji import CHARACTERS
from deploy.local_slack.workspace import Json


@dataclass(frozen=True)
class Words:
    """Text as people read it."""

    text: str


@dataclass(frozen=True)
class Styled:
    """`style` is one of bold, italic, strike, quote."""

    style: str
    parts: tuple["Part", ...]


@dataclass(frozen=True)
class Code:
    """Text shown letter by letter; `block` for a fenced one."""

    text: str
    block: bool = False


@dataclass(frozen=True)
class Link:
    url: str
    label: str


@dataclass(frozen=True)
class Mention:
    """A person, a channel or everybody, called by the message."""

    text: str


Part = Words | Styled | Code | Link | Mention

_FENCE = re.compile(r"\n?```\n?(.+?)\n?```\n?", re.DOTALL)
_INLINE = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<(?P<special>[^<>\n]+)>"
    r"|(?<![\w*])\*(?=\S)(?P<bold>[^*\n]+)(?<=\S)\*(?![\w*])"
    r"|(?<!\w)_(?=\S)(?P<italic>[^\n]+?)(?<=\S)_(?!\w)"
    r"|(?<![\w~])~(?=\S)(?P<strike>[^~\n]+)(?<=\S)~(?![\w~])"
)
_QUOTE = re.compile(r"(?:>|&gt;) ?")
_EMOJI = re.compile(r":([a-z0-9_+'-]+):")
_SAFE_URL = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)


def parse(text: str) -> tuple[Part, ...]:
    """The parts of a mrkdwn text, in order."""
    parts: list[Part] = []
    for number, piece in enumerate(_FENCE.split(text)):
        if number % 2:
            parts.append(Code(_decoded(piece), block=True))
        elif piece:
            parts.extend(_lines(piece))
    return tuple(parts)


def parse_text_object(text: Json) -> tuple[Part, ...]:
    """The parts of a Block Kit text object; plain text has emoji and no markup."""
    if text["type"] == "mrkdwn":
        return parse(text["text"])
    plain = _decoded(text["text"])
    return (Words(_with_emoji(plain) if text.get("emoji", True) else plain),)


def _lines(text: str) -> Iterator[Part]:
    quoted: list[str] = []
    plain: list[str] = []
    for line in text.split("\n"):
        mark = _QUOTE.match(line)
        if mark:
            if plain:
                yield from _inline("\n".join(plain))
            plain.clear()
            quoted.append(line[mark.end() :])
        else:
            if quoted:
                yield Styled("quote", tuple(_inline("\n".join(quoted))))
            quoted.clear()
            plain.append(line)
    if quoted:
        yield Styled("quote", tuple(_inline("\n".join(quoted))))
    elif plain:
        yield from _inline("\n".join(plain))


def _inline(text: str) -> Iterator[Part]:
    read = 0
    for found in _INLINE.finditer(text):
        yield from _words(text[read : found.start()])
        read = found.end()
        kind, inside = found.lastgroup, found.group(found.lastgroup or 0)
        if kind == "code":
            yield Code(_decoded(inside))
        elif kind == "special":
            yield _special(inside)
        else:
            yield Styled(str(kind), tuple(_inline(inside)))
    yield from _words(text[read:])


def _words(text: str) -> Iterator[Part]:
    if text:
        yield Words(_with_emoji(_decoded(text)))


def _special(inside: str) -> Part:
    """What stands between angle brackets: a link, a mention or a date."""
    target, _, label = inside.partition("|")
    if target.startswith("!date^"):
        return Words(_date(target, _decoded(label)))
    if target.startswith("!"):
        return Mention(_decoded(label) if label else "@" + target[1:].partition("^")[0])
    if target.startswith(("@", "#")):
        return Mention(target[0] + _decoded(label or target[1:]))
    url = _decoded(target)
    if not _SAFE_URL.match(url):
        return Words(_decoded(f"<{inside}>"))
    return Link(url, _with_emoji(_decoded(label)) or url)


def _date(target: str, fallback: str) -> str:
    """A moment in the reader's zone, which is this machine's: the page is for its people alone."""
    _, seconds, form = [*target.split("^"), "", ""][:3]
    if not seconds.isdecimal() or not form:
        return fallback
    at = datetime.fromtimestamp(int(seconds), tz=UTC).astimezone()
    last = at.day % 10 if at.day // 10 != 1 else 0
    ordinal = f"{at.day}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"
    clock = f"{at.hour % 12 or 12}:{at:%M}"
    forms = {
        "{date_num}": f"{at:%Y-%m-%d}",
        "{date}": f"{at:%B} {ordinal}, {at.year}",
        "{date_short}": f"{at:%b} {at.day}, {at.year}",
        "{date_long}": f"{at:%A}, {at:%B} {ordinal}, {at.year}",
        "{time}": f"{clock} {at:%p}",
        "{time_secs}": f"{clock}:{at:%S} {at:%p}",
    }
    for name, value in forms.items():
        form = form.replace(name, value).replace(name.replace("}", "_pretty}"), value)
    return form


def _decoded(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _with_emoji(text: str) -> str:
    return _EMOJI.sub(lambda found: CHARACTERS.get(found[1], found[0]), text)
