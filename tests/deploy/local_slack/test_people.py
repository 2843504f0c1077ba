"""Whom does an e-mail address find, and where are they written to?"""

from slack_sdk import WebClient

from tests.deploy.local_slack.cards import refused
from tests.local_slack import LocalSlack


def test_people_are_found_by_e_mail_once_they_are_known(
    slack: LocalSlack, client: WebClient
) -> None:
    email = "Dana.Reyes@vendor.example"
    assert refused(client.users_lookupByEmail, email=email)[0] == "users_not_found"
    slack.control("users", {"email": "dana.reyes@vendor.example", "name": "Dana Reyes"})
    user = client.users_lookupByEmail(email=email)["user"]
    assert user["profile"]["email"] == "dana.reyes@vendor.example"
    assert client.users_info(user=user["id"])["user"]["real_name"] == "Dana Reyes"


def test_a_direct_message_has_one_id_a_person(slack: LocalSlack, client: WebClient) -> None:
    slack.control("users", [{"email": f"{name}@vendor.example", "name": name} for name in "ab"])
    users = [client.users_lookupByEmail(email=f"{n}@vendor.example")["user"]["id"] for n in "ab"]
    first, again, other = (
        client.conversations_open(users=user) for user in (users[0], users[0], users[1])
    )
    assert first["channel"]["id"] == again["channel"]["id"] != other["channel"]["id"]
    assert first["channel"]["id"].startswith("D")
    assert (first["already_open"], again["already_open"]) == (False, True)
    posted = client.chat_postMessage(channel=users[0], text="to the person")
    assert posted["channel"] == first["channel"]["id"]


def test_somebody_who_left_is_not_found_and_hears_nothing(
    slack: LocalSlack, client: WebClient
) -> None:
    [person] = slack.control("users", {"email": "gone@vendor.example", "name": "Gone"})
    direct = client.conversations_open(users=person["id"])["channel"]["id"]
    slack.control("users", {"email": "gone@vendor.example", "name": "Gone", "deleted": True})
    find = client.users_lookupByEmail
    assert refused(find, email="gone@vendor.example")[0] == "users_not_found"
    assert refused(client.conversations_open, users=person["id"])[0] == "user_disabled"
    assert refused(client.chat_postMessage, channel=direct, text="t")[0] == "is_archived"


def test_with_users_any_every_address_is_somebody() -> None:
    with LocalSlack("--users", "any") as slack:
        client = slack.client()
        user = client.users_lookupByEmail(email="ada.king-noel@vendor.example")["user"]
        assert user["real_name"] == "Ada King Noel"
        assert refused(client.users_lookupByEmail, email="nonsense")[0] == "users_not_found"
