"""What of a message does Slack refuse, and in which words?

The limits are those of Slack's Block Kit reference; details name the place as Slack does, by JSON
pointer. Slack publishes neither the total length of a message's blocks, which is as measured by its
users, nor the size of metadata, which here is a guess on the safe side.
"""

import json
from collections.abc import Iterable

from deploy.local_slack.workspace import Json, Refused

BLOCKS = 50
TOTAL_CHARACTERS = 13_200
POST_CHARACTERS = 40_000  # beyond it Slack cuts, posts and warns
UPDATE_CHARACTERS = 4_000  # beyond it Slack refuses
METADATA_BYTES = 8_000

_KNOWN = {
    "header": {"text"},
    "section": {"text", "fields", "accessory", "expand"},
    "divider": set[str](),
    "context": {"elements"},
    "actions": {"elements"},
    "image": {"image_url", "alt_text", "title"},
}
_BUTTON = {"text", "action_id", "url", "value", "style", "confirm", "accessibility_label"}
_CONFIRM = {"title", "text", "confirm", "deny", "style"}


def check_blocks(blocks: object) -> list[Json]:
    """The blocks if Slack takes them; raises its error, with every reason."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise Refused("invalid_blocks_format")
    inspection = _Inspection()
    inspection.blocks(blocks)
    if inspection.problems:
        raise Refused("invalid_blocks", inspection.problems)
    if inspection.characters > TOTAL_CHARACTERS:
        raise Refused("msg_blocks_too_long")
    return blocks


def check_metadata(metadata: object) -> Json:
    """The metadata if Slack takes it; empty metadata is none."""
    if metadata is None or metadata == {}:
        return {}
    if not isinstance(metadata, dict) or set(metadata) != {"event_type", "event_payload"}:
        raise Refused("invalid_metadata_format")
    kind, payload = metadata["event_type"], metadata["event_payload"]
    if not isinstance(kind, str) or not kind or not isinstance(payload, dict):
        raise Refused("invalid_metadata_format")
    if len(json.dumps(payload, ensure_ascii=False).encode()) > METADATA_BYTES:
        raise Refused("metadata_too_large")
    return metadata


class _Inspection:
    """Collects what is wrong with a list of blocks, and counts their text."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.characters = 0

    def blocks(self, blocks: list[Json]) -> None:
        self._count(blocks, "/blocks", most=BLOCKS, least=0)
        self._unique(blocks, "block_id", "/blocks")
        for number, block in enumerate(blocks):
            self._block(block, f"/blocks/{number}")

    def _block(self, block: Json, at: str) -> None:
        kind = block.get("type")
        if kind not in _KNOWN:
            self._say(f"unsupported type: {kind}", f"{at}/type")
            return
        self._only(block, _KNOWN[kind] | {"type", "block_id"}, at)
        self._string(block, "block_id", at, most=255)
        if kind == "header":
            self._text(block, "text", at, most=150, mrkdwn=False)
        elif kind == "section":
            self._section(block, at)
        elif kind == "image":
            self._image(block, at, also=frozenset({"block_id", "title"}))
            self._text(block, "title", at, most=2000, mrkdwn=False, required=False)
        elif kind == "context":
            for element, place in self._items(block, "elements", at, most=10):
                if element.get("type") == "image":
                    self._image(element, place)
                else:
                    self._text_object(element, place, most=3000)
        elif kind == "actions":
            elements = list(self._items(block, "elements", at, most=25))
            self._unique([element for element, _ in elements], "action_id", f"{at}/elements")
            for element, place in elements:
                self._button(element, place)

    def _section(self, block: Json, at: str) -> None:
        if "text" not in block and "fields" not in block:
            self._say("missing required field: text or fields", at)
        self._text(block, "text", at, most=3000, required=False)
        if "fields" in block:
            for field, place in self._items(block, "fields", at, most=10):
                self._text_object(field, place, most=2000)
        accessory = block.get("accessory")
        if isinstance(accessory, dict) and accessory.get("type") == "image":
            self._image(accessory, f"{at}/accessory")
        elif accessory is not None:
            self._button(accessory, f"{at}/accessory")

    def _button(self, button: object, at: str) -> None:
        if not isinstance(button, dict) or button.get("type") != "button":
            kind = button.get("type") if isinstance(button, dict) else button
            self._say(f"unsupported type: {kind}", f"{at}/type")
            return
        self._only(button, _BUTTON | {"type"}, at)
        self._text(button, "text", at, most=75, mrkdwn=False)
        for name, most in {"action_id": 255, "value": 2000, "url": 3000}.items():
            self._string(button, name, at, most=most)
        if button.get("style") not in (None, "primary", "danger"):
            self._say("must be one of: primary, danger", f"{at}/style")
        confirm = button.get("confirm")
        if isinstance(confirm, dict):
            self._only(confirm, _CONFIRM, f"{at}/confirm")
            self._text(confirm, "title", f"{at}/confirm", most=100, mrkdwn=False)
            self._text(confirm, "text", f"{at}/confirm", most=300)
            self._text(confirm, "confirm", f"{at}/confirm", most=30, mrkdwn=False)
            self._text(confirm, "deny", f"{at}/confirm", most=30, mrkdwn=False)

    def _image(self, image: Json, at: str, also: frozenset[str] = frozenset()) -> None:
        self._only(image, also | {"type", "image_url", "alt_text"}, at)
        self._string(image, "image_url", at, most=3000, required=True)
        self._string(image, "alt_text", at, most=2000, required=True)

    def _text(
        self,
        holder: Json,
        name: str,
        at: str,
        *,
        most: int,
        mrkdwn: bool = True,
        required: bool = True,
    ) -> None:
        if name in holder:
            self._text_object(holder[name], f"{at}/{name}", most=most, mrkdwn=mrkdwn)
        elif required:
            self._say(f"missing required field: {name}", at)

    def _text_object(self, text: object, at: str, *, most: int, mrkdwn: bool = True) -> None:
        if not isinstance(text, dict):
            self._say("must provide an object", at)
            return
        kinds = {"plain_text": "emoji", "mrkdwn": "verbatim"}
        if not mrkdwn:
            del kinds["mrkdwn"]
        kind = text.get("type")
        if kind not in kinds:
            self._say(f"unsupported type: {kind}, must be one of: {', '.join(kinds)}", f"{at}/type")
            return
        self._only(text, {"type", "text", kinds[kind]}, at)
        self._string(text, "text", at, most=most, required=True)
        self.characters += len(str(text.get("text", "")))

    def _string(
        self, holder: Json, name: str, at: str, *, most: int, required: bool = False
    ) -> None:
        value = holder.get(name)
        if value is None:
            if required:
                self._say(f"missing required field: {name}", at)
        elif not isinstance(value, str):
            self._say("must provide a string", f"{at}/{name}")
        elif required and not value:
            self._say("must be more than 0 characters", f"{at}/{name}")
        elif len(value) > most:
            self._say(f"must be less than {most + 1} characters", f"{at}/{name}")

    def _items(self, holder: Json, name: str, at: str, *, most: int) -> Iterable[tuple[Json, str]]:
        items = holder.get(name)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            self._say("must provide an array of objects", f"{at}/{name}")
            return []
        self._count(items, f"{at}/{name}", most=most, least=1)
        return [(item, f"{at}/{name}/{number}") for number, item in enumerate(items)]

    def _count(self, items: list[Json], at: str, *, most: int, least: int) -> None:
        if len(items) > most:
            self._say(f"no more than {most} items allowed", at)
        if len(items) < least:
            self._say(f"no less than {least} items allowed", at)

    def _unique(self, items: list[Json], name: str, at: str) -> None:
        names = [item[name] for item in items if isinstance(item.get(name), str)]
        for repeated in sorted({one for one in names if names.count(one) > 1}):
            self._say(f"`{name}` already exists: {repeated}", at)

    def _only(self, holder: Json, known: set[str] | frozenset[str], at: str) -> None:
        for name in sorted(set(holder) - known):
            self._say(f"invalid additional property: {name}", at)

    def _say(self, problem: str, at: str) -> None:
        self.problems.append(f"{problem} [json-pointer:{at}]")
