"""What must be true of intake's three steps, of the quarantine and of the sweep?"""

import asyncio
from decimal import Decimal
from itertools import permutations
from typing import Any

import orjson
import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from schemas.envelope import parse
from schemas.facts import (
    CertificateGranted,
    TrainingCompleted,
    TrainingStarted,
)
from schemas.ids import ident, opaque
from schemas.topics import CATALOGUE, DIRECTORY, TIMELINE
from streams import topics
from streams.append import partition_of
from streams.directory import route_hash
from streams.stop import AppendFailed, Beyond, Fenced

from .acme import ADA, DAY, EVERYONE, MONDAY, course, customer, joined, left, started
from .steps import Steps, await_waiting, event
from .system import wait_for

# One batch


def test_a_course_and_its_first_completion_may_come_in_one_batch(intake: Steps) -> None:
    tp = intake.tp()
    done = event(
        "training.completed.v1", MONDAY, "d", person={"id": "7"}, course="git", score=87.50
    )
    intake.say(customer(), joined(), course(), done)
    intake.take(tp)
    home = partition_of("acme", 3)
    for partition, told in intake.timeline().items():
        kinds = [type(one.fact).__name__ for one in told]
        assert (
            kinds[-2:] == ["CourseDescribed", "TrainingCompleted"]
            if partition == home
            else ["CourseDescribed"]
        )
    fact = intake.facts(TrainingCompleted)[0]
    assert (fact.customer, fact.person, fact.score) == ("acme", ADA, Decimal("87.5"))
    assert intake.position(tp)[0] == 4
    assert not intake.quarantine()


def test_a_name_told_in_a_batch_leads_to_a_membership_known_before(intake: Steps) -> None:
    intake.tell(*EVERYONE)
    person = {"id": "7", "email": "lovelace@acme.example"}
    role = {"customer": "acme", "person": person, "role": "admin"}
    intake.say(
        event("role.changed.v1", MONDAY, "r", "urn:hr", **role),
        started(person={"email": "lovelace@acme.example"}),
    )
    intake.take(intake.tp())
    assert [fact.person for fact in intake.facts(TrainingStarted)] == [ADA]


def test_a_catalogue_fact_stands_once_in_every_partition_under_one_name(intake: Steps) -> None:
    intake.tell(course())
    told = list(intake.timeline().values())
    assert [len(records) for records in told] == [1, 1, 1]
    assert {records[0].name for records in told} == {("urn:hr", "k-git")}
    assert {records[0].key for records in told} == {CATALOGUE}


def test_facts_keep_the_order_of_the_batch_and_the_partition_of_their_customer(
    intake: Steps,
) -> None:
    customers = [f"customer {n}" for n in range(8)]
    intake.tell(*map(customer, customers), course())
    who = [joined(customer=id, id=id, email=f"{n}@x.example") for n, id in enumerate(customers)]
    intake.tell(*who)
    done = [started(f"{n} {id}", person={"id": id}) for n in range(40) for id in customers]
    intake.say(*done)
    intake.take(intake.tp())
    for partition, records in intake.timeline().items():
        mine = [id for id in customers if partition_of(id, 3) == partition]
        names = [told.name[1] for told in records if isinstance(told.fact, TrainingStarted)]
        assert names == [f"{n} {id}" for n in range(40) for id in mine]


def test_a_record_that_means_two_facts_gives_both_under_ids_of_their_own(intake: Steps) -> None:
    intake.tell(*EVERYONE)
    data: dict[str, Any] = {
        "person": {"id": "7"},
        "course": "git",
        "certificate": {"certificate": "pro"},
    }
    intake.say(event("training.completed.v1", MONDAY, "both", **data))
    intake.take(intake.tp())
    told = [
        one
        for one in intake.timeline()[partition_of("acme", 3)]
        if isinstance(one.fact, TrainingCompleted | CertificateGranted)
    ]
    assert [one.name for one in told] == [
        ("urn:lms", str(ident("urn:lms", "both", n))) for n in range(2)
    ]
    assert [one.fact.cause for one in told] == ["urn:lms#both"] * 2  # type: ignore[union-attr]


def test_names_addresses_and_links_stay_in_postgres(intake: Steps) -> None:
    intake.tell(
        customer(csm={"email": "Cleo@vendor.example", "name": "Cleo"}),
        course(certificate="pro"),
        joined(name="Ada", externals=[{"system": "moodle", "id": "ada@moodle"}]),
    )
    who = {"external": {"system": "moodle", "id": "ada@moodle"}, "name": "A. Lovelace"}
    url = "https://certificates.example/ada"
    data = {"person": who, "certificate": "pro", "number": "ada@1", "url": url}
    intake.say(event("certificate.granted.v1", MONDAY, "ada@mail", "mailto:x@y.example", **data))
    intake.take(intake.tp())
    assert [fact.number for fact in intake.facts(CertificateGranted)] == [opaque("ada@1")]
    for record in intake.system.records(TIMELINE):
        for secret in (b"@", b"Ada", b"Lovelace", b"Cleo", b"https"):
            assert secret not in record.value + record.key
    csm = str(ident("person", "csm", "cleo@vendor.example"))
    people = intake.rows("SELECT person, name, email, lms_name FROM people")
    assert {row[0]: row[1:] for row in people} == {
        ADA: ("Ada", "ada@acme.example", "A. Lovelace"),
        csm: ("Cleo", "cleo@vendor.example", None),
    }
    assert intake.rows("SELECT customer, person, subject, url FROM certificate_links") == [
        ("acme", ADA, "pro", url)
    ]


def test_the_latest_word_of_the_directory_on_a_name_stands(intake: Steps) -> None:
    intake.tell(
        customer(),
        joined(MONDAY + DAY, name="Ada L."),
        joined(name="Ada", email="old@acme.example"),
    )
    assert intake.rows("SELECT name, email FROM people") == [("Ada L.", "ada@acme.example")]
    intake.tell(joined(MONDAY + 2 * DAY, name=None, email="new@acme.example"))
    assert intake.rows("SELECT name, email FROM people") == [("Ada L.", "new@acme.example")]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_each_of_her_names_is_that_of_the_latest_word_whatever_comes_first(
    intake: Steps, order: tuple[int, ...]
) -> None:
    words = (
        joined(name="Ada", email="old@acme.example"),
        joined(MONDAY + 2 * DAY, name="Ada B.", email=None),
        joined(MONDAY + DAY, name=None, email="new@acme.example"),
    )
    intake.tell(customer())
    for number in order:
        intake.tell(words[number])
    assert intake.rows("SELECT name, email FROM people") == [("Ada B.", "new@acme.example")]


def test_ids_in_long_scripts_are_hashed_and_so_fit_into_a_key(intake: Steps) -> None:
    long = "\U00020000" * 150
    intake.tell(customer(long), course(long), joined(customer=long))
    intake.say(started(course=long))
    intake.take(intake.tp())
    (fact,) = intake.facts(TrainingStarted)
    assert (fact.customer, fact.course) == (opaque(long), opaque(long))
    assert len(fact.course) < 50


def test_events_whose_sources_and_ids_spell_the_same_together_are_two(intake: Steps) -> None:
    intake.tell(*EVERYONE)
    one = {**started("b#c"), "source": "urn:a"}
    other = {**started("c"), "source": "urn:a#b"}
    intake.say(one, other)
    intake.take(intake.tp())
    facts = intake.facts(TrainingStarted)
    assert [fact.cause for fact in facts] == ["urn:a#b#c", "urn:a%23b#c"]


# Between the steps


def test_what_a_batch_learns_is_seen_by_others_only_behind_its_append(intake: Steps) -> None:
    other = intake.tp(1, DIRECTORY)
    intake.say(*EVERYONE, partition=1, topic=DIRECTORY)
    learning = intake.resolve(other)
    intake.say(started())
    intake.take(intake.tp())
    assert [row[2:] for row in intake.quarantine()] == [("unknown", "waiting")]
    intake.forward(learning)
    assert intake.sweep() == 0
    intake.move(other, learning)
    assert intake.settle(intake.tp()) == 1
    assert len(intake.facts(TrainingStarted)) == 1


def test_a_repeated_batch_keeps_the_account_it_was_first_given_to(intake: Steps) -> None:
    intake.tell(*EVERYONE)
    intake.say(started("1"), started("2"), started("3"))
    tp = intake.tp()
    first = intake.resolve(tp)
    intake.forward(first)
    # Dead here. Meanwhile the directory learns that she had moved on, and the fetch is shorter.
    intake.tell(left(MONDAY + DAY / 2), joined(MONDAY + DAY / 2, "bolt"), partition=1)
    shorter = intake.resolve(tp, intake.waiting(tp)[:2])
    assert shorter.facts == first.facts[:2]
    intake.forward(shorter)
    intake.move(tp, shorter)
    rest = intake.resolve(tp)
    assert rest.facts == first.facts[2:]
    intake.say(started("4"))
    intake.move(tp, rest)
    intake.take(tp)
    accounts = {(f.cause, f.customer) for f in intake.facts(TrainingStarted)}
    assert accounts == {
        *((f"urn:lms#{n}", "acme") for n in (1, 2, 3)),
        ("urn:lms#4", "bolt"),
    }
    assert not intake.quarantine()


def test_where_an_event_went_stands_even_if_nobody_could_tell_any_more(intake: Steps) -> None:
    intake.tell(*EVERYONE)
    intake.say(started())
    tp = intake.tp()
    first = intake.resolve(tp)
    intake.tell(joined(customer="bolt"), joined(id="8"))
    assert intake.resolve(tp).facts == first.facts
    assert not intake.quarantine()


def test_a_repeat_in_another_partition_goes_where_the_first_one_went(intake: Steps) -> None:
    intake.tell(*EVERYONE)
    intake.say(started())
    intake.take(intake.tp())
    intake.tell(left(MONDAY + DAY / 2), joined(MONDAY + DAY / 2, "bolt"))
    intake.say(started(), partition=2)
    intake.take(intake.tp(2))
    assert [fact.customer for fact in intake.facts(TrainingStarted)] == ["acme", "acme"]


def test_of_two_batches_that_route_one_event_the_first_to_commit_stands(intake: Steps) -> None:
    intake.tell(*EVERYONE)
    intake.say(started(), started("other"))
    tp, batch = intake.tp(), intake.waiting(intake.tp())
    hash = route_hash(parse(orjson.dumps(started())))

    async def race() -> Any:
        async with intake.pool.connection() as rival:
            await rival.execute("INSERT INTO routes VALUES (%s, 'bolt', 'someone', now())", (hash,))
            resolving = asyncio.create_task(intake.intake.resolve(tp, batch, False))
            await await_waiting(intake.pool)
        return await resolving

    resolved = intake.run(race())
    routes = [(said.fact.customer, said.fact.person) for said in resolved.facts]
    assert routes == [("bolt", "someone"), ("acme", ADA)]


def test_two_batches_that_route_the_same_events_never_wait_for_each_other_in_a_ring(
    intake: Steps,
) -> None:
    """Each in the other's order, both held up at the one in the middle."""
    intake.tell(*EVERYONE)
    batch = [started("1"), started("2"), started("3")]
    intake.say(*batch)
    intake.say(*reversed(batch), partition=1)
    places = [intake.tp(), intake.tp(1)]
    waiting = [intake.waiting(tp) for tp in places]
    hash = route_hash(parse(orjson.dumps(batch[1])))

    async def race() -> list[Any]:
        async with intake.pool.connection() as rival:
            await rival.execute("INSERT INTO routes VALUES (%s, 'bolt', 'someone', now())", (hash,))
            resolving = [
                asyncio.create_task(intake.intake.resolve(tp, records, False))
                for tp, records in zip(places, waiting, strict=True)
            ]
            await await_waiting(intake.pool, len(resolving))
        return await asyncio.gather(*resolving)

    routed = [[said.fact.customer for said in resolved.facts] for resolved in intake.run(race())]
    assert routed == [["acme", "bolt", "acme"]] * 2


def test_a_batch_below_the_position_is_dropped_and_the_topic_looked_at_again(
    intake: Steps,
) -> None:
    intake.tell(*EVERYONE)
    tp = intake.tp()
    intake.say(started("1"), started("2"))
    batch = intake.waiting(tp)
    intake.run(intake.intake.work(tp, batch[:1], False))
    intake.run(intake.intake.work(tp, batch, False))
    intake.run(intake.intake.work(tp, batch, False))
    assert [fact.cause for fact in intake.facts(TrainingStarted)] == ["urn:lms#1", "urn:lms#2"]
    assert intake.rechecked == {tp: 1}


def test_a_gap_is_believed_only_once_it_was_sought_back_to(intake: Steps) -> None:
    intake.tell(*EVERYONE)
    tp = intake.tp()
    intake.say(started("1"), started("2"))
    beyond = intake.waiting(tp)[1:]
    with pytest.raises(Beyond) as hole:
        intake.run(intake.intake.work(tp, beyond, False))
    assert hole.value.position == 0
    intake.run(intake.intake.work(tp, beyond, True))
    assert intake.position(tp)[0] == 2


def test_nothing_is_locked_while_kafka_is_asked(intake: Steps) -> None:
    """Nor a connection held: as many lanes as the pool has connections would wait for another."""
    tp = intake.tp()
    intake.say(*EVERYONE)
    batch = intake.waiting(tp)
    for sought in (False, True, False):
        intake.run(intake.intake.work(tp, batch, sought))
    assert intake.locked_meanwhile == []
    assert intake.rechecked == {tp: 3}


def test_an_owner_that_was_overtaken_cannot_move_the_position_or_the_directory(
    intake: Steps,
) -> None:
    tp = intake.tp()
    intake.say(*EVERYONE)
    zombie = intake.resolve(tp)
    intake.take(tp)
    version = intake.rows("SELECT version FROM directory_version")
    with pytest.raises(Fenced):
        intake.move(tp, zombie)
    assert intake.rows("SELECT version FROM directory_version") == version
    assert intake.position(tp)[0] == 4


def test_a_failed_append_moves_nothing(intake: Steps) -> None:
    intake.tell(*EVERYONE)
    client = topics.admin(intake.settings)
    tiny = {"max.message.bytes": "100"}
    topic = intake.settings.topic(TIMELINE)
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=tiny)])
    client.close()
    tp = intake.tp()
    intake.say(started())
    resolved = intake.resolve(tp)

    def refused() -> bool:
        try:
            intake.forward(resolved)
        except AppendFailed as fault:
            return "MessageSizeTooLarge" in str(fault)
        return False

    # The broker learns of a topic's settings a moment after it has answered.
    wait_for(refused, "the broker to refuse large records", seconds=20)
    with pytest.raises(AppendFailed):
        intake.take(tp)
    assert intake.position(tp)[0] == 0
