"""What does the web page show: which conversations there are, and what was said in one of them?

It is drawn here and fetched again when something is new; no script, style or picture comes from
elsewhere.
"""

from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template

from aiohttp import web

from deploy.local_slack.drawing import drawn
from deploy.local_slack.workspace import Conversation, Message, Workspace

ACTIVITY = "activity"
SHOWN = 200  # messages; what is older stays in /_control/messages
APP_FACE = '<span class="face app">🌿</span>'
APP_BADGE = '<span class="badge">APP</span>'
_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Page:
    """The page at `/`, and the part of it that changes at `/view`."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._template = Template((_HERE / "page.html").read_text(encoding="utf-8"))
        self._files = {
            "page.css": ("text/css", (_HERE / "page.css").read_text(encoding="utf-8")),
            "page.js": ("text/javascript", (_HERE / "page.js").read_text(encoding="utf-8")),
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.whole),
            web.get("/view", self.view),
            web.get("/{name:page.(?:css|js)}", self.file),
        ]

    async def whole(self, request: web.Request) -> web.Response:
        shown = self._shown(request)
        page = self._template.substitute(
            app=escape(self.workspace.app_name),
            shown=shown,
            revision=self.workspace.revision,
            sidebar=self._sidebar(shown),
            conversation=self._conversation(shown),
        )
        headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
        return web.Response(text=page, content_type="text/html", headers=headers)

    async def view(self, request: web.Request) -> web.Response:
        """What the page replaces; 204 while nothing is new."""
        revision = str(self.workspace.revision)
        if request.query.get("seen") == revision:
            return web.Response(status=204)
        shown = self._shown(request)
        return web.json_response(
            {
                "revision": revision,
                "sidebar": self._sidebar(shown),
                "conversation": self._conversation(shown),
            }
        )

    async def file(self, request: web.Request) -> web.Response:
        kind, text = self._files[request.match_info["name"]]
        return web.Response(text=text, content_type=kind, headers={"Cache-Control": "no-cache"})

    def _shown(self, request: web.Request) -> str:
        asked = request.query.get("channel", "")
        return asked if asked in self.workspace.conversations else ACTIVITY

    def _sidebar(self, shown: str) -> str:
        everything = sorted(self.workspace.conversations.values(), key=self.workspace.title)
        lists = {
            "Channels": [one for one in everything if one.person is None],
            "Direct messages": [one for one in everything if one.person is not None],
        }
        activity = _entry(ACTIVITY, "Activity", '<b class="sign">◷</b>', 0, shown)
        parts = [f"<ul>{activity}</ul>"]
        for heading, conversations in lists.items():
            entries = "".join(self._listed(one, shown) for one in conversations)
            parts.append(f"<h2>{heading}</h2><ul>{entries}</ul>")
        return "".join(parts)

    def _listed(self, conversation: Conversation, shown: str) -> str:
        title = self.workspace.title(conversation)
        sign = '<b class="sign">#</b>' if conversation.person is None else _face(title)
        count = len(self.workspace.in_order(conversation.id))
        return _entry(conversation.id, title.removeprefix("#"), sign, count, shown)

    def _conversation(self, shown: str) -> str:
        if shown == ACTIVITY:
            title, about = "Activity", "Every conversation of the app, in order"
            held = [one for all_ in self.workspace.messages.values() for one in all_.values()]
            held.sort(key=lambda message: message.ts)
        else:
            conversation = self.workspace.conversations[shown]
            title, about = self.workspace.title(conversation), self._about(conversation)
            held = self.workspace.in_order(shown)
        messages = [message for message in held if message.thread_ts is None]
        parts = [f"<header><h1>{escape(title)}</h1><p>{escape(about)}</p></header>"]
        parts.append('<div class="messages">')
        if not messages:
            parts.append('<p class="note">No messages yet.</p>')
        if len(messages) > SHOWN:
            parts.append(f'<p class="note">{len(messages) - SHOWN} earlier messages</p>')
        day = ""
        for message in messages[-SHOWN:]:
            at = _local(message.ts)
            if (its_day := f"{at:%A, %B} {at.day}, {at.year}") != day:
                day = its_day
                parts.append(f'<div class="day"><span>{day}</span></div>')
            parts.append(self._message(message, say_where=shown == ACTIVITY))
        return "".join(parts) + "</div>"

    def _about(self, conversation: Conversation) -> str:
        if conversation.person is not None:
            person = self.workspace.people[conversation.person]
            return person.email + (" · deactivated" if person.deleted else "")
        return "Channel, archived" if conversation.archived else "Channel"

    def _message(self, message: Message, *, say_where: bool = False) -> str:
        name = self.workspace.author(message)
        by_app = message.author == self.workspace.bot_user
        at = _local(message.ts)
        return (
            f'<article id="{message.conversation}-{message.ts}">'
            f"{APP_FACE if by_app else _face(name)}"
            f'<div class="said"><div class="by"><strong>{escape(name)}</strong>'
            f"{APP_BADGE if by_app else ''}"
            f'<time title="{at:%Y-%m-%d %H:%M:%S %Z}">{_clock(at)}</time>'
            f"{self._where(message) if say_where else ''}</div>"
            f"{drawn(message.now)}{_edited(message)}{self._thread(message)}</div></article>"
        )

    def _where(self, message: Message) -> str:
        title = self.workspace.title(self.workspace.conversations[message.conversation])
        return f'<a class="where" href="/?channel={message.conversation}">to {escape(title)}</a>'

    def _thread(self, message: Message) -> str:
        replies = self.workspace.replies(message)
        if not replies:
            return ""
        count = f"{len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
        inside = "".join(self._message(reply) for reply in replies)
        return f"<details><summary>{count}</summary>{inside}</details>"


def _entry(link: str, title: str, sign: str, count: int, shown: str) -> str:
    chosen = ' class="chosen"' if link == shown else ""
    return (
        f'<li{chosen} data-id="{link}" data-count="{count}"><a href="/?channel={link}">'
        f'{sign}<span class="title">{escape(title)}</span><span class="new"></span></a></li>'
    )


def _face(name: str) -> str:
    initials = "".join([word[0] for word in name.split() if word[0].isalnum()][:2]).upper()
    return f'<span class="face tone{sum(map(ord, name)) % 6}">{initials}</span>'


def _edited(message: Message) -> str:
    """Slack hides this mark where blocks replaced blocks; here it shows which card was mended."""
    if not message.edited:
        return ""
    hint = f"{_clock(_local(message.now.at))}, version {len(message.versions)}"
    return f'<span class="edited" title="{hint}">(edited)</span>'


def _local(ts: str) -> datetime:
    return datetime.fromtimestamp(float(ts), tz=UTC).astimezone()


def _clock(at: datetime) -> str:
    return f"{at.hour % 12 or 12}:{at:%M} {at:%p}"
