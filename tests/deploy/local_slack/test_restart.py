"""What outlives the process, and how does it end?"""

import signal
import time
from pathlib import Path

import pytest

from tests.deploy.local_slack.cards import MILESTONE
from tests.local_slack import LocalSlack


def test_a_killed_slack_comes_back_with_its_people_channels_and_messages(tmp_path: Path) -> None:
    options = ("--state", str(tmp_path / "state"), "--rate-limits", "off")
    slack = LocalSlack(*options, "--channels", "general,alerts")
    [person] = slack.control("users", {"email": "dana@vendor.example", "name": "Dana"})
    client = slack.client()
    direct = client.conversations_open(users=person["id"])["channel"]["id"]
    metadata = {"event_type": "alert", "event_payload": {"delivery_id": "d-1"}}
    posted = client.chat_postMessage(channel=direct, text="first", metadata=metadata)
    client.chat_update(channel=direct, ts=posted["ts"], text="second", blocks=MILESTONE)
    before = slack.get("_control/messages")
    slack.stop(signal.SIGKILL)
    with LocalSlack(*options) as again:
        assert again.get("_control/messages") == before
        client = again.client()
        assert client.conversations_open(users=person["id"])["already_open"] is True
        later = client.chat_postMessage(channel=direct, text="third")
        assert later["ts"] > before["channels"][-1]["messages"][0]["versions"][-1]["at"]
        client.chat_update(channel=direct, ts=posted["ts"], text="fourth")


def test_a_record_torn_by_a_kill_is_dropped_and_the_file_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with LocalSlack("--state", str(state)) as slack:
        slack.client().chat_postMessage(channel="general", text="whole")
    with state.open("a", encoding="utf-8") as file:
        file.write('{"kind":"message","ts":"99')
    for text in ("after", "again"):
        with LocalSlack("--state", str(state)) as slack:
            slack.client().chat_postMessage(channel="general", text=text)
    with LocalSlack("--state", str(state)) as slack:
        texts = [message["text"] for message in slack.messages("#general")]
    assert texts == ["whole", "after", "again"]


def test_a_state_file_that_is_something_else_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    state.write_text("not a record\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="ended with 1"):
        LocalSlack("--state", str(state))
    assert f"{state}, line 1" in capfd.readouterr().err


def test_a_port_that_is_none_or_taken_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with LocalSlack() as slack:
        taken = slack.url.strip("/").rpartition(":")[2]
        for port, code in (("65536", 2), (taken, 1)):
            with pytest.raises(RuntimeError, match=f"ended with {code}"):
                LocalSlack("--port", port)
            error = capfd.readouterr().err
            assert port in error
            assert "Traceback" not in error


def test_it_stops_at_once_also_while_an_answer_hangs() -> None:
    slack = LocalSlack()
    slack.control("faults", {"do": "hang", "when": "after", "seconds": 600})
    with pytest.raises(TimeoutError):
        slack.client(timeout=1).auth_test()
    began = time.monotonic()
    assert slack.stop() == 0
    assert time.monotonic() - began < 5
