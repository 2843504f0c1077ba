"""Does each card reach Slack once, whatever Slack or the sender does meanwhile?"""

import asyncio
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from projections.migrate import migrate
from streams import clock, database
from streams.sender import Pace
from streams.settings import Settings
from streams.slack import Ledger
from tests.local_slack import LocalSlack
from tests.streams.sending import RAISED, Desk, calls, cards, send, struck, unsettled
from tests.streams.system import wait_for
from tests.streams.watching import counted, looked_up, rises


def direct(slack: LocalSlack) -> str:
    """The id of the direct messages with Carla."""
    channels = slack.get("_control/messages")["channels"]
    return next((one["id"] for one in channels if one["email"] == "carla@laurel.test"), "none")


def test_a_card_is_posted_to_the_csm_and_the_ledger_knows_where(
    desk: Desk, slack: LocalSlack
) -> None:
    alert, took = desk.alert(), "laurel_alert_to_card_seconds"
    before = counted(f"{took}_sum")
    since = (clock.real() - RAISED).total_seconds() - 1
    with rises("laurel_deliveries_total", 1, outcome="posted"), rises(f"{took}_count", 1):
        desk.send()
    until = (clock.real() - RAISED).total_seconds() - 1
    assert since <= counted(f"{took}_sum") - before <= until
    (card,) = cards(slack)
    assert card["metadata"] == {
        "event_type": "laurel_alert",
        "event_payload": {"delivery_id": str(alert), "version": 1},
    }
    assert card["blocks"][0]["text"]["text"] == ":warning: Training Abandoned: Acme"
    assert "Training Abandoned: Acme" in card["text"]
    row = desk.row(alert)
    assert (row["state"], row["posted"]) == ("sent", 1)
    assert (row["channel"], row["ts"]) == (direct(slack), card["ts"])
    assert row["sending"] is row["lease_until"] is row["not_before"] is None
    assert row["sent_at"] is not None


def test_a_change_mends_the_card_and_posts_no_second_one(desk: Desk, slack: LocalSlack) -> None:
    alert = desk.alert()
    desk.send()
    desk.close(alert)
    with (
        rises("laurel_deliveries_total", 1, outcome="mended"),
        rises("laurel_deliveries_total", 0, outcome="posted"),
        rises("laurel_alert_to_card_seconds_count", 0),
    ):
        desk.send()
    (card,) = cards(slack)
    assert card["blocks"][0]["text"]["text"].startswith(":white_check_mark: *Resolved:*")
    assert card["metadata"]["event_payload"]["version"] == 2
    assert len(card["versions"]) == 2
    assert (desk.row(alert)["state"], desk.row(alert)["posted"]) == ("sent", 2)


def test_a_card_shows_the_alert_as_it_stands_not_as_it_was_asked_for(
    desk: Desk, slack: LocalSlack
) -> None:
    alert = desk.alert()
    desk.close(alert, status="withdrawn")
    with desk.connect() as connection:
        connection.execute("UPDATE deliveries SET desired = 1")
    desk.send()
    assert desk.row(alert)["posted"] == 2
    assert "Withdrawn" in cards(slack)[0]["text"]


def test_a_silent_alert_is_not_posted(desk: Desk, slack: LocalSlack) -> None:
    silent, *heard = (desk.alert(number=number) for number in (1, 2, 3))
    with desk.connect() as connection:
        connection.execute("UPDATE deliveries SET state = 'silent' WHERE alert = %s", (silent,))
        later = RAISED + timedelta(seconds=100)
        connection.execute("UPDATE clock SET driven = true, now = %s", (later,))
    assert looked_up(desk.settings, "slack").one("laurel_delivery_oldest_seconds") == 98
    with rises("laurel_alert_to_card_seconds_count", 0):
        desk.send()
    said = looked_up(desk.settings, "slack")
    assert said.by("state", "laurel_delivery_rows") == {"silent": 1, "sent": 2}
    assert said.one("laurel_delivery_oldest_seconds") == 0
    assert not cards(slack, silent)
    assert [len(cards(slack, alert)) for alert in heard] == [1, 1]


def test_cards_come_in_the_order_in_which_the_alerts_were_raised(
    desk: Desk, slack: LocalSlack
) -> None:
    alerts = [desk.alert(number=number) for number in (3, 1, 2, 5, 4)]
    desk.send()
    posted = [card["metadata"]["event_payload"]["delivery_id"] for card in cards(slack)]
    assert posted == [str(alerts[place]) for place in (1, 2, 0, 4, 3)]


def test_an_alert_that_is_not_there_yet_is_waited_for(desk: Desk, slack: LocalSlack) -> None:
    alert = desk.alert(desired=2)
    desk.send(until=lambda: desk.row(alert)["posted"] == 1)
    desk.send(until=lambda: desk.row(alert)["outcome"] == "the alert is not there yet")
    desk.close(alert)
    desk.send()
    assert desk.row(alert)["posted"] == 2
    assert len(cards(slack)) == 1


def test_several_senders_share_the_work_without_repeating_any(
    desk: Desk, slack: LocalSlack
) -> None:
    for name in ("beta", "gamma", "delta"):
        desk.customer(name, None)
    alerts = [desk.alert(name, number) for name in ("beta", "gamma", "delta") for number in (1, 2)]
    workers = [desk.start("") for _ in range(2)]
    try:
        wait_for(lambda: not desk.open(), "all cards to be sent", 30)
    finally:
        for worker in workers:
            worker.close()
    assert [len(cards(slack, alert)) for alert in alerts] == [1] * 6


@pytest.mark.parametrize("csm", [None, "nobody@laurel.test", "gone@laurel.test"])
def test_without_a_reachable_csm_the_card_goes_to_the_fallback_channel(
    desk: Desk, slack: LocalSlack, csm: str | None
) -> None:
    slack.control("users", {"email": "gone@laurel.test", "name": "Gone", "deleted": True})
    desk.customer("beta", csm)
    alert = desk.alert("beta")
    with rises("laurel_deliveries_total", 1, outcome="fallback"):
        desk.send()
    (card,) = slack.messages("#general")
    assert desk.row(alert)["ts"] == card["ts"]
    desk.close(alert)
    desk.send()
    assert len(slack.messages("#general")[0]["versions"]) == 2


def test_that_a_csm_cannot_be_reached_is_remembered_for_a_while(
    desk: Desk, slack: LocalSlack
) -> None:
    desk.customer("beta", "nobody@laurel.test")
    for number in range(3):
        desk.alert("beta", number)
    desk.send()
    assert len(slack.messages("#general")) == 3
    assert len(calls(slack, "users.lookupByEmail")) == 1


@pytest.mark.parametrize("error", ["channel_not_found", "is_archived", "restricted_action"])
def test_a_csm_who_cannot_be_written_to_is_passed_by(
    desk: Desk, slack: LocalSlack, error: str
) -> None:
    slack.control("faults", {"do": "refuse", "method": "chat.postMessage", "error": error})
    alert = desk.alert()
    with rises("laurel_deliveries_total", 1, outcome="fallback"):
        desk.send()
    assert len(slack.messages("#general")) == len(cards(slack)) == 1
    assert desk.row(alert)["state"] == "sent"
    assert struck(slack) == [1]


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_too_long"])
def test_a_card_that_slack_refuses_is_dead_at_once(
    desk: Desk, slack: LocalSlack, error: str, capfd: pytest.CaptureFixture[str]
) -> None:
    slack.control("faults", {"do": "refuse", "method": "chat.postMessage", "error": error})
    alert = desk.alert()
    with rises("laurel_deliveries_total", 1, outcome="dead"):
        desk.send()
    row = desk.row(alert)
    assert (row["state"], row["outcome"], row["posted"]) == ("dead", error, 0)
    assert len(calls(slack, "chat.postMessage")) == 1
    assert '"event":"dead"' in capfd.readouterr().err


def test_where_nobody_can_be_told_the_card_is_dead(desk: Desk, slack: LocalSlack) -> None:
    slack.control("channels", {"name": "general", "archived": True})
    desk.customer("beta", None)
    alert = desk.alert("beta")
    desk.send()
    row = desk.row(alert)
    assert (row["state"], row["outcome"]) == ("dead", "is_archived")
    desk.close(alert)
    desk.send()
    assert len(calls(slack, "chat.postMessage")) == 1, "a dead card stays dead"


def test_a_card_that_was_deleted_is_not_posted_again(desk: Desk, slack: LocalSlack) -> None:
    alert = desk.alert()
    desk.send()
    slack.clear("messages")
    desk.close(alert)
    desk.send()
    row = desk.row(alert)
    assert (row["state"], row["outcome"], row["posted"]) == ("dead", "message_not_found", 1)
    assert len(calls(slack, "chat.update")) == 1
    assert cards(slack) == []


@pytest.mark.parametrize("method", ["chat.postMessage", "users.lookupByEmail"])
def test_a_token_that_is_refused_kills_no_card(desk: Desk, slack: LocalSlack, method: str) -> None:
    slack.control(
        "faults", {"do": "refuse", "method": method, "error": "token_revoked", "times": 2}
    )
    alerts = [desk.alert(number=number) for number in (1, 2, 3)]
    desk.send()
    assert struck(slack) == [2]
    assert [desk.row(alert)["state"] for alert in alerts] == ["sent"] * 3
    assert len(cards(slack)) == 3


def test_429_is_waited_out(desk: Desk, slack: LocalSlack) -> None:
    slack.control(
        "faults", {"do": "ratelimit", "method": "chat.postMessage", "retry_after": 1, "times": 1}
    )
    alerts = [desk.alert(number=number) for number in (1, 2)]
    with rises("laurel_deliveries_total", 1, outcome="put_off"):
        desk.send()
    assert [len(cards(slack, alert)) for alert in alerts] == [1, 1]
    refused, *posted = calls(slack, "chat.postMessage")
    assert refused["outcome"] == "ratelimit"
    assert all(post["at"] - refused["at"] >= 1 for post in posted), "the channel was left alone"
    assert not calls(slack, "conversations.history"), "nothing was in doubt"


FAULTS: dict[str, dict[str, Any]] = {
    "HTTP 500": {"do": "fail"},
    "HTTP 502 from a proxy": {"do": "fail", "status": 502},
    "a reset": {"do": "drop"},
    "a time-out": {"do": "hang", "seconds": 2},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_card_that_slack_took_without_saying_so_is_found(
    desk: Desk, slack: LocalSlack, fault: str
) -> None:
    slack.control("faults", FAULTS[fault] | {"method": "chat.postMessage", "when": "after"})
    alert, doubts = desk.alert(), unsettled()
    with rises("laurel_deliveries_total", 1, outcome="unknown"):
        desk.send()
    assert struck(slack) == [1]
    (card,) = cards(slack)
    row = desk.row(alert)
    assert (row["state"], row["ts"], row["posted"]) == ("sent", card["ts"], 1)
    assert unsettled() == doubts


@pytest.mark.parametrize("fault", ["HTTP 500", "HTTP 502 from a proxy", "a reset"])
def test_a_card_that_slack_did_not_take_is_sent_again_and_counted(
    desk: Desk, slack: LocalSlack, fault: str
) -> None:
    slack.control("faults", FAULTS[fault] | {"method": "chat.postMessage"})
    alert, doubts = desk.alert(), unsettled()
    desk.send()
    assert struck(slack) == [1]
    assert len(cards(slack, alert)) == 1
    assert len(calls(slack, "conversations.history")) == 2, "it was looked for twice before"
    assert unsettled() == doubts + 1


def test_a_card_that_history_shows_late_is_not_sent_again(desk: Desk, slack: LocalSlack) -> None:
    slack.control(
        "faults",
        [
            {"do": "hang", "seconds": 2, "method": "chat.postMessage", "when": "after"},
            {"do": "lag", "seconds": 60},
        ],
    )
    alert, doubts = desk.alert(), unsettled()
    desk.send()
    assert struck(slack) == [1, 1]
    assert len(cards(slack, alert)) == 1
    assert desk.row(alert)["state"] == "sent"
    assert unsettled() == doubts


def test_a_history_that_cannot_be_read_counts_as_a_look(desk: Desk, slack: LocalSlack) -> None:
    slack.control(
        "faults",
        [
            {"do": "drop", "method": "chat.postMessage"},
            {"do": "fail", "method": "conversations.history", "times": 2},
        ],
    )
    alert, doubts = desk.alert(), unsettled()
    desk.send()
    assert struck(slack) == [1, 2]
    assert len(cards(slack, alert)) == 1
    assert unsettled() == doubts + 1


def test_the_doubt_is_waited_out_longer_with_every_try(desk: Desk, slack: LocalSlack) -> None:
    slack.control("faults", {"do": "fail", "method": "chat.postMessage", "times": 2})
    alert = desk.alert()
    desk.send()
    assert len(cards(slack, alert)) == 1
    first, second, third = (post["at"] for post in calls(slack, "chat.postMessage"))
    assert second - first >= 0.6
    assert third - second >= 1.2


def test_a_history_that_is_rate_limited_does_not_count_as_a_look(
    desk: Desk, slack: LocalSlack
) -> None:
    slack.control(
        "faults",
        [
            {"do": "drop", "method": "chat.postMessage", "when": "after"},
            {"do": "ratelimit", "method": "conversations.history", "times": 2},
            {"do": "lag", "seconds": 60},
        ],
    )
    alert = desk.alert()
    desk.send()
    assert struck(slack) == [1, 2, 1]
    assert len(cards(slack, alert)) == 1


def test_a_mending_in_doubt_is_simply_repeated(desk: Desk, slack: LocalSlack) -> None:
    alert, doubts = desk.alert(), unsettled()
    desk.send()
    slack.control("faults", {"do": "drop", "method": "chat.update", "when": "after"})
    desk.close(alert)
    desk.send()
    assert struck(slack) == [1]
    (card,) = cards(slack)
    assert card["metadata"]["event_payload"]["version"] == 2
    assert not calls(slack, "conversations.history")
    assert unsettled() == doubts


def test_a_card_found_in_an_older_version_is_mended(desk: Desk, slack: LocalSlack) -> None:
    slack.control("faults", {"do": "drop", "method": "chat.postMessage", "when": "after"})
    alert = desk.alert()
    desk.send(until=lambda: desk.row(alert)["outcome"] == "ServerDisconnectedError")
    desk.close(alert)
    desk.send()
    (card,) = cards(slack)
    assert card["metadata"]["event_payload"]["version"] == 2
    assert desk.row(alert)["posted"] == 2


def test_a_slack_that_cannot_be_reached_leaves_no_doubt(
    desk: Desk, slack: LocalSlack, tmp_path: Path
) -> None:
    away = Desk(desk.env["DATABASE_URL"], "http://127.0.0.1:9/api/", tmp_path)
    desk.customer("beta", None)
    alert, doubts = desk.alert("beta"), unsettled()
    away.send(until=lambda: desk.row(alert)["attempts"] >= 2)
    assert desk.row(alert)["state"] == "pending"
    desk.send()
    assert len(cards(slack, alert)) == 1
    assert not calls(slack, "conversations.history")
    assert unsettled() == doubts


def test_a_channel_gets_no_more_than_slack_allows(desk: Desk) -> None:
    with LocalSlack("--rate-limits", "on") as strict:
        fallback = strict.channel("general")
        desk = Desk(desk.env["DATABASE_URL"], strict.api, desk.folder, fallback)
        for number in range(6):
            desk.alert(number=number)
        asyncio.run(send(desk.settings, lambda: not desk.open()))
        posts = calls(strict, "chat.postMessage")
        assert [post["outcome"] for post in posts] == ["ok"] * 6
        times = [post["at"] for post in posts]
        assert times[2] - times[0] < 1.5, "a short burst goes at once"
        assert times[5] - times[0] > 2.5, "then it is one a second"


def test_a_channel_gets_as_much_as_the_settings_say(desk: Desk, slack: LocalSlack) -> None:
    for number in range(6):
        desk.alert(number=number)
    quick = desk.settings.model_copy(update={"laurel_slack_per_second": 100.0})
    asyncio.run(send(quick, lambda: not desk.open()))
    times = [post["at"] for post in calls(slack, "chat.postMessage")]
    assert times[5] - times[0] < 2.5


def test_a_channel_that_waits_holds_up_no_other(desk: Desk, slack: LocalSlack) -> None:
    desk.customer("beta", None)
    for number in range(10):
        desk.alert(number=number)
    other = desk.alert("beta", number=99)
    desk.send(until=lambda: desk.row(other)["posted"], pace=Pace(per_second=0.001, burst=1))
    assert len(cards(slack)) == 2
    with desk.connect() as connection:
        put_off = connection.execute("SELECT FROM deliveries WHERE outcome = 'paced'").fetchall()
    assert not put_off, "what waits for a channel is not claimed again and again"


def test_a_channel_has_one_message_on_the_way_at_a_time(desk: Desk, slack: LocalSlack) -> None:
    desk.customer("beta", "carla@laurel.test")
    slack.control("faults", {"do": "hang", "seconds": 0.5, "method": "chat.postMessage"})
    for customer in ("acme", "beta"):
        desk.alert(customer)
    desk.send()
    first, second = calls(slack, "chat.postMessage")
    assert second["at"] - first["at"] >= 0.5


@pytest.mark.parametrize(
    ("failpoint", "taken"),
    [
        ("slack.sending", 0),
        ("slack.before_post", 0),
        ("slack.checked", 0),
        ("slack.posted", 1),
        ("slack.recorded", 1),
    ],
)
def test_a_sender_killed_on_the_way_leaves_one_card_in_the_end(
    desk: Desk, slack: LocalSlack, failpoint: str, taken: int
) -> None:
    alert = desk.alert()
    sender = desk.start(f"{failpoint}:exit")
    assert sender.await_exit() == 137
    sender.await_event("failpoint", name=failpoint)
    sender.close()
    assert len(cards(slack)) == taken
    assert desk.row(alert)["state"] == ("sent" if failpoint == "slack.recorded" else "sending")
    doubts = unsettled()
    desk.send()
    (card,) = cards(slack, alert)
    row = desk.row(alert)
    assert (row["state"], row["posted"], row["ts"]) == ("sent", 1, card["ts"])
    assert unsettled() == doubts + (1 - taken)


def test_a_card_in_the_fallback_channel_is_found_after_a_kill_and_mended(
    desk: Desk, slack: LocalSlack
) -> None:
    desk.customer("beta", None)
    alert, doubts = desk.alert("beta"), unsettled()
    sender = desk.start("slack.posted:exit")
    assert sender.await_exit() == 137
    sender.close()
    desk.send()
    desk.close(alert)
    desk.send()
    (card,) = cards(slack, alert)
    row = desk.row(alert)
    assert (row["channel"], row["ts"]) == (slack.channel("general"), card["ts"])
    assert len(card["versions"]) == 2
    assert unsettled() == doubts


@pytest.mark.parametrize("failpoint", ["slack.sending", "slack.posted"])
def test_a_sender_killed_while_mending_leaves_one_card_mended(
    desk: Desk, slack: LocalSlack, failpoint: str
) -> None:
    alert = desk.alert()
    desk.send()
    desk.close(alert)
    sender = desk.start(f"{failpoint}:exit")
    assert sender.await_exit() == 137
    sender.close()
    desk.send()
    (card,) = cards(slack, alert)
    assert card["metadata"]["event_payload"]["version"] == 2
    assert desk.row(alert)["posted"] == 2


def test_a_delivery_under_a_lease_is_its_holders_alone(desk: Desk) -> None:
    desk.alert()
    asyncio.run(_take_over(desk.settings))


async def _take_over(settings: Settings) -> None:
    async with database.open_pool(settings, size=1) as pool:
        over, lasting = Ledger(pool, timedelta(0)), Ledger(pool, timedelta(minutes=1))
        late, heir = await over.claim([], []), await lasting.claim([], [])
        assert late is not None
        assert heir is not None
        assert await lasting.claim([], []) is None
        assert await lasting.begin(late, 1, "C1") is None
        assert not await lasting.sent(late, 1, "C1", "1.0", more=False)
        assert await lasting.begin(heir, 1, "C1") is not None


def test_a_sender_frozen_before_its_lease_check_sends_nothing_when_it_wakes(
    desk: Desk, slack: LocalSlack
) -> None:
    alert = desk.alert()
    sender = desk.start("slack.before_post:freeze")
    try:
        sender.await_event("failpoint")
        desk.send()
        sender.wake()
        sender.await_event("lease_over", seconds=20)
    finally:
        sender.close()
    assert len(cards(slack, alert)) == 1


def test_a_sender_frozen_just_before_the_request_posts_twice_and_counts_it(
    desk: Desk, slack: LocalSlack
) -> None:
    alert, doubts = desk.alert(), unsettled()
    sender = desk.start("slack.checked:freeze")
    try:
        sender.await_event("failpoint")
        desk.send()
        assert unsettled() == doubts + 1
        row = desk.row(alert)
        sender.wake()
        sender.await_event("unsettled", why="posted twice, this was late")
    finally:
        sender.close()
    assert len(cards(slack, alert)) == 2
    assert desk.row(alert) == row, "the ledger keeps to the card it knows"


def test_a_sender_frozen_before_it_wrote_down_the_answer_repeats_nothing(
    desk: Desk, slack: LocalSlack
) -> None:
    alert, doubts = desk.alert(), unsettled()
    sender = desk.start("slack.posted:freeze")
    try:
        sender.await_event("failpoint")
        desk.send()
        sender.wake()
        sender.await_event("late")
        sender.await_event("posted")
        assert not sender.events("unsettled")
    finally:
        sender.close()
    assert len(cards(slack, alert)) == 1
    assert unsettled() == doubts


def test_the_sdk_never_posts_again_by_itself(desk: Desk, slack: LocalSlack) -> None:
    slack.control("faults", {"do": "drop", "method": "chat.postMessage", "when": "after"})
    alert = desk.alert()
    desk.send(until=lambda: desk.row(alert)["outcome"] == "ServerDisconnectedError")
    assert len(calls(slack, "chat.postMessage")) == 1


def test_a_database_that_goes_away_before_the_answer_is_recorded_is_waited_for(
    make_postgres: Any, slack: LocalSlack, tmp_path: Path
) -> None:
    server = make_postgres()
    migrate(server.url)
    for what in ("messages", "faults", "calls"):
        slack.clear(what)
    desk = Desk(server.url, slack.api, tmp_path, slack.channel("general"))
    desk.customer("acme", None)
    alert = desk.alert()
    sender = desk.start("slack.posted:freeze")
    try:
        sender.await_event("failpoint")
        server.kill()
        sender.process.send_signal(signal.SIGCONT)
        sender.await_event("database")
        server.restart()
        wait_for(lambda: desk.row(alert)["state"] == "sent", "the answer to be recorded", 30)
    finally:
        sender.close()
    assert not calls(slack, "conversations.history"), "the answer was not forgotten"
    assert len(cards(slack, alert)) == 1
