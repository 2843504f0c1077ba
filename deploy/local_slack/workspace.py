"""What does this workspace hold: people, conversations, and every version of every message?

Whatever changes it is one record, appended to the state file and applied; a restart replays them.
"""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """Slack's answer `ok: false`: its error name, and the details it gives for some."""

    def __init__(self, error: str, details: list[str] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.details = details or []


@dataclass
class Person:
    """Somebody in the workspace, found by e-mail."""

    id: str
    email: str
    name: str
    deleted: bool = False


@dataclass
class Conversation:
    """A public channel, or (with `person`) a direct message between the app and that person."""

    id: str
    name: str
    person: str | None = None
    archived: bool = False
    member: bool = True  # whether the app has joined it


@dataclass
class Version:
    """What a message said from `at` on, until the next version."""

    at: str
    text: str
    blocks: list[Json]
    metadata: Json


@dataclass
class Message:
    """One message with all it ever said; `ts` names it in its conversation."""

    ts: str
    conversation: str
    author: str
    thread_ts: str | None
    versions: list[Version] = field(default_factory=list)

    @property
    def now(self) -> Version:
        return self.versions[-1]

    @property
    def edited(self) -> bool:
        return len(self.versions) > 1


@dataclass(frozen=True)
class Appearance:
    """One moment at which people saw something new: a message, or a new version of one."""

    number: int
    message: Message
    version: int


def _id(prefix: str, stands_for: str) -> str:
    digest = hashlib.sha256(f"{prefix}:{stands_for}".encode()).digest()
    return prefix + base64.b32encode(digest).decode()[:10]


class Workspace:
    """People, conversations and messages; with a state file they outlive the process."""

    def __init__(self, app_name: str, *, anyone: bool, state: Path | None) -> None:
        self.app_name = app_name
        self.bot_user = _id("U", app_name)
        self.bot = _id("B", app_name)
        self.team = _id("T", app_name)
        self.anyone = anyone
        self.people: dict[str, Person] = {}
        self.conversations: dict[str, Conversation] = {}
        self.messages: dict[str, dict[str, Message]] = {}
        self.appearances: list[Appearance] = []
        self.revision = 0
        self._last_micros = 0
        self._file = None
        if state is not None:
            for record in _read(state):
                self._apply(record)
            self._file = state.open("a", encoding="utf-8")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def add_person(self, email: str, name: str, *, deleted: bool = False) -> Person:
        """Make a person known, or change the one with that e-mail."""
        person = Person(_id("U", email.lower()), email.lower(), name, deleted)
        self._record("person", asdict(person))
        return self.people[person.id]

    def add_channel(
        self, name: str, *, archived: bool = False, member: bool = True
    ) -> Conversation:
        """Make a public channel, or change the one of that name."""
        channel = Conversation(_id("C", name), name, archived=archived, member=member)
        if self.conversations.get(channel.id) != channel:
            self._record("conversation", asdict(channel))
        return self.conversations[channel.id]

    def find_person(self, email: str) -> Person:
        """The living person with that e-mail; raises Slack's `users_not_found`."""
        person = self.people.get(_id("U", email.lower()))
        local, at, domain = email.partition("@")
        if person is None and self.anyone and local and at and domain:
            words = local.replace("_", ".").replace("-", ".").split(".")
            person = self.add_person(email, " ".join(word.capitalize() for word in words if word))
        if person is None or person.deleted:
            raise Refused("users_not_found")
        return person

    def open_direct(self, person: str) -> tuple[Conversation, bool]:
        """The app's direct message with that person, and whether it was open before."""
        if person not in self.people:
            raise Refused("user_not_found")
        if self.people[person].deleted:
            raise Refused("user_disabled")
        direct = _id("D", person)
        already = direct in self.conversations
        if not already:
            self._record("conversation", asdict(Conversation(direct, "", person=person)))
        return self.conversations[direct], already

    def find(self, name_or_id: str) -> Conversation:
        """The conversation of that id or channel name; raises Slack's `channel_not_found`."""
        by_name = _id("C", name_or_id.removeprefix("#"))
        return self.of_id(name_or_id if name_or_id in self.conversations else by_name)

    def of_id(self, id: str) -> Conversation:
        """The conversation of that id; raises Slack's `channel_not_found`."""
        if id not in self.conversations:
            raise Refused("channel_not_found")
        return self.conversations[id]

    def is_closed(self, conversation: Conversation) -> bool:
        """Whether nothing can be said there any more."""
        person = self.people.get(conversation.person or "")
        return conversation.archived or (person is not None and person.deleted)

    def title(self, conversation: Conversation) -> str:
        """What people call it: the channel's name with #, or the person's name."""
        if conversation.person is None:
            return f"#{conversation.name}"
        return self.people[conversation.person].name

    def author(self, message: Message) -> str:
        if message.author == self.bot_user:
            return self.app_name
        return self.people[message.author].name

    def post(
        self,
        conversation: Conversation,
        author: str,
        text: str,
        *,
        blocks: list[Json] | None = None,
        metadata: Json | None = None,
        thread_ts: str | None = None,
    ) -> Message:
        """Say something new there."""
        ts = self._next_ts()
        message = Message(ts, conversation.id, author, thread_ts)
        message.versions.append(Version(ts, text, blocks or [], metadata or {}))
        self._record("message", asdict(message))
        return self.messages[conversation.id][ts]

    def edit(self, message: Message, text: str, blocks: list[Json], metadata: Json) -> None:
        """Let a message say something else from now on."""
        version = Version(self._next_ts(), text, blocks, metadata)
        self._record(
            "version", {"conversation": message.conversation, "ts": message.ts, **asdict(version)}
        )

    def forget_messages(self) -> None:
        self._record("forget", {})

    def in_order(self, conversation: str) -> list[Message]:
        """Its messages, oldest first."""
        return list(self.messages.get(conversation, {}).values())

    def replies(self, message: Message) -> list[Message]:
        everything = self.messages[message.conversation].values()
        return [other for other in everything if other.thread_ts == message.ts]

    def _next_ts(self) -> str:
        # Slack names messages by ts, so two within one microsecond must still differ.
        self._last_micros = max(time.time_ns() // 1000, self._last_micros + 1)
        return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06d}"

    def _record(self, kind: str, content: Json) -> None:
        written = json.dumps({"kind": kind, **content}, ensure_ascii=False, separators=(",", ":"))
        # JSON may carry half a character (a lone surrogate), which neither a file nor a page can.
        line = written.encode(errors="replace").decode()
        if self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()
        self._apply(json.loads(line))

    def _apply(self, record: Json) -> None:
        kind = record.pop("kind")
        self.revision += 1
        if kind == "person":
            self.people[record["id"]] = Person(**record)
        elif kind == "conversation":
            self.conversations[record["id"]] = Conversation(**record)
        elif kind == "message":
            versions = [Version(**version) for version in record.pop("versions")]
            message = Message(**record, versions=versions)
            self.messages.setdefault(message.conversation, {})[message.ts] = message
            self._appear(message)
        elif kind == "version":
            message = self.messages[record.pop("conversation")][record.pop("ts")]
            message.versions.append(Version(**record))
            self._appear(message)
        elif kind == "forget":
            self.messages.clear()
            self.appearances.clear()
        else:
            raise ValueError(f"unknown record kind {kind!r} in the state file; remove the file")

    def _appear(self, message: Message) -> None:
        self._last_micros = max(self._last_micros, int(message.now.at.replace(".", "")))
        self.appearances.append(Appearance(self.revision, message, len(message.versions)))


def _read(state: Path) -> Iterator[Json]:
    if not state.exists():
        return
    content = state.read_bytes()
    # A kill may tear the last line; it was never answered, so it never happened.
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with state.open("r+b") as file:
            file.truncate(len(whole))
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{state}, line {number}: {error}; remove the file") from error
