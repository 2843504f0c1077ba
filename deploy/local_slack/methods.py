"""What does each Web API method answer, and what does it change?

Arguments arrive already decoded; `Refused` carries Slack's error. Where Slack answers less than one
would think (metadata without `include_all_metadata`, names of channels but for posting), so do
these.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping

from deploy.local_slack import limits
from deploy.local_slack.workspace import Conversation, Json, Message, Refused, Workspace


def auth_test(workspace: Workspace, arguments: Json) -> Json:
    return {
        "url": "http://127.0.0.1/",
        "team": workspace.app_name,
        "user": workspace.app_name.lower(),
        "team_id": workspace.team,
        "user_id": workspace.bot_user,
        "bot_id": workspace.bot,
        "is_enterprise_install": False,
    }


def post_message(workspace: Workspace, arguments: Json) -> Json:
    named = str(arguments.get("channel", ""))
    person = named in workspace.people
    where = workspace.open_direct(named)[0] if person else workspace.find(named)
    if workspace.is_closed(where):
        raise Refused("is_archived")
    if not where.member:
        raise Refused("not_in_channel")
    thread = arguments.get("thread_ts")
    if thread is not None:
        parent = workspace.messages.get(where.id, {}).get(str(thread))
        if parent is None or parent.thread_ts is not None:
            raise Refused("thread_not_found")
    _no_attachments(arguments)
    text = str(arguments.get("text") or "")
    blocks = limits.check_blocks(_structure(arguments, "blocks", "invalid_blocks_format") or [])
    metadata = limits.check_metadata(_structure(arguments, "metadata", "invalid_metadata_format"))
    if not text.strip() and not blocks:
        raise Refused("no_text")
    answer: Json = {}
    if len(text) > limits.POST_CHARACTERS:
        text = text[: limits.POST_CHARACTERS]
        answer["response_metadata"] = {
            "warnings": ["message_truncated"],
            "messages": ["[WARN] the text was cut to 40,000 characters, and posted"],
        }
    message = workspace.post(
        where, workspace.bot_user, text, blocks=blocks, metadata=metadata, thread_ts=thread
    )
    answer |= {"channel": where.id, "ts": message.ts, "message": _shown(workspace, message)}
    return answer


def update_message(workspace: Workspace, arguments: Json) -> Json:
    where = _conversation(workspace, arguments)
    message = workspace.messages.get(where.id, {}).get(str(arguments.get("ts", "")))
    if message is None:
        raise Refused("message_not_found")
    if message.author != workspace.bot_user:
        raise Refused("cant_update_message")
    if workspace.is_closed(where):
        raise Refused("is_inactive")
    _no_attachments(arguments)
    new_text = arguments.get("text")
    blocks = _structure(arguments, "blocks", "invalid_blocks_format")
    metadata = _structure(arguments, "metadata", "invalid_metadata_format")
    if new_text is None and blocks is None:
        raise Refused("no_text")
    text = message.now.text if new_text is None else str(new_text)
    if len(text) > limits.UPDATE_CHARACTERS:
        raise Refused("msg_too_long")
    # A new text alone removes the blocks.
    kept = [] if blocks is None else limits.check_blocks(blocks)
    if not text.strip() and not kept:
        raise Refused("no_text")
    told = message.now.metadata if metadata is None else limits.check_metadata(metadata)
    workspace.edit(message, text, kept, told)
    return {
        "channel": where.id,
        "ts": message.ts,
        "text": text,
        "message": _shown(workspace, message),
    }


def history(workspace: Workspace, arguments: Json, unseen_from: str | None = None) -> Json:
    """The conversation, newest first; messages from `unseen_from` on have not reached it yet."""
    where = _conversation(workspace, arguments)
    if not where.member:
        raise Refused("not_in_channel")
    messages = [one for one in workspace.in_order(where.id) if one.thread_ts is None]
    bounds = _Bounds(arguments, unseen_from, default=100)
    before = _after_page(arguments.get("cursor"))
    found = [one for one in reversed(messages) if one in bounds]
    found = [one for one in found if before is None or _micros(one.ts) < before]
    return {**_page(workspace, arguments, found, bounds.limit), "pin_count": 0}


def replies(workspace: Workspace, arguments: Json, unseen_from: str | None = None) -> Json:
    """A thread, oldest first; its parent heads every page, whatever the bounds."""
    where = _conversation(workspace, arguments)
    if not where.member:
        raise Refused("not_in_channel")
    parent = workspace.messages.get(where.id, {}).get(str(arguments.get("ts", "")))
    if parent is None:
        raise Refused("thread_not_found")
    bounds = _Bounds(arguments, unseen_from, default=1000)
    after = _after_page(arguments.get("cursor"))
    found = [one for one in workspace.replies(parent) if one in bounds]
    found = [one for one in found if after is None or _micros(one.ts) > after]
    answer = _page(workspace, arguments, found, bounds.limit)
    answer["messages"].insert(
        0, _shown(workspace, parent, _truth(arguments, "include_all_metadata"))
    )
    return answer


def lookup_by_email(workspace: Workspace, arguments: Json) -> Json:
    person = workspace.find_person(str(arguments.get("email", "")))
    return users_info(workspace, {"user": person.id})


def users_info(workspace: Workspace, arguments: Json) -> Json:
    person = workspace.people.get(str(arguments.get("user", "")))
    if person is None:
        raise Refused("user_not_found")
    return {
        "user": {
            "id": person.id,
            "team_id": workspace.team,
            "name": person.email.partition("@")[0],
            "real_name": person.name,
            "deleted": person.deleted,
            "is_bot": False,
            "profile": {"email": person.email, "real_name": person.name},
        }
    }


def open_conversation(workspace: Workspace, arguments: Json) -> Json:
    users = str(arguments.get("users", ""))
    if users:
        if "," in users:
            raise Refused("invalid_arguments", ["group messages are not part of the local Slack"])
        where, already = workspace.open_direct(users)
    elif arguments.get("channel"):
        where, already = _conversation(workspace, arguments), True
    else:
        raise Refused("users_list_not_supplied")
    channel: Json = {"id": where.id}
    if _truth(arguments, "return_im"):
        channel |= {"is_im": True, "user": where.person, "is_open": True}
    return {"no_op": already, "already_open": already, "channel": channel}


METHODS: Mapping[str, Callable[[Workspace, Json], Json]] = {
    "auth.test": auth_test,
    "chat.postMessage": post_message,
    "chat.update": update_message,
    "conversations.history": history,
    "conversations.open": open_conversation,
    "conversations.replies": replies,
    "users.info": users_info,
    "users.lookupByEmail": lookup_by_email,
}


READING = {"conversations.history": history, "conversations.replies": replies}
"""Those that may lag behind what was posted."""


class _Bounds:
    """Between `oldest` and `latest`, and seen by now; of these so many at once."""

    def __init__(self, arguments: Json, unseen_from: str | None, *, default: int) -> None:
        self.limit = _whole_number(arguments.get("limit", default))
        if not 1 <= self.limit <= max(default, 999):
            raise Refused("invalid_limit")
        self._oldest = _ts(arguments, "oldest", "invalid_ts_oldest") or 0
        self._latest = _ts(arguments, "latest", "invalid_ts_latest")
        self._inclusive = _truth(arguments, "inclusive")
        self._hidden = _micros(unseen_from) if unseen_from else None

    def __contains__(self, message: Message) -> bool:
        ts = _micros(message.ts)
        if self._hidden is not None and ts >= self._hidden:
            return False
        if ts in (self._oldest, self._latest):
            return self._inclusive
        return ts > self._oldest and (self._latest is None or ts < self._latest)


def _page(workspace: Workspace, arguments: Json, found: list[Message], limit: int) -> Json:
    """The first of them, and a cursor where there are more."""
    page, more = found[:limit], len(found) > limit
    whole = _truth(arguments, "include_all_metadata")
    answer: Json = {
        "messages": [_shown(workspace, message, whole) for message in page],
        "has_more": more,
    }
    if more:
        cursor = base64.b64encode(f"next_ts:{_micros(page[-1].ts)}".encode()).decode()
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


def _conversation(workspace: Workspace, arguments: Json) -> Conversation:
    return workspace.of_id(str(arguments.get("channel", "")))


def _shown(workspace: Workspace, message: Message, whole_metadata: bool = False) -> Json:
    """The message as the Web API gives it back, with what Slack adds and leaves out."""
    now = message.now
    shown: Json = {"type": "message", "user": message.author, "ts": message.ts, "text": now.text}
    if message.author == workspace.bot_user:
        shown |= {"bot_id": workspace.bot, "team": workspace.team}
    if now.blocks:
        shown["blocks"] = [
            {"block_id": f"{message.ts}-{number}"} | _filled(block)
            for number, block in enumerate(now.blocks)
        ]
    if now.metadata:
        payload = now.metadata["event_payload"] if whole_metadata else {}
        shown["metadata"] = {"event_type": now.metadata["event_type"], "event_payload": payload}
    if message.edited:
        shown["edited"] = {"user": message.author, "ts": now.at}
    thread = workspace.replies(message)
    if thread:
        shown |= {
            "thread_ts": message.ts,
            "reply_count": len(thread),
            "reply_users_count": len({reply.author for reply in thread}),
            "latest_reply": thread[-1].ts,
        }
    if message.thread_ts is not None:
        parent = workspace.messages[message.conversation][message.thread_ts]
        shown |= {"thread_ts": parent.ts, "parent_user_id": parent.author}
    return shown


def _filled(part: Json) -> Json:
    """Blocks come back with the defaults of their text objects spelled out."""
    defaults: Json = {"plain_text": {"emoji": True}, "mrkdwn": {"verbatim": False}}
    filled: Json = dict(defaults.get(str(part.get("type")), {}))
    for name, value in part.items():
        if isinstance(value, dict):
            filled[name] = _filled(value)
        elif isinstance(value, list):
            filled[name] = [_filled(one) for one in value]
        else:
            filled[name] = value
    return filled


def _structure(arguments: Json, name: str, error: str) -> object:
    """A list or object, which arrives as such in JSON bodies and as JSON text in forms."""
    value = arguments.get(name)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise Refused(error) from None


def _no_attachments(arguments: Json) -> None:
    if arguments.get("attachments"):
        raise Refused("invalid_attachments", ["the local Slack shows blocks, not attachments"])


def _truth(arguments: Json, name: str) -> bool:
    return str(arguments.get(name, "")).lower() in ("1", "true")


def _whole_number(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else -1


def _micros(ts: str) -> int:
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6])


def _ts(arguments: Json, name: str, error: str) -> int | None:
    value = str(arguments.get(name) or "")
    if not value:
        return None
    seconds, _, fraction = value.partition(".")
    if not (seconds + fraction).isdigit() or not seconds:
        raise Refused(error)
    return _micros(value)


def _after_page(cursor: object) -> int | None:
    if not cursor:
        return None
    try:
        kind, _, micros = base64.b64decode(str(cursor), validate=True).decode().partition(":")
        if kind == "next_ts":
            return int(micros)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise Refused("invalid_cursor")
