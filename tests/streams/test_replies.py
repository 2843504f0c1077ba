"""Is what a card cannot show said in its thread, once, whatever happens in between?"""

from typing import Any
from uuid import UUID

import pytest

from streams.sender import Pace
from streams.slack import reply_id
from tests.local_slack import LocalSlack
from tests.streams.sending import Desk, calls, cards, struck, unsettled
from tests.streams.system import wait_for
from tests.streams.watching import rises

SHORT, LONG = 5, 7
"""Requirements that a card shows, and that it does not."""


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """Acme has more requirements than a card shows."""
    desk.require(LONG)
    return desk


def only_the_card(desk: Desk) -> UUID:
    """An alert whose card is there, and whose reply waits for its turn in the channel."""
    alert = desk.alert()
    one = Pace(per_second=0.001, burst=1)
    desk.send(until=lambda: desk.row(alert)["posted"], pace=one)
    assert desk.row(reply_id(alert))["posted"] == 0
    return alert


def replies(slack: LocalSlack) -> list[dict[str, Any]]:
    return [message for message in cards(slack) if message["thread_ts"]]


def settled(desk: Desk, slack: LocalSlack, alert: UUID) -> None:
    """One card stands there with one reply in its thread, and the ledger knows both."""
    (card,) = cards(slack, alert)
    (reply,) = replies(slack)
    assert reply["thread_ts"] == card["ts"]
    assert len(cards(slack)) == 2
    assert (desk.row(alert)["state"], desk.row(alert)["ts"]) == ("sent", card["ts"])
    row = desk.row(reply_id(alert))
    assert (row["state"], row["ts"], row["channel"]) == (
        "replied",
        reply["ts"],
        desk.row(alert)["channel"],
    )


def test_what_a_card_does_not_show_is_a_reply_in_its_thread(desk: Desk, slack: LocalSlack) -> None:
    alert = desk.alert()
    with rises("laurel_deliveries_total", 1, outcome="replied"):
        desk.send()
    settled(desk, slack, alert)
    (card,) = cards(slack, alert)
    (reply,) = replies(slack)
    assert "and 2 more in the thread" in str(card["blocks"])
    assert reply["blocks"][0]["text"]["text"].splitlines() == [
        "*Account Training Status, continued:*",
        "- Everyone Trained (c6): 0/5 (0%)",
        "- Everyone Trained (c7): 0/5 (0%)",
    ]
    assert reply["metadata"]["event_payload"]["delivery_id"] == str(reply_id(alert))


def test_a_card_that_shows_it_all_has_no_reply(desk: Desk, slack: LocalSlack) -> None:
    with desk.connect() as connection:
        connection.execute("DELETE FROM requirement_facts")
    desk.require(SHORT)
    alert = desk.alert()
    desk.send()
    (card,) = cards(slack)
    assert "Everyone Trained (c5)" in str(card["blocks"])
    assert "more" not in card["metadata"]["event_payload"]
    assert desk.row(alert)["state"] == "sent"


def test_a_mended_card_has_its_reply_mended_and_gets_no_second(
    desk: Desk, slack: LocalSlack
) -> None:
    alert = desk.alert()
    desk.send()
    desk.require(LONG + 1)
    desk.close(alert)
    desk.send()
    settled(desk, slack, alert)
    assert "and 3 more in the thread" in str(cards(slack, alert)[0]["blocks"])
    (reply,) = replies(slack)
    assert len(reply["versions"]) == 2
    assert "- Everyone Trained (c8): 0/5 (0%)" in str(reply["blocks"])


@pytest.mark.parametrize("failpoint", ["slack.recorded:exit", "slack.posted:exit:2"])
def test_a_sender_killed_while_mending_a_card_leaves_one_reply_mended(
    desk: Desk, slack: LocalSlack, failpoint: str
) -> None:
    alert = desk.alert()
    desk.send()
    desk.require(LONG + 1)
    desk.close(alert)
    sender = desk.start(failpoint)
    assert sender.await_exit() == 137
    sender.close()
    desk.send()
    settled(desk, slack, alert)
    assert "c8" in str(replies(slack)[0]["blocks"])
    assert desk.row(reply_id(alert))["posted"] == 2


def test_a_card_that_grows_too_long_when_it_is_mended_gets_its_reply_then(
    desk: Desk, slack: LocalSlack
) -> None:
    with desk.connect() as connection:
        connection.execute("DELETE FROM requirement_facts")
    alert = desk.alert()
    desk.send()
    assert not replies(slack)
    desk.require(LONG)
    desk.close(alert)
    desk.send()
    settled(desk, slack, alert)


def test_replies_wait_for_every_card_and_come_in_their_order(desk: Desk, slack: LocalSlack) -> None:
    alerts = [desk.alert(number=number) for number in (1, 2, 3)]
    desk.send()
    said = [message["metadata"]["event_payload"]["delivery_id"] for message in cards(slack)]
    assert said == [*map(str, alerts), *(str(reply_id(alert)) for alert in alerts)]


@pytest.mark.parametrize(
    ("failpoint", "taken", "doubts"),
    [
        ("slack.posted:exit", 1, 0),
        ("slack.recorded:exit", 1, 0),
        ("slack.sending:exit:2", 1, 1),
        ("slack.before_post:exit:2", 1, 1),
        ("slack.checked:exit:2", 1, 1),
        ("slack.posted:exit:2", 2, 0),
        ("slack.recorded:exit:2", 2, 0),
    ],
)
def test_a_sender_killed_on_the_way_leaves_one_card_with_one_reply_in_the_end(
    desk: Desk, slack: LocalSlack, failpoint: str, taken: int, doubts: int
) -> None:
    alert, before = desk.alert(), unsettled()
    sender = desk.start(failpoint)
    assert sender.await_exit() == 137
    sender.close()
    assert len(cards(slack)) == taken
    desk.send()
    settled(desk, slack, alert)
    assert unsettled() == before + doubts


@pytest.mark.parametrize("ends", ["slack.recorded", "slack.posted"])
def test_what_a_card_promised_is_owed_even_if_it_is_no_longer_true(
    desk: Desk, slack: LocalSlack, ends: str
) -> None:
    alert = desk.alert()
    sender = desk.start(f"{ends}:exit")
    assert sender.await_exit() == 137
    sender.close()
    with desk.connect() as connection:
        connection.execute("DELETE FROM requirement_facts")
    desk.send()
    settled(desk, slack, alert)
    assert "Nothing is left to add" in str(replies(slack)[0]["blocks"])


@pytest.mark.parametrize(
    "fault",
    [{"do": "fail"}, {"do": "drop"}, {"do": "hang", "seconds": 2}],
    ids=["HTTP 500", "a reset", "a time-out"],
)
def test_a_reply_that_slack_took_without_saying_so_is_found_in_the_thread(
    desk: Desk, slack: LocalSlack, fault: dict[str, Any]
) -> None:
    alert, before = only_the_card(desk), unsettled()
    slack.control("faults", fault | {"method": "chat.postMessage", "when": "after"})
    desk.send()
    assert struck(slack) == [1]
    settled(desk, slack, alert)
    assert unsettled() == before
    assert not calls(slack, "conversations.history"), "which shows no replies"


def test_a_reply_that_slack_did_not_take_is_sent_again_and_counted(
    desk: Desk, slack: LocalSlack
) -> None:
    alert, before = only_the_card(desk), unsettled()
    slack.control("faults", {"do": "drop", "method": "chat.postMessage"})
    desk.send()
    settled(desk, slack, alert)
    assert len(calls(slack, "conversations.replies")) == 2, "it was looked for twice before"
    assert unsettled() == before + 1


def test_a_reply_that_its_thread_shows_late_is_not_sent_again(
    desk: Desk, slack: LocalSlack
) -> None:
    alert, before = only_the_card(desk), unsettled()
    slack.control(
        "faults",
        [
            {"do": "drop", "method": "chat.postMessage", "when": "after"},
            {"do": "lag", "seconds": 60, "method": "conversations.replies"},
        ],
    )
    desk.send()
    assert struck(slack) == [1, 1]
    settled(desk, slack, alert)
    assert unsettled() == before


def test_a_card_mended_while_its_reply_is_in_doubt_still_has_one(
    desk: Desk, slack: LocalSlack
) -> None:
    alert = only_the_card(desk)
    slack.control("faults", {"do": "drop", "method": "chat.postMessage", "when": "after"})
    desk.send(until=lambda: desk.row(reply_id(alert))["outcome"] == "ServerDisconnectedError")
    desk.close(alert)
    desk.send()
    settled(desk, slack, alert)
    assert desk.row(alert)["posted"] == desk.row(reply_id(alert))["posted"] == 2


@pytest.mark.parametrize("error", ["invalid_blocks", "restricted_action"])
def test_a_reply_that_slack_refuses_is_dead_and_its_card_is_not(
    desk: Desk, slack: LocalSlack, error: str
) -> None:
    alert = only_the_card(desk)
    slack.control("faults", {"do": "refuse", "method": "chat.postMessage", "error": error})
    desk.send()
    row = desk.row(reply_id(alert))
    assert (row["state"], row["outcome"]) == ("dead", error)
    assert desk.row(alert)["state"] == "sent"
    assert len(cards(slack)) == 1


def test_a_reply_to_a_card_that_was_deleted_is_dead(desk: Desk, slack: LocalSlack) -> None:
    alert = only_the_card(desk)
    slack.clear("messages")
    desk.send()
    row = desk.row(reply_id(alert))
    assert (row["state"], row["outcome"]) == ("dead", "thread_not_found")
    assert cards(slack) == []


def test_several_senders_reply_once_each(desk: Desk, slack: LocalSlack) -> None:
    alerts = [desk.alert(number=number) for number in range(3)]
    workers = [desk.start("") for _ in range(2)]
    try:
        wait_for(lambda: len(replies(slack)) >= 3 and not desk.open(), "all to be said", 30)
    finally:
        for worker in workers:
            worker.close()
    assert len(cards(slack)) == 6
    assert [len(cards(slack, reply_id(alert))) for alert in alerts] == [1] * 3
