"""Does the door's page say what came in and what became of it, and name nobody?"""

import asyncio
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import DIRECTORY, TRAINING
from streams.arrivals import FURTHEST
from streams.page import SHOWN
from tests.conftest import Broker, Server, empty_database
from tests.streams.system import Story, System, wait_for
from tests.streams.visitor import Door, make_token

NOW = "2026-03-02T09:00:00Z"
STORY = Story(source="urn:lms:academy")
CRM = Story(source="urn:crm:eu")


def event(id: str, story: Story = STORY, wire: str = "training.started.v1", **data: Any) -> Any:
    person = {"email": "ada@acme.example", "name": "Ada Byron"}
    return story.event(wire, NOW, id=id, **{"person": person, "course": "reporting", **data})


class Rows(HTMLParser):
    """The page as it is read: rows of texts, and what the page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        if tag == "tr":
            self.rows.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "tr"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1] += data + " "

    def of(self, words: str) -> str:
        """The one row that says this."""
        (row,) = [row for row in self.rows if words in row]
        return row

    def count(self, tag: str, **attributes: str) -> int:
        return sum(name == tag and attributes.items() <= has.items() for name, has in self.tags)


@pytest.fixture(scope="module")
def door(
    kafka: Broker, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    """A door behind which intake has set aside all it could not forward, and then ended."""
    folder = tmp_path_factory.mktemp("page")
    with (
        empty_database(postgres) as url,
        System(kafka.bootstrap, url, folder) as system,
    ):
        door = Door(system)
        intake = system.start("intake")
        course = CRM.event("course.described.v1", NOW, id="told-course", course="reporting")
        accepted = door.send(
            course,
            event("<b>nobody</b>"),
            event("passed-over"),
            event("ada@acme.example", Story(source="urn:ada@acme.example")),
        )
        assert accepted.status == 202, accepted.text
        system.publish(TRAINING, b"Ada wrote no JSON", event("dead") | {"type": "course.dreamt.v1"})
        system.await_intake()
        system.dismiss("intake", intake)
        with system.connect() as connection:
            connection.execute(
                "UPDATE quarantine SET status = 'discarded', detail = detail ||"
                " '; discarded: Test account of ada@acme.example'"
                " WHERE convert_from(bytes, 'UTF8') LIKE '%passed-over%'"
            )
        door.send(event("to-come"))
        yield door


@pytest.fixture(scope="module")
def page(door: Door) -> str:
    answer = door.page()
    assert answer.status == 200
    return answer.text


def test_each_record_is_there_with_what_became_of_it(page: str) -> None:
    rows = Rows(page)
    assert len(rows.rows) == 1 + 7
    assert re.search(r"course\.described\.v1 .* urn:crm:eu .*Forwarded", rows.of("told-course"))
    assert re.search(r"Waiting *unknown *· *q\d", rows.of("<b>nobody</b>"))
    assert "nobody is known" in rows.of("<b>nobody</b>")
    assert re.search(r"Discarded *unknown .*; discarded: Test account of …", rows.of("passed-over"))
    assert re.search(r"unreadable .*Dead letter *json *· *d\d", rows.of("unreadable"))
    assert re.search(r"Dead letter *type ", rows.of("dead "))
    assert "On its way" in rows.of("to-come")
    assert re.search(r"intake\.training\[\d]@\d+", rows.of("to-come"))


def test_the_newest_is_the_first(page: str) -> None:
    assert "to-come" in Rows(page).rows[1]


def test_nobody_is_named(page: str) -> None:
    assert "h-" in Rows(page).of("h-")
    for word in ("Ada", "Byron", "ada@", "acme.example"):
        assert word not in page


def test_only_what_became_of_it_in_one_way_is_shown_where_asked_for(door: Door) -> None:
    rows = Rows(door.page("/?became=dead+letter").text)
    assert len(rows.rows) == 1 + 2
    assert rows.count("a", **{"aria-current": "page", "href": "/?became=dead+letter"}) == 1
    assert "Nothing of that kind" in door.page("/?became=expired").text
    assert len(Rows(door.page("/?became=nonsense").text).rows) == 1 + 7


def test_a_token_sees_what_it_may_write(door: Door) -> None:
    assert door.ask("GET", "/").status == 401
    rows = Rows(door.page(token=make_token(door.system, "crm", "urn:crm:*")).text)
    assert len(rows.rows) == 1 + 1
    assert rows.of("told-course")
    nothing = door.page(token=make_token(door.system, "stranger", "urn:other")).text
    assert "Nothing has come in that this token may see" in nothing


def test_a_quiet_source_is_seen_while_another_is_busy(
    kafka: Broker, database: str, tmp_path: Path
) -> None:
    quiet = [event(f"quiet-{number}", CRM) for number in range(90)]
    busy = [event(f"busy-{number}") for number in range(FURTHEST - len(quiet))]
    with System(kafka.bootstrap, database, tmp_path, partitions=1) as system:
        system.publish(TRAINING, event("too-far-back", CRM), *busy[100:])
        system.publish(TRAINING, *quiet[:60], *busy[:100], *quiet[60:])
        door = Door(system)
        rows = Rows(door.page(token=make_token(system, "crm", CRM.source)).text).rows[1:]
        assert len(rows) == len(quiet)
        assert all(one["id"] in row for one, row in zip(reversed(quiet), rows, strict=True))
        everything = Rows(door.page().text).rows[1:]
        assert len(everything) == SHOWN
        assert "quiet-89" in everything[0]
        assert "busy-99" in everything[30]


def test_nothing_comes_from_elsewhere(page: str, door: Door) -> None:
    rows = Rows(page)
    assert all(link.startswith(("/", "data:")) for link in rows.links)
    assert rows.count("script") == 0
    assert "default-src 'none'" in door.page().headers["Content-Security-Policy"]
    style = door.page("/page.css")
    assert style.headers["Content-Type"].startswith("text/css")
    assert "url(" not in style.text


def test_a_screen_reader_finds_its_way(page: str) -> None:
    rows = Rows(page)
    assert rows.count("html", lang="en") == 1
    assert [rows.count(tag) for tag in ("title", "h1", "main", "nav", "caption")] == [1] * 5
    assert rows.count("th", scope="col") == 4
    assert rows.count("th", scope="row") == 7


def test_what_was_sent_on_again_shares_the_fate_of_its_row(door: Door) -> None:
    with door.system.connect() as connection:
        ((row,),) = connection.execute(
            "UPDATE quarantine SET status = 'releasing'"
            " WHERE convert_from(bytes, 'UTF8') LIKE '%nobody</b>%' RETURNING id"
        ).fetchall()
        # Intake has come past the copy, and the row still stands.
        connection.execute("UPDATE positions SET next_offset = 1000 WHERE app = 'intake'")
    header = ("laurel-quarantine", f"q{row}".encode())
    door.system.publish(TRAINING, event("copy"), headers=[header])
    wait_for(lambda: "copy" in door.page().text, "the page to be read anew")
    rows = Rows(door.page().text)
    assert "Sent on again" in rows.of("<b>nobody</b>")
    assert re.search(rf"out of q{row} .*Sent on again", rows.of("copy"))


def test_what_a_transaction_took_back_never_came_in(door: Door) -> None:
    topic = door.system.settings.topic(TRAINING)

    async def take_back() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=door.system.env["KAFKA_BOOTSTRAP"], transactional_id=topic
        )
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait(topic, json.dumps(event("taken-back")).encode(), partition=0)
        await producer.abort_transaction()
        await producer.stop()

    asyncio.run(take_back())
    door.send(event("afterwards"))
    wait_for(lambda: "afterwards" in door.page().text, "the page to be read anew")
    assert "taken-back" not in door.page().text


def test_while_postgres_does_not_answer_the_page_says_so(
    make_postgres: Any, kafka: Broker, tmp_path: Path
) -> None:
    server = make_postgres()
    with System(kafka.bootstrap, server.url, tmp_path) as system:
        door = Door(system)
        assert "Nothing has come in" in door.page().text
        system.publish(DIRECTORY, b"x")
        server.kill()
        answer = door.page()
        assert (answer.status, "Postgres" in answer.text) == (503, True)
        server.start()
