"""How does a message read in a terminal, in lines of at most so many columns?

Only what a person would see: emoji as characters, no marks, and no control characters.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

from deploy.local_slack.mrkdwn import Code, Link, Part, Styled, parse, parse_text_object
from deploy.local_slack.workspace import Json, Message, Version, Workspace

WIDTH = 80
NARROWEST = 40
# Writing-direction marks could make a line read as what it is not.
_UNSEEN = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)}
_BOLD, _DIM, _ITALIC, _STRIKE = "1", "2", "3", "9"

Span = tuple[str, str]  # what to write, and in which ANSI style


def printed(
    workspace: Workspace,
    message: Message,
    version: int = 0,
    *,
    width: int = WIDTH,
    ansi: bool = False,
) -> str:
    """The message in a frame; `version` 1 is the first, 0 the latest."""
    said = message.versions[version - 1]
    mended = message.versions.index(said) > 0
    where = workspace.title(workspace.conversations[message.conversation])
    at = datetime.fromtimestamp(float(said.at), tz=UTC).astimezone()
    how = (" (reply)" if message.thread_ts else "") + (" (edited)" if mended else "")
    title = f"{workspace.author(message)} → {where}{how}"
    head = _wrapped([(title, _BOLD)], width - 14)[0]
    rule = "─" * max(1, width - 12 - sum(columns(text) for text, _ in head))
    lines = [f"┌─ {_styled(head, ansi)} {rule} {at:%H:%M}"]
    for line in _body(said, width - 2):
        lines.append(f"│ {_styled(line, ansi)}".rstrip())
    lines.append("└" + "─" * (width - 1))
    return "\n".join(lines) + "\n"


def columns(text: str) -> int:
    """How many columns a terminal gives the text."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _body(said: Version, width: int) -> list[list[Span]]:
    if not said.blocks:
        return _wrapped(_spans(parse(said.text)), width)
    lines: list[list[Span]] = []
    for block in said.blocks:
        if lines:
            lines.append([])
        lines.extend(_block(block, width))
    return lines


def _block(block: Json, width: int) -> list[list[Span]]:
    kind = block["type"]
    if kind == "divider":
        return [[("─" * width, _DIM)]]
    if kind == "header":
        return _wrapped(_spans(parse_text_object(block["text"]), _BOLD), width)
    if kind == "image":
        return _wrapped([(_picture(block), _DIM)], width)
    if kind == "context":
        spans: list[Span] = []
        for element in block["elements"]:
            spans.append(("  " if spans else "", ""))
            if element["type"] == "image":
                spans.append((_picture(element), _DIM))
            else:
                spans.extend(_spans(parse_text_object(element), _DIM))
        return _wrapped(spans, width)
    if kind == "actions":
        buttons = [span for button in block["elements"] for span in (_button(button), ("  ", ""))]
        return _wrapped(buttons[:-1], width)
    return _section(block, width)


def _section(block: Json, width: int) -> list[list[Span]]:
    lines: list[list[Span]] = []
    if "text" in block:
        lines += _wrapped(_spans(parse_text_object(block["text"])), width)
    lines += _fields([_spans(parse_text_object(one)) for one in block.get("fields", [])], width)
    accessory = block.get("accessory")
    if accessory is not None:
        is_image = accessory["type"] == "image"
        lines += _wrapped([(_picture(accessory), _DIM) if is_image else _button(accessory)], width)
    return lines


def _fields(fields: list[list[Span]], width: int) -> list[list[Span]]:
    """Two columns where all fits, as Slack does; else one below the other."""
    column = (width - 2) // 2
    broad = [_wrapped(field, width) for field in fields]
    if any(sum(columns(text) for text, _ in line) > column for field in broad for line in field):
        return [line for field in broad for line in field]
    lines: list[list[Span]] = []
    for left, right in zip(broad[::2], [*broad[1::2], []], strict=False):
        for number in range(max(len(left), len(right))):
            line = left[number] if number < len(left) else []
            gap = column + 2 - sum(columns(text) for text, _ in line)
            lines.append([*line, (" " * gap, ""), *(right[number] if number < len(right) else [])])
    return lines


def _button(button: Json) -> Span:
    label = "".join(text for text, _ in _spans(parse_text_object(button["text"])))
    address = f" {button['url']}" if "url" in button else ""
    # The label stays in one piece when the line is wrapped.
    return (f"[{label}]".replace(" ", "\u00a0") + address, _BOLD)


def _picture(image: Json) -> str:
    return f"[picture: {image['alt_text']}]"


def _spans(parts: Iterable[Part], style: str = "") -> list[Span]:
    spans: list[Span] = []
    for part in parts:
        if spans and not spans[-1][0].endswith("\n") and _begins_a_line(part):
            spans.append(("\n", ""))
        if isinstance(part, Styled) and part.style == "quote":
            spans.append(("▌ ", _DIM))
            for text, code in _spans(part.parts, style):
                spans.append((text.replace("\n", "\n▌ "), code))
            spans.append(("\n", ""))
        elif isinstance(part, Styled):
            code = {"bold": _BOLD, "italic": _ITALIC, "strike": _STRIKE}[part.style]
            spans += _spans(part.parts, f"{style};{code}".strip(";"))
        elif isinstance(part, Link):
            spans.append((part.label, style))
            if part.url not in (part.label, f"mailto:{part.label}"):
                spans.append((f" ({part.url})", _DIM))
        elif isinstance(part, Code):
            spans.append((part.text + "\n" * part.block, style))
        else:
            spans.append((part.text, style))
    return spans


def _begins_a_line(part: Part) -> bool:
    return (isinstance(part, Styled) and part.style == "quote") or (
        isinstance(part, Code) and part.block
    )


def _wrapped(spans: Iterable[Span], width: int) -> list[list[Span]]:
    """The spans in lines no wider than that, broken between words where possible."""
    lines: list[list[Span]] = [[]]
    room = width
    word: list[Span] = []
    for piece, style in [*_pieces(spans), ("\n", "")]:
        if not piece.isspace() or piece == "\u00a0":
            word.append((piece, style))
            continue
        size = sum(columns(text) for text, _ in word)
        if size > room and lines[-1]:
            lines.append([])
            room = width
        # Only a word wider than a whole line is broken within.
        for part in word if size <= width else _letters(word):
            if columns(part[0]) > room:
                lines.append([])
                room = width
            lines[-1].append(part)
            room -= columns(part[0])
        word = []
        if piece == "\n":
            lines.append([])
            room = width
        elif room > 0:
            lines[-1].append((piece[:room], style))
            room -= len(piece)
    while lines and not any(text.strip() for text, _ in lines[-1]):
        lines.pop()
    return lines


def _letters(word: list[Span]) -> list[Span]:
    return [(letter, style) for text, style in word for letter in text]


def _pieces(spans: Iterable[Span]) -> Iterable[Span]:
    for text, style in spans:
        seen = "".join(map(_harmless, text))
        for piece in re.findall(r"\n| +|[^ \n]+", seen):
            yield piece, style


def _harmless(character: str) -> str:
    """A name must not move the cursor, ring the bell or turn the line round."""
    if character in _UNSEEN:
        return ""
    if character != "\n" and unicodedata.category(character) in ("Cc", "Zl", "Zp"):
        return "�" if character != "\t" else " "
    return character


def _styled(line: list[Span], ansi: bool) -> str:
    if not ansi:
        return "".join(text for text, _ in line).rstrip()
    return "".join(f"\033[{code}m{text}\033[0m" if code else text for text, code in line)
