"""How is a Block Kit block drawn in HTML, as Slack would show it?

Everything anybody wrote is escaped; links go to http, https and mailto only; no picture is fetched.
"""

from collections.abc import Iterable
from html import escape

from deploy.local_slack.mrkdwn import Code, Link, Mention, Part, Styled, parse, parse_text_object
from deploy.local_slack.workspace import Json, Version

_TAGS = {"bold": "strong", "italic": "em", "strike": "del", "quote": "blockquote"}


def drawn(said: Version) -> str:
    """The blocks, or the text where there are none."""
    if not said.blocks:
        return f'<div class="text">{_parts(parse(said.text))}</div>'
    return "".join(_block(block) for block in said.blocks)


def _block(block: Json) -> str:
    kind = block["type"]
    if kind == "header":
        return f"<h3>{_text(block['text'])}</h3>"
    if kind == "divider":
        return "<hr>"
    if kind == "image":
        return _picture(block)
    if kind == "context":
        elements = "".join(f"<span>{_element(one)}</span>" for one in block["elements"])
        return f'<div class="context">{elements}</div>'
    if kind == "actions":
        return f'<div class="actions">{"".join(_button(one) for one in block["elements"])}</div>'
    return _section(block)


def _section(block: Json) -> str:
    text = f'<div class="text">{_text(block["text"])}</div>' if "text" in block else ""
    fields = "".join(f"<div>{_text(field)}</div>" for field in block.get("fields", []))
    fields = f'<div class="fields">{fields}</div>' if fields else ""
    accessory = _element(block["accessory"]) if "accessory" in block else ""
    return f'<div class="section"><div>{text}{fields}</div>{accessory}</div>'


def _element(element: Json) -> str:
    if element["type"] == "image":
        return _picture(element)
    return _button(element) if element["type"] == "button" else _text(element)


def _button(button: Json) -> str:
    look = f"button {button.get('style', '')}".strip()
    label = _text(button["text"])
    if "url" in button and button["url"].lower().startswith(("https://", "http://")):
        return f'<a class="{look}" href="{escape(button["url"])}" rel="noreferrer">{label}</a>'
    hint = " ".join(button[name] for name in ("action_id", "value") if name in button)
    return f'<span class="{look}" title="{escape(hint)}">{label}</span>'


def _picture(image: Json) -> str:
    return f'<span class="picture">{escape(image["alt_text"])}</span>'


def _text(text: Json) -> str:
    return _parts(parse_text_object(text))


def _parts(parts: Iterable[Part]) -> str:
    return "".join(_part(part) for part in parts)


def _part(part: Part) -> str:
    if isinstance(part, Styled):
        tag = _TAGS[part.style]
        return f"<{tag}>{_parts(part.parts)}</{tag}>"
    if isinstance(part, Code):
        tag = "pre" if part.block else "code"
        return f"<{tag}>{escape(part.text)}</{tag}>"
    if isinstance(part, Link):
        return f'<a href="{escape(part.url)}" rel="noreferrer">{escape(part.label)}</a>'
    if isinstance(part, Mention):
        return f"<mark>{escape(part.text)}</mark>"
    return escape(part.text)
