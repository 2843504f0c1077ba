"""Does the web page show what was said, and nothing that could do harm?"""

import html
import http.client
import re
from collections.abc import Iterator

import pytest
from slack_sdk import WebClient

from tests.deploy.local_slack.cards import MILESTONE, actions, button, mrkdwn, plain, section
from tests.local_slack import LocalSlack


def page(slack: LocalSlack, channel: str = "") -> str:
    return slack.text(f"?channel={channel}")


def test_the_page_shows_channels_people_and_the_card(slack: LocalSlack, client: WebClient) -> None:
    [person] = slack.control("users", {"email": "dana@vendor.example", "name": "Dana Reyes"})
    channel = client.chat_postMessage(channel=person["id"], text="t", blocks=MILESTONE)["channel"]
    shown = page(slack, channel)
    assert "<h3>🎓 Training Milestone: DataCorp</h3>" in shown
    assert "<strong>User Certified:</strong> Sarah Johnson (Admin)" in shown
    assert "<h1>Dana Reyes</h1>" in shown
    assert all(f'<span class="title">{name}</span>' in shown for name in ("general", "Dana Reyes"))
    assert "DataCorp" not in page(
        slack, client.chat_postMessage(channel="general", text="t")["channel"]
    )


def test_the_page_marks_what_was_edited_and_counts_replies(
    slack: LocalSlack, client: WebClient
) -> None:
    posted = client.chat_postMessage(channel="general", text="first")
    channel, ts = posted["channel"], posted["ts"]
    assert "(edited)" not in page(slack, channel)
    client.chat_update(channel=channel, ts=ts, text="second")
    client.chat_postMessage(channel=channel, text="a reply", thread_ts=ts)
    shown = page(slack, channel)
    assert "(edited)" in shown
    assert "<summary>1 reply</summary>" in shown
    assert "first" not in shown


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
ESCAPED = html.escape(HOSTILE, quote=False)  # as a careful sender writes it


def test_nothing_anybody_wrote_reaches_the_page_unescaped() -> None:
    with LocalSlack("--rate-limits", "off", "--app-name", f"App {HOSTILE}") as slack:
        client = slack.client()
        slack.control("channels", {"name": HOSTILE})
        [person] = slack.control("users", {"email": f"{HOSTILE}@x.example", "name": HOSTILE})
        blocks = [
            {"type": "header", "text": plain(HOSTILE)},
            section(
                f"{HOSTILE} *{HOSTILE}* `{HOSTILE}` ```{HOSTILE}``` <https://x.example/|{ESCAPED}>"
            ),
            {"type": "section", "fields": [mrkdwn(f"> {HOSTILE}")]},
            {"type": "image", "image_url": "https://x.example/a", "alt_text": HOSTILE},
            actions(button(value=HOSTILE, action_id=HOSTILE, style="primary")),
            actions(button(url='https://x.example/"onclick="alert(1)')),
            actions(button(url="javascript:alert(1)")),
        ]
        client.chat_postMessage(channel=person["id"], text="t", blocks=blocks)
        client.chat_postMessage(channel=HOSTILE, text=f"<javascript:alert(1)|x> {HOSTILE}")
        shown = page(slack)
        assert shown.count(html.escape("<script>alert(1)</script>")) >= 10
        assert re.findall(r"<(script|img|iframe)\b[^>]*>", shown) == ["script"]  # our own
        assert '"onclick="' not in shown
        assert 'href="javascript' not in shown


def test_the_page_allows_no_script_but_its_own(slack: LocalSlack) -> None:
    connection = http.client.HTTPConnection(slack.url.split("/")[2])
    connection.request("GET", "/")
    answer = connection.getresponse()
    policy = answer.headers["Content-Security-Policy"]
    connection.close()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_is_asked_again_in_vain_while_nothing_is_new(
    slack: LocalSlack, client: WebClient
) -> None:
    seen = slack.get("view")["revision"]
    assert slack.send("GET", f"view?seen={seen}")[0] == 204
    client.chat_postMessage(channel="general", text="something new")
    status, view = slack.send("GET", f"view?seen={seen}")
    assert status == 200
    assert "something new" in view


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("*bold* _italic_ ~gone~", "<strong>bold</strong> <em>italic</em> <del>gone</del>"),
        ("*bold _both_*", "<strong>bold <em>both</em></strong>"),
        ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
        ("`*code*`", "<code>*code*</code>"),
        ("a\n```x\n  y```\nb", "a<pre>x\n  y</pre>b"),
        ("a\n> q1\n&gt; q2\nb", "a<blockquote>q1\nq2</blockquote>b"),
        (
            "<https://x.example/?a=1&amp;b=2|see *here*>",
            '<a href="https://x.example/?a=1&amp;b=2" rel="noreferrer">see *here*</a>',
        ),
        ("<mailto:a@x.example|a>", '<a href="mailto:a@x.example" rel="noreferrer">a</a>'),
        (":white_check_mark: :unknown: 10:30:45", "✅ :unknown: 10:30:45"),
        ("R&amp;D &lt;!channel&gt;", "R&amp;D &lt;!channel&gt;"),
        ("<!channel> <@U1> <#C1|general>", None),
        ("<!date^1769698800^{date_short} at {time}|then>", "Jan 29, 2026 at 3:00 PM"),
        ("<!date^never^{date}|then>", "then"),
    ],
)
def test_mrkdwn_is_drawn_as_slack_means_it(
    in_utc: LocalSlack, written: str, drawn: str | None
) -> None:
    in_utc.clear("messages")
    channel = in_utc.client().chat_postMessage(channel="general", text=written)["channel"]
    if drawn is None:
        drawn = "<mark>@channel</mark> <mark>@U1</mark> <mark>#general</mark>"
    assert f'<div class="text">{drawn}</div>' in page(in_utc, channel)


@pytest.fixture(scope="module")
def in_utc() -> Iterator[LocalSlack]:
    with LocalSlack("--rate-limits", "off", environment={"TZ": "UTC"}) as slack:
        yield slack
