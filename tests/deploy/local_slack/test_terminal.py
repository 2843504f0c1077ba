"""Does a card read well in a terminal?"""

import re

from slack_sdk import WebClient

from tests.deploy.local_slack.cards import MILESTONE, actions, button, mrkdwn, section
from tests.local_slack import LocalSlack


def test_a_card_reads_well_in_a_terminal(slack: LocalSlack, client: WebClient) -> None:
    client.chat_postMessage(channel="general", text="t", blocks=MILESTONE)
    first, *lines, last = slack.text("_control/messages?format=text").splitlines()
    assert re.fullmatch(r"┌─ Laurel → #general ─+ \d\d:\d\d", first)
    assert lines == [
        "│ 🎓 Training Milestone: DataCorp",
        "│",
        "│ User Certified: Sarah Johnson (Admin)",
        "│",
        "│ Course: Platform Administrator Certification",
        "│ Score: 95%",
        "│ Completed: Jan 29, 2026",
        "│",
        "│ as of Jan 29, 2026",
    ]
    assert last == "└" + "─" * 79


def test_a_reply_says_in_a_terminal_that_it_is_one(slack: LocalSlack, client: WebClient) -> None:
    card = client.chat_postMessage(channel="general", text="t")
    client.chat_postMessage(channel="general", text="r", thread_ts=card["ts"])
    printed = [card["printed"] for card in slack.get("_control/cards")]
    assert ["(reply)" in text for text in printed] == [False, True]


def test_no_line_in_a_terminal_is_wider_than_asked(slack: LocalSlack, client: WebClient) -> None:
    blocks = [
        section("word " * 60 + "x" * 200),
        {"type": "section", "fields": [mrkdwn("*a:*\n1"), mrkdwn("b " * 50), mrkdwn("c")]},
        actions(*[button(action_id=f"a{n}") for n in range(20)]),
    ]
    client.chat_postMessage(channel="general", text="t", blocks=blocks)
    for width in (40, 80):
        [card] = slack.get(f"_control/cards?width={width}")
        assert max(len(line) for line in card["printed"].splitlines()) <= width
        assert card["printed"].count("x") == 200
        assert card["printed"].count("word") == 60


def test_fields_stand_beside_each_other_where_they_fit(
    slack: LocalSlack, client: WebClient
) -> None:
    fields = [mrkdwn("*Learner:*\nBob Smith"), mrkdwn("*Course:*\nAdmin"), mrkdwn("*Last:*")]
    client.chat_postMessage(
        channel="general", text="t", blocks=[{"type": "section", "fields": fields}]
    )
    lines = slack.text("_control/messages?format=text").splitlines()[1:-1]
    assert [line.split() for line in lines] == [
        ["│", "Learner:", "Course:"],
        ["│", "Bob", "Smith", "Admin"],
        ["│", "Last:"],
    ]
    assert lines[0].index("Course:") == lines[1].index("Admin")


def test_a_name_cannot_steer_the_terminal(slack: LocalSlack, client: WebClient) -> None:
    client.chat_postMessage(
        channel="general", text="\x1b[2Jred\x07 \u202eright\u2066 \x9b1m\r\u2028"
    )
    printed = slack.text("_control/messages?format=text")
    assert "[2Jred" in printed
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202a-\u202e\u2066-\u2069]", printed)


def test_bold_is_marked_by_ansi_codes_only_where_they_are_wanted(
    slack: LocalSlack, client: WebClient
) -> None:
    client.chat_postMessage(channel="general", text="*bold* plain")
    [without], [styled] = slack.get("_control/cards"), slack.get("_control/cards?ansi=1")
    assert "bold plain" in without["printed"]
    assert "\033" not in without["printed"]
    assert "\033[1mbold\033[0m plain" in styled["printed"]


def test_cards_appear_once_each_in_order_and_again_when_mended(
    slack: LocalSlack, client: WebClient
) -> None:
    posted = client.chat_postMessage(channel="general", text="first")
    client.chat_postMessage(channel="customer-success", text="other")
    seen = slack.get("_control/cards")
    assert [card["name"] for card in seen] == ["#general", "#customer-success"]
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="mended")
    [mended] = slack.get(f"_control/cards?after={seen[-1]['number']}")
    assert (mended["ts"], mended["version"]) == (posted["ts"], 2)
    assert "(edited)" in mended["printed"]
    assert "(edited)" not in slack.get("_control/cards")[0]["printed"]
