"""What must be true of records that wait, that are refused, and that come back?"""

import asyncio
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from kafka import KafkaProducer

from handlers.directory import Route
from schemas.envelope import parse
from schemas.facts import PersonJoined, TrainingStarted
from schemas.ids import ident
from schemas.topics import DIRECTORY, EVENT_AT_MOST, KEY_AT_MOST
from schemas.topics import TRAINING as SOURCE
from streams import letters
from streams.letters import LetterError
from streams.sweep import on_the_way, sweep

from .acme import ADA, DAY, EVERYONE, MONDAY, course, customer, joined, left, started
from .steps import Steps, await_waiting, driven, event
from .watching import counted, looked_up, rises

BOB = {"email": "bob@acme.example"}


def names(intake: Steps, status: str = "waiting") -> list[str]:
    """What the rows of the quarantine are called."""
    return [f"q{row[0]}" for row in intake.quarantine() if row[3] == status]


def padded(said: dict[str, Any], size: int) -> bytes:
    """An event of so many bytes."""
    return orjson.dumps(said).ljust(size)


def republish(intake: Steps, name: str, value: dict[str, Any] | bytes) -> None:
    """Put a record on the topic that says it comes back from a row."""
    intake.say(value, headers=[("laurel-quarantine", name.encode())])


def test_someone_unknown_waits_until_the_directory_knows_her(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(customer(), course())
    intake.say(started())
    heard = intake.heard(intake.waiting(tp)[0])
    with ExitStack() as stages:
        for stage in ("resolve", "append", "move"):
            name = "laurel_stage_seconds_count"
            stages.enter_context(rises(name, 1, app="intake", stage=stage))
        intake.take(tp)
    assert [row[1:] for row in intake.quarantine()] == [(0, "unknown", "waiting")]
    assert intake.sweep() == 0
    intake.tell(joined())
    assert intake.sweep() == 1
    assert [row[3] for row in intake.quarantine()] == ["releasing"]
    assert intake.ask(on_the_way) == 1
    copy = intake.waiting(tp)[0]
    assert intake.heard(copy) > heard
    intake.take(tp)
    assert [fact.recorded_at for fact in intake.facts(TrainingStarted)] == [heard]
    assert intake.quarantine() == []
    assert intake.ask(on_the_way) == 0
    # The copy that came back is no word of the source's.
    last = counted("laurel_source_heard_timestamp_seconds", source="urn:lms")
    assert last == heard.timestamp()


def test_a_repeated_batch_leaves_one_row_and_one_that_now_resolves_none(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(customer(), course())
    intake.say(started("1"), started("2", person=BOB), b"")
    first = intake.resolve(tp)
    rows, dead = intake.quarantine(), intake.dead_letters()
    assert intake.resolve(tp) == first
    assert (intake.quarantine(), intake.dead_letters()) == (rows, dead)
    assert [row[1] for row in rows] == [0, 1]
    assert [row[1] for row in dead] == [2]
    assert intake.ask(letters.replay, [f"q{rows[1][0]}"]) == 1
    assert intake.resolve(tp) == first
    assert [row[3] for row in intake.quarantine()] == ["waiting", "releasing"]
    intake.tell(joined())
    intake.take(tp)
    assert [row[0] for row in intake.quarantine()] == [rows[1][0]]
    assert len(intake.facts(TrainingStarted)) == 1


def test_a_record_that_misses_again_waits_in_the_row_it_has(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(customer(), course())
    intake.say(started())
    intake.take(tp)
    name = names(intake)[0]
    assert intake.ask(letters.replay, [name]) == 1
    assert intake.settle(tp) == 1
    assert [row[1:] for row in intake.quarantine()] == [(0, "unknown", "waiting")]
    assert names(intake) == [name]
    intake.tell(customer("bolt"), joined(), joined(customer="bolt"))
    assert intake.sweep() == 0
    assert [row[2:] for row in intake.quarantine()] == [("ambiguous", "waiting")]


def test_a_miss_that_raced_with_the_directory_is_looked_at_again(intake: Steps) -> None:
    other = intake.tp(0, DIRECTORY)
    intake.say(*EVERYONE, topic=DIRECTORY)
    learning = intake.resolve(other)
    intake.forward(learning)
    intake.say(started())
    missed = intake.resolve(intake.tp())
    intake.move(other, learning)
    intake.move(intake.tp(), missed)
    assert intake.settle(intake.tp()) == 1
    assert len(intake.facts(TrainingStarted)) == 1


def test_all_that_waits_for_a_person_goes_on_together_in_the_order_heard(intake: Steps) -> None:
    intake.tell(customer(), course())
    for number in range(6):
        intake.say(started(f"s{number}"), partition=number % 2)
        intake.say(started(f"b{number}", person=BOB))
    for partition in (0, 1):
        intake.take(intake.tp(partition))
    intake.tell(joined())
    with rises("laurel_released_total", 6):
        assert intake.sweep() == 6
    found = [row[3] for row in intake.quarantine()]
    assert (found.count("releasing"), found.count("waiting")) == (6, 6)
    for partition, wanted in ((0, ["s0", "s2", "s4"]), (1, ["s1", "s3", "s5"])):
        back = intake.waiting(intake.tp(partition))
        assert [orjson.loads(record.value)["id"] for record in back] == wanted
        assert {record.key for record in back} == {b"any"}


def test_two_sweeps_at_once_send_on_each_record_once(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(customer(), course())
    intake.say(*(started(str(n)) for n in range(5)))
    intake.take(tp)

    async def both() -> list[int]:
        async with intake.pool.connection() as holding, asyncio.TaskGroup() as tasks:
            await holding.execute("UPDATE quarantine SET status = 'releasing'")
            await holding.commit()
            await holding.execute("SELECT FROM quarantine FOR UPDATE")
            sweeping = [
                tasks.create_task(sweep(intake.pool, intake.producer)),
                tasks.create_task(sweep(intake.pool, intake.producer)),
            ]
            await await_waiting(intake.pool, len(sweeping))
            await holding.commit()
        return [sweep.result() for sweep in sweeping]

    assert sorted(intake.run(both())) == [0, 5]
    copies = [parse(record.value).id for record in intake.waiting(tp)]
    assert copies == [str(n) for n in range(5)]


def test_where_an_event_went_releases_its_repeat_even_if_nobody_could_tell_any_more(
    intake: Steps,
) -> None:
    intake.tell(customer(), customer("bolt"), course())
    intake.say(started())
    intake.take(intake.tp())
    intake.tell(joined())
    intake.say(started(), partition=2)
    intake.take(intake.tp(2))
    intake.tell(joined(customer="bolt"), joined(id="8"))
    assert intake.settle(intake.tp()) > 0
    assert intake.quarantine() == []
    assert [fact.customer for fact in intake.facts(TrainingStarted)] == ["acme", "acme"]


def test_a_released_fact_of_the_directory_releases_what_waits_for_it(intake: Steps) -> None:
    intake.tell(course())
    directory = intake.tp(0, DIRECTORY)
    intake.say(joined(), topic=DIRECTORY)
    intake.say(started())
    intake.take(directory)
    intake.take(intake.tp())
    assert [row[2] for row in intake.quarantine()] == ["unknown"] * 2
    intake.tell(customer())
    assert intake.settle(directory, intake.tp()) == 2
    assert len(intake.facts(PersonJoined)) == len(intake.facts(TrainingStarted)) == 1


def test_what_is_not_heard_of_for_30_seconds_is_published_again(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(customer(), course())
    intake.say(started())
    intake.take(tp)
    intake.tell(joined())
    assert intake.sweep() == 1
    assert intake.sweep() == 0
    with intake.system.connect() as connection:
        connection.execute("UPDATE quarantine SET released_at = released_at - interval '31 s'")
    assert intake.sweep() == 1
    assert len(intake.waiting(tp)) == 2
    intake.take(tp)
    # Both copies go on, in one account and under one id, and the engine drops the second.
    told = [one for records in intake.timeline().values() for one in records]
    assert [one.name for one in told if isinstance(one.fact, TrainingStarted)] == [
        ("urn:lms", "1"),
        ("urn:lms", "1"),
    ]


def test_a_header_is_believed_only_where_the_bytes_are_the_rows(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(customer(), course())
    intake.say(started("1"))
    intake.take(tp)
    intake.tell(joined())
    name = names(intake)[0]
    republish(intake, name, started("forged"))
    republish(intake, "q99999", started("2"))
    republish(intake, "q-", started("3"))
    waiting = intake.waiting(tp)
    intake.take(tp)
    found = {fact.cause: fact.recorded_at for fact in intake.facts(TrainingStarted)}
    assert found == {
        f"urn:lms#{id}": intake.heard(record)
        for id, record in zip(("forged", "2", "3"), waiting, strict=True)
    }
    assert names(intake) == [name]


def test_an_event_of_the_future_waits_until_it_is_due(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE)
    intake.drive(MONDAY)
    due = MONDAY + 3 * DAY
    intake.say(started(at=due), headers=driven(MONDAY))
    intake.take(tp)
    assert intake.rows("SELECT reason, due_at FROM quarantine") == [("future", due)]
    intake.drive(due - timedelta(seconds=1))
    assert intake.sweep() == 0
    intake.drive(due)
    assert intake.settle(tp) == 1
    fact = intake.facts(TrainingStarted)[0]
    assert (fact.at, fact.recorded_at) == (due, MONDAY)


def test_a_due_event_of_someone_unknown_waits_on_for_her(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE)
    intake.drive(MONDAY)
    intake.say(started(at=MONDAY + 3 * DAY, person=BOB), headers=driven(MONDAY))
    intake.take(tp)
    intake.drive(MONDAY + 3 * DAY)
    assert intake.sweep() == 0
    assert [row[2:] for row in intake.quarantine()] == [("unknown", "waiting")]
    intake.tell(joined(id="8", email=BOB["email"]))
    assert intake.settle(tp) == 1


TRAINING: dict[str, Any] = started()
REFUSED: dict[str, tuple[Any, str, str]] = {
    "nothing": (b"", "empty", "the record has no value"),
    "no json": (b'{"id": ', "json", "Invalid JSON"),
    "no object": (b"[1]", "envelope", "Input should be an object"),
    "no id": ({**TRAINING, "id": ""}, "envelope", "/id: "),
    "another version": ({**TRAINING, "specversion": "0.3"}, "envelope", "/specversion: "),
    "no zone": ({**TRAINING, "time": "2026-03-02T09:00:00"}, "envelope", "/time: "),
    "before our time": ({**TRAINING, "time": "1889-03-02T09:00:00Z"}, "envelope", "/time: "),
    "unheard of": ({**TRAINING, "type": "training.begun.v1"}, "type", "/type: 'training.begun.v1'"),
    "nobody": ({**TRAINING, "data": {"course": "git"}}, "data", "/data/person: Field required"),
    "a bar in an id": (
        {**TRAINING, "data": {"person": {"id": "7"}, "course": "a|b"}},
        "data",
        "/data/course: ",
    ),
    "a score above 100": (
        event("training.failed.v1", MONDAY, "1", person={"id": "7"}, course="git", score=101),
        "data",
        "/data/score: ",
    ),
    "a link that is none": (
        event("training.completed.v1", MONDAY, "1", person={"id": "7"}, course="git", url="ftp:"),
        "data",
        "/data/url: ",
    ),
    "the catalogue as customer": (customer("catalogue"), "data", "/data/customer: "),
    "a zone that is none": (customer(zone="Berlin"), "data", "/data/zone: "),
    "a role change to nothing": (
        event("role.changed.v1", MONDAY, "1", customer="acme", person={"id": "7"}),
        "data",
        "/data",
    ),
    "far in the future": (started(at=datetime(2200, 1, 1).astimezone()), "future", "/time: "),
}


def test_what_cannot_be_read_is_refused_with_a_reason_and_a_place(intake: Steps) -> None:
    tp = intake.tp()
    intake.say(*(value for value, _, _ in REFUSED.values()))
    intake.take(tp)
    found = intake.dead_letters()
    assert len(found) == len(REFUSED)
    for (value, reason, detail), row in zip(REFUSED.values(), found, strict=True):
        assert row[2] == reason, (value, row)
        assert row[3].startswith(detail), (value, row)
    assert intake.position(tp)[0] == len(REFUSED)
    assert {row[0] for row in intake.rows("SELECT count(*) FROM quarantine")} == {0}


def test_the_bytes_of_what_was_refused_are_kept_as_they_came(intake: Steps) -> None:
    garbage = bytes(range(256))
    intake.say(garbage)
    intake.take(intake.tp())
    letter, kept = intake.ask(letters.show, f"d{intake.dead_letters()[0][0]}")
    assert kept == garbage
    assert (letter.topic, letter.partition, letter.offset) == (*intake.tp(), 0)


def lay_large(intake: Steps, key: bytes, value: bytes) -> None:
    """Put a record on partition 0 that only compression makes small enough for the broker."""
    producer = KafkaProducer(
        bootstrap_servers=intake.settings.kafka_bootstrap,
        compression_type="gzip",
        max_request_size=10 * EVENT_AT_MOST,
    )
    producer.send(intake.settings.topic(SOURCE), value, key=key, partition=0)
    producer.close()


def test_what_is_too_large_to_be_sent_again_is_refused_and_not_kept(intake: Steps) -> None:
    tp = intake.tp()
    lay_large(intake, b"k", padded(started(), 3 * EVENT_AT_MOST))
    lay_large(intake, b"k", padded(started(), EVENT_AT_MOST + 1))
    lay_large(intake, b"k" * (KEY_AT_MOST + 1), padded(started(), 1000))
    intake.take(tp)
    rows = intake.rows("SELECT reason, key, bytes, status FROM dead_letters")
    assert rows == [("size", None, None, "waiting")] * 3
    for row in intake.dead_letters():
        assert "lie on the intake topic" in row[3]
        with pytest.raises(LetterError, match="has no bytes to send again"):
            intake.ask(letters.replay, [f"d{row[0]}"])


def test_the_largest_event_waits_and_goes_on(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(customer(), course())
    lay_large(intake, b"k" * KEY_AT_MOST, padded(started(), EVENT_AT_MOST))
    intake.take(tp)
    assert [row[2:] for row in intake.quarantine()] == [("unknown", "waiting")]
    intake.tell(joined())
    assert intake.settle(tp) == 1
    assert len(intake.facts(TrainingStarted)) == 1


def test_a_time_of_hearing_that_is_none_is_refused_only_while_the_clock_is_driven(
    intake: Steps,
) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE)
    wrong = [("recordedtime", b"yesterday")]
    intake.say(started("1"), headers=wrong)
    intake.take(tp)
    assert not intake.dead_letters()
    intake.drive(MONDAY)
    intake.say(started("2"), headers=wrong)
    intake.say(started("3"), headers=[("recordedtime", b"2026-03-02T09:00:00")])
    intake.take(tp)
    assert [row[2:] for row in intake.dead_letters()] == [
        ("header", "header recordedtime: must be an RFC 3339 time with its zone")
    ] * 2


def test_a_dead_letter_is_read_again_after_a_fix(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE)
    intake.drive(MONDAY)
    intake.say(started(at=MONDAY + 31 * DAY), headers=driven(MONDAY))
    intake.take(tp)
    name = f"d{intake.dead_letters()[0][0]}"
    assert intake.ask(letters.replay, [name]) == 1
    assert intake.settle(tp) == 1
    assert [f"d{row[0]}" for row in intake.dead_letters()] == [name]
    assert intake.rows("SELECT status FROM dead_letters") == [("waiting",)]
    # It is no longer too far off; now it waits with the others, where it was first heard.
    intake.drive(MONDAY + 7 * DAY)
    intake.ask(letters.replay, [name])
    intake.settle(tp)
    assert not intake.dead_letters()
    assert [row[1:] for row in intake.quarantine()] == [(0, "future", "waiting")]
    intake.drive(MONDAY + 31 * DAY)
    intake.settle(tp)
    assert [fact.recorded_at for fact in intake.facts(TrainingStarted)] == [MONDAY]
    assert not intake.quarantine()


# Operators


def test_an_operator_says_whose_an_event_is(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE, joined(customer="bolt"))
    intake.say(started("1"), started("2", person=BOB), started("3", person=BOB))
    intake.take(tp)
    one, two, three = names(intake)
    assert intake.ask(letters.assign, one, customer="bolt") == Route("bolt", ADA)
    with pytest.raises(LetterError, match=f"{two}: say which person: /data/person: nobody"):
        intake.ask(letters.assign, two, customer="bolt")
    with pytest.raises(LetterError, match=f"{two}: say which customer: /data/customer: name one"):
        intake.ask(letters.assign, two, person="Ada@acme.example")
    assert intake.ask(letters.assign, two, "acme", "7") == Route("acme", ADA)
    with pytest.raises(LetterError, match="customer 'nosuch' has not been described"):
        intake.ask(letters.assign, three, "nosuch", ADA)
    with pytest.raises(LetterError, match="nobody is known as 'Bob'"):
        intake.ask(letters.assign, three, "acme", "Bob")
    assert intake.settle(tp) == 2
    found = {(fact.cause, fact.customer, fact.person) for fact in intake.facts(TrainingStarted)}
    assert found == {("urn:lms#1", "bolt", ADA), ("urn:lms#2", "acme", ADA)}
    assert names(intake) == [three]


def test_an_assignment_overrides_the_customer_an_event_names(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE)
    intake.say(started(customer="bolt"))
    intake.take(tp)
    assert [row[2] for row in intake.quarantine()] == ["conflict"]
    intake.ask(letters.assign, names(intake)[0], "acme")
    assert intake.settle(tp) == 1
    assert [fact.customer for fact in intake.facts(TrainingStarted)] == ["acme"]


def test_an_assignment_keeps_to_the_customer_an_event_names_unless_another_is_said(
    intake: Steps,
) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE)
    intake.say(started(customer="bolt"))
    intake.take(tp)
    for said in ((), (None, ADA)):
        with pytest.raises(LetterError, match="say which customer"):
            intake.ask(letters.assign, names(intake)[0], *said)
    assert [row[2] for row in intake.quarantine()] == ["conflict"]


def test_nobody_is_assigned_to_an_account_she_was_never_at(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE, left(at=MONDAY + DAY))
    intake.say(started("1", customer="bolt"), started("2", at=MONDAY + 2 * DAY))
    intake.take(tp)
    elsewhere, afterwards = names(intake)
    with pytest.raises(LetterError, match="the person belongs to acme, not to 'bolt'"):
        intake.ask(letters.assign, elsewhere, "bolt")
    assert not intake.rows("SELECT FROM routes")
    assert intake.ask(letters.assign, afterwards, "acme") == Route("acme", ADA)


def test_an_account_once_given_cannot_be_assigned_away(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE)
    intake.say(started())
    intake.take(tp)
    intake.say(started(course="tig"))
    intake.take(tp)
    with pytest.raises(LetterError, match=f"given to customer acme, person {ADA} before"):
        intake.ask(letters.assign, names(intake)[0], "bolt", ADA)
    assert names(intake)


def test_only_events_of_people_that_wait_can_be_assigned(intake: Steps) -> None:
    tp = intake.tp()
    intake.say(joined(), b"?", started())
    intake.take(tp)
    waiting, training = names(intake)
    for name, why in (
        (waiting, "is the directory's own word on person.joined.v1"),
        (f"d{intake.dead_letters()[0][0]}", "is a dead letter"),
        ("q4711", "there is no such row"),
        ("x1", "is no row's name; the quarantine's look like q12"),
    ):
        with pytest.raises(LetterError, match=why):
            intake.ask(letters.assign, name, "acme", "7")
    intake.ask(letters.discard, training, "a test account")
    with pytest.raises(LetterError, match="is discarded; only what waits"):
        intake.ask(letters.assign, training, "acme", "7")


def test_each_way_to_set_something_free_is_counted_so_that_late_ticks_are_void(
    intake: Steps,
) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE)
    intake.say(started(customer="bolt"), b"?")
    intake.take(tp)
    counted = "SELECT releases FROM clock"
    assert intake.rows(counted) == [(0,)]
    intake.ask(letters.replay, [f"d{intake.dead_letters()[0][0]}"])
    assert intake.rows(counted) == [(1,)]
    intake.ask(letters.assign, names(intake)[0], "acme")
    assert intake.rows(counted) == [(2,)]


def test_what_is_discarded_stays_with_its_reason_and_never_goes_on(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(customer(), course())
    intake.say(started())
    missed = intake.resolve(tp)
    name = names(intake)[0]
    with pytest.raises(LetterError, match="say why"):
        intake.ask(letters.discard, name, " ")
    intake.ask(letters.discard, name, "a test account")
    with pytest.raises(LetterError, match=f"{name} is discarded; only what waits"):
        intake.ask(letters.discard, name, "again")
    intake.tell(joined())
    assert intake.resolve(tp).facts == ()
    intake.move(tp, missed)
    assert intake.settle(tp) == 0
    letter, _ = intake.ask(letters.show, name)
    assert letter.status == "discarded"
    assert letter.detail.endswith("; discarded: a test account")
    # Regretted, it can still be sent on.
    intake.ask(letters.replay, [name])
    assert intake.settle(tp) == 1
    assert len(intake.facts(TrainingStarted)) == 1


def test_letters_are_listed_by_reason_and_age(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE, left(MONDAY + DAY))
    intake.drive(MONDAY + DAY)
    for number, (id, who) in enumerate((("1", BOB), ("2", BOB), ("3", {"id": "7"}))):
        intake.say(started(id, MONDAY + DAY, person=who), headers=driven(MONDAY + DAY * number / 4))
    intake.take(tp)
    assert [c.reason for c in intake.ask(letters.counts)] == ["left", "unknown"]
    unknown = intake.ask(letters.listing, "q", reason="unknown")
    assert [letter.offset for letter in unknown] == [0, 1]
    assert [c.rows for c in intake.ask(letters.counts)] == [1, 2]
    assert intake.ask(letters.counts)[1].oldest == MONDAY
    old = intake.ask(letters.listing, "q", older_than=timedelta(hours=15))
    assert [letter.offset for letter in old] == [0, 1]
    assert len(intake.ask(letters.listing, "q", limit=1)) == 1
    assert intake.ask(letters.listing, "q", status="expired") == []
    assert intake.ask(letters.listing, "d") == []
    said = looked_up(intake.settings, "intake")
    assert said.by("reason", "laurel_quarantine_rows") == {"unknown": 2, "left": 1}
    ages = {"unknown": DAY.total_seconds(), "left": DAY.total_seconds() / 2}
    assert said.by("reason", "laurel_quarantine_oldest_seconds") == ages
    intake.ask(letters.discard, unknown[0].name, "nobody of ours")
    said = looked_up(intake.settings, "intake")
    assert said.one("laurel_quarantine_rows", reason="unknown", status="discarded") == 1
    younger = DAY.total_seconds() * 3 / 4
    assert said.one("laurel_quarantine_oldest_seconds", reason="unknown") == younger


def test_dead_letters_are_counted_by_reason_and_the_oldest_that_waits_has_an_age(
    intake: Steps,
) -> None:
    intake.drive(MONDAY + DAY)
    for value, days in ((b"?", 0), (b"{", 0.5), (b"", 1)):
        intake.say(value, headers=driven(MONDAY + DAY * days))
    intake.take(intake.tp())
    rows, age = "laurel_dead_letter_rows", "laurel_dead_letter_oldest_seconds"
    said = looked_up(intake.settings, "intake")
    assert said.by("reason", rows) == {"json": 2, "empty": 1}
    assert said.by("reason", age) == {"json": DAY.total_seconds(), "empty": 0}
    intake.ask(letters.discard, f"d{intake.dead_letters()[0][0]}", "noise")
    said = looked_up(intake.settings, "intake")
    assert said.of(rows, reason="json") == [1, 1]
    assert said.one(age, reason="json") == DAY.total_seconds() / 2


def test_bytes_and_routes_go_after_30_days_and_rows_stay(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE)
    intake.drive(MONDAY)
    intake.say(started("1", person=BOB), b"?", started("2", MONDAY), headers=driven(MONDAY))
    intake.take(tp)
    name = names(intake)[0]
    intake.drive(MONDAY + 30 * DAY)
    intake.sweep()
    assert len(intake.rows("SELECT FROM routes")) == 1
    intake.drive(MONDAY + 30 * DAY + timedelta(seconds=1))
    intake.sweep()
    assert intake.rows("SELECT bytes, key, names, status FROM quarantine") == [
        (None, None, [], "expired")
    ]
    assert intake.rows("SELECT bytes, key, status FROM dead_letters") == [(None, None, "expired")]
    assert intake.rows("SELECT FROM routes") == []
    intake.tell(joined(id="8", email=BOB["email"]))
    assert intake.settle(tp) == 0
    with pytest.raises(LetterError, match=f"{name} is expired and cannot be sent again"):
        intake.ask(letters.replay, [name])


def test_of_rows_to_send_on_all_go_or_none(intake: Steps) -> None:
    tp = intake.tp()
    intake.say(b"?", b"")
    intake.take(tp)
    garbage, nothing = (f"d{row[0]}" for row in intake.dead_letters())
    with intake.system.connect() as connection:
        connection.execute("UPDATE dead_letters SET bytes = NULL WHERE reason = 'empty'")
    with pytest.raises(LetterError, match=f"{nothing} has no bytes to send again"):
        intake.ask(letters.replay, [garbage, nothing])
    assert intake.ask(on_the_way) == 0


def test_the_person_a_released_event_speaks_of_is_the_one_known_by_then(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(customer(), course())
    intake.say(started(person={"id": "9", "email": "eve@acme.example"}))
    intake.take(tp)
    intake.tell(joined(id="9", email="eve@acme.example"))
    intake.settle(tp)
    assert [fact.person for fact in intake.facts(TrainingStarted)] == [
        str(ident("person", "urn:hr", "9"))
    ]
