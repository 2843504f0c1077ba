"""What must be true of who did it, and whose account it was?"""

import itertools
import random
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import hypothesis
import hypothesis.strategies as st
import orjson
import pytest

from handlers.canonical import canonical
from handlers.directory import Accepted, Dead, Directory, Miss, Route, person_id, token
from schemas import facts, incoming
from schemas.envelope import Event, encode_fact, parse
from schemas.ids import ident, opaque
from schemas.incoming import EVENTS, DirectoryPerson, Incoming

DAY = timedelta(days=1)
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)

Outcome = Accepted | Miss | Dead


def told(data: Incoming, at: datetime = MONDAY, id: str = "1", source: str = "hr") -> Event:
    return Event(id, source, at, data)


def customer(id: str = "acme") -> Event:
    return told(incoming.CustomerDescribed(customer=id), id=f"customer {id}")


def course(id: str = "git", certificate: str | None = None) -> Event:
    return told(incoming.CourseDescribed(course=id, certificate=certificate), id=f"course {id}")


def joined(at: datetime, customer: str = "acme", who: str = "7", **names: Any) -> Event:
    person = DirectoryPerson(id=who, **names)
    id = f"joined {who} {customer} {at}"
    return told(incoming.PersonJoined(customer=customer, person=person), at, id)


def left(at: datetime, customer: str = "acme", who: str = "7") -> Event:
    person = DirectoryPerson(id=who)
    return told(
        incoming.PersonLeft(customer=customer, person=person), at, f"left {who} {customer} {at}"
    )


def started(at: datetime = MONDAY, customer: str | None = None, **person: Any) -> Event:
    ref = incoming.PersonRef(**(person or {"id": "7"}))
    data = incoming.TrainingStarted(person=ref, customer=customer, course="git")
    return told(data, at, "started", "lms")


def knowing(*events: Event) -> Directory:
    """A directory that was told this, after customers acme and bolt and the course git."""
    directory = Directory()
    for event in (customer("acme"), customer("bolt"), course(), *events):
        assert isinstance(directory.accept(event, event.time), Accepted), event
    return directory


def outcome(directory: Directory, event: Event) -> Outcome:
    return directory.resolve(event, event.time)


def account(directory: Directory, event: Event) -> str:
    """The customer an event is given to, or the reason why it waits."""
    found = outcome(directory, event)
    if isinstance(found, Accepted):
        assert found.route
        return found.route.customer
    return found.reason


PERSON = str(ident("person", "hr", "7"))


# Who


@pytest.mark.parametrize(
    "names",
    [
        {"id": "7"},
        {"email": "Ada@Acme.example"},
        {"external": {"system": "moodle", "id": "a7"}},
        {"id": "7", "email": "ada@acme.example"},
        {"id": "never heard", "email": "ada@acme.example"},
    ],
)
def test_any_known_name_leads_to_the_person(names: dict[str, Any]) -> None:
    directory = knowing(
        joined(MONDAY, email="ada@acme.example", externals=[{"system": "moodle", "id": "a7"}])
    )
    found = outcome(directory, started(**names))
    assert isinstance(found, Accepted)
    assert found.route == Route("acme", PERSON)


def test_a_name_nobody_bears_is_unknown() -> None:
    found = outcome(knowing(joined(MONDAY)), started(id="8", email="bob@acme.example"))
    assert isinstance(found, Miss)
    assert (found.reason, found.detail) == (
        "unknown",
        "/data/person: nobody is known by this id, email",
    )


def test_a_name_two_people_bear_is_ambiguous() -> None:
    directory = knowing(
        joined(MONDAY, email="team@acme.example"),
        joined(MONDAY, who="8", email="team@acme.example"),
    )
    assert account(directory, started(email="team@acme.example")) == "ambiguous"
    assert account(directory, started(id="7", email="team@acme.example")) == "ambiguous"


def test_names_of_two_people_conflict() -> None:
    directory = knowing(joined(MONDAY), joined(MONDAY, who="8", email="bob@acme.example"))
    assert account(directory, started(id="7", email="bob@acme.example")) == "conflict"


def test_the_same_id_in_two_directories_is_two_people() -> None:
    other = told(
        incoming.PersonJoined(customer="bolt", person=DirectoryPerson(id="7")), source="crm"
    )
    directory = knowing(joined(MONDAY), other)
    assert account(directory, started(id="7")) == "ambiguous"


def test_a_miss_says_whom_it_names_without_an_address() -> None:
    found = outcome(knowing(), started(id="7", email="ada@acme.example"))
    assert isinstance(found, Miss)
    assert found.names == ("id:7", token(("email", "ada@acme.example")))
    assert "@" not in str(found.names) + found.detail


# Whose


def test_the_only_membership_is_taken_where_no_customer_is_named() -> None:
    assert account(knowing(joined(MONDAY)), started(MONDAY + DAY)) == "acme"


def test_two_memberships_at_that_time_are_ambiguous_unless_one_is_named() -> None:
    directory = knowing(joined(MONDAY), joined(MONDAY, "bolt"))
    assert account(directory, started(MONDAY + DAY)) == "ambiguous"
    assert account(directory, started(MONDAY + DAY, customer="bolt")) == "bolt"


def test_another_customer_than_hers_conflicts() -> None:
    assert account(knowing(joined(MONDAY)), started(customer="bolt")) == "conflict"


def test_a_membership_ends_with_the_instant_of_leaving() -> None:
    directory = knowing(joined(MONDAY), left(MONDAY + 2 * DAY))
    last = MONDAY + 2 * DAY - timedelta(milliseconds=1)
    for named in (None, "acme"):
        assert account(directory, started(last, customer=named)) == "acme"
        assert account(directory, started(MONDAY + 2 * DAY, customer=named)) == "left"


def test_of_a_leaving_and_a_joining_at_one_instant_the_leaving_counts() -> None:
    again = told(
        incoming.PersonJoined(customer="acme", person=DirectoryPerson(id="7")), MONDAY + DAY, "z"
    )
    for moves in ((left(MONDAY + DAY), again), (again, left(MONDAY + DAY))):
        directory = knowing(joined(MONDAY), *moves)
        assert account(directory, started(MONDAY + 2 * DAY)) == "left"


def test_an_event_before_the_first_joining_belongs_to_it() -> None:
    directory = knowing(joined(MONDAY), left(MONDAY + DAY), joined(MONDAY + 2 * DAY, "bolt"))
    for named in (None, "acme"):
        assert account(directory, started(MONDAY - DAY, customer=named)) == "acme"
    assert account(directory, started(MONDAY - DAY, customer="bolt")) == "conflict"


def test_two_first_joinings_at_one_instant_leave_an_earlier_event_ambiguous() -> None:
    directory = knowing(joined(MONDAY), joined(MONDAY, "bolt"))
    assert account(directory, started(MONDAY - DAY)) == "ambiguous"
    assert account(directory, started(MONDAY - DAY, customer="bolt")) == "bolt"


def test_an_event_conflicts_that_names_a_customer_to_whom_the_person_came_only_later() -> None:
    moves = (joined(MONDAY), left(MONDAY + 2 * DAY), joined(MONDAY + 3 * DAY, "bolt"))
    directory = knowing(*moves)
    for days in (0, 1, 2, 2.5):
        found = outcome(directory, started(MONDAY + days * DAY, customer="bolt"))
        assert isinstance(found, Miss)
        assert (found.reason, found.detail) == (
            "conflict",
            "/data/customer: the person came to 'bolt' only on 2026-03-05T09:00:00.000Z",
        )
    assert account(directory, started(MONDAY + 3 * DAY, customer="bolt")) == "bolt"
    assert account(directory, started(MONDAY + 4 * DAY, customer="acme")) == "left"
    earlier = knowing(*moves, joined(MONDAY + DAY, "bolt"))
    assert account(earlier, started(MONDAY + DAY, customer="bolt")) == "bolt"


def test_between_two_times_at_one_customer_a_person_had_left() -> None:
    directory = knowing(joined(MONDAY), left(MONDAY + DAY), joined(MONDAY + 3 * DAY))
    for named in (None, "acme"):
        assert account(directory, started(MONDAY + 2 * DAY, customer=named)) == "left"
        assert account(directory, started(MONDAY + 3 * DAY, customer=named)) == "acme"


def test_what_was_done_stays_with_the_account_it_was_done_in() -> None:
    directory = knowing(joined(MONDAY), left(MONDAY + 2 * DAY), joined(MONDAY + 2 * DAY, "bolt"))
    assert account(directory, started(MONDAY + DAY)) == "acme"
    assert account(directory, started(MONDAY + 2 * DAY)) == "bolt"


def test_a_person_known_by_name_only_is_unknown() -> None:
    directory = knowing()
    directory.link(("id", "7"), PERSON)
    assert account(directory, started()) == "unknown"
    assert account(directory, started(customer="acme")) == "unknown"


def test_someone_who_left_without_ever_joining_is_accepted_and_belongs_nowhere() -> None:
    directory = knowing(left(MONDAY))
    assert account(directory, started(MONDAY - DAY)) == "unknown"


moves = st.lists(
    st.tuples(
        st.sampled_from([joined, left]), st.integers(0, 5), st.sampled_from(["acme", "bolt"])
    ),
    max_size=6,
    unique=True,
)


@hypothesis.settings(deadline=None)
@hypothesis.given(moves=moves, hour=st.integers(-1, 6), named=st.sampled_from([None, "acme"]))
def test_whose_it_is_follows_from_the_moves_whatever_their_order_of_arrival(
    moves: list[tuple[Any, int, str]], hour: int, named: str | None
) -> None:
    events = [move(MONDAY + number * DAY, customer) for move, number, customer in moves]
    event = started(MONDAY + hour * DAY, customer=named)
    wanted = by_hand(events, event.time, named)
    for order in itertools.islice(itertools.permutations(events), 24):
        assert account(knowing(*order), event) == wanted


def by_hand(events: list[Event], at: datetime, named: str | None) -> str:
    """The rule once more, by asking at each instant who was where."""
    there: dict[str, list[tuple[datetime, bool]]] = {}
    for event in sorted(events, key=lambda event: (event.time, event.name)):
        data = event.data
        assert isinstance(data, incoming.PersonJoined | incoming.PersonLeft)
        there.setdefault(data.customer, []).append(
            (event.time, isinstance(data, incoming.PersonJoined))
        )
    first = {c: next((t for t, is_in in s if is_in), None) for c, s in there.items()}
    ever = {c: t for c, t in first.items() if t is not None}
    now = {c: [is_in for t, is_in in s if t <= at] for c, s in there.items()}
    present = {c for c in ever if now[c] and now[c][-1]}
    if not ever or (named is not None and named not in ever):
        return "conflict" if ever else "unknown"
    if at < min(ever.values()):
        present = {c for c, t in ever.items() if t == min(ever.values())}
    if named is not None:
        return named if named in present else "conflict" if at < ever[named] else "left"
    return present.pop() if len(present) == 1 else "ambiguous" if present else "left"


# What must be known


def test_a_directory_fact_of_an_undescribed_customer_waits() -> None:
    found = Directory().accept(joined(MONDAY), MONDAY)
    assert isinstance(found, Miss)
    assert (found.reason, found.names) == ("unknown", ("id:7",))


def test_the_end_of_a_customer_does_not_describe_it() -> None:
    directory = Directory()
    ended = told(incoming.CustomerEnded(customer="acme"))
    assert isinstance(directory.accept(ended, MONDAY), Accepted)
    assert isinstance(directory.accept(joined(MONDAY), MONDAY), Miss)


def test_an_unknown_course_or_certificate_is_not_guessed() -> None:
    directory = knowing(joined(MONDAY))
    ref = incoming.PersonRef(id="7")
    for data, where in (
        (incoming.TrainingStarted(person=ref, course="tig"), "/data/course:"),
        (incoming.CertificateRevoked(person=ref, certificate="pro"), "/data/certificate:"),
        (
            incoming.TrainingCompleted(
                person=ref,
                course="git",
                certificate=incoming.InlineCertificate(certificate="pro"),
            ),
            "/data/certificate/certificate:",
        ),
    ):
        found = outcome(directory, told(data))
        assert isinstance(found, Miss)
        assert found.reason == "unknown"
        assert found.detail.startswith(where)
        directory_with = knowing(joined(MONDAY), course("tig", certificate="pro"))
        assert isinstance(outcome(directory_with, told(data)), Accepted)


def test_a_route_decides_who_and_whose_but_not_what() -> None:
    route = Route("bolt", "someone")
    found = knowing().resolve(started(), MONDAY, route=route)
    assert isinstance(found, Accepted)
    assert found.route == route
    fact = found.facts[0].fact
    assert isinstance(fact, facts.TrainingStarted)
    assert (fact.customer, fact.person) == route
    assert isinstance(Directory().resolve(started(), MONDAY, route=route), Miss)


# When


def test_an_event_of_tomorrow_is_taken_and_a_later_one_waits_until_it_is_due() -> None:
    directory = knowing(joined(MONDAY))
    event = started(MONDAY + DAY)
    assert isinstance(directory.resolve(event, MONDAY), Accepted)
    early = MONDAY - timedelta(milliseconds=1)
    found = directory.resolve(event, early)
    assert isinstance(found, Miss)
    assert (found.reason, found.due_at) == ("future", event.time)
    again = directory.resolve(event, early, now=event.time)
    assert isinstance(again, Accepted)
    assert again.facts[0].fact.recorded_at == early


def test_an_event_more_than_30_days_ahead_is_dead() -> None:
    directory = knowing(joined(MONDAY))
    at_most = directory.resolve(started(MONDAY + 30 * DAY), MONDAY)
    assert isinstance(at_most, Miss)
    over = directory.resolve(started(MONDAY + 30 * DAY + timedelta(seconds=1)), MONDAY)
    assert over == Dead("future", "/time: lies 30 days ahead; at most 30 are waited for")


# What reaches the timeline

SECRETS = ("ada@acme.example", "Ada", "https://certificates.example/7")
OF_DIRECTORY: dict[str, Any] = {
    "customer.described.v1": {
        "customer": "acme",
        "name": "Ada's",
        "csm": {"email": "ada@acme.example", "name": "Ada"},
        "zone": "Europe/Berlin",
        "segment": "ada@acme.example",
        "arr": 120000.50,
        "health": 100,
    },
    "customer.ended.v1": {"customer": "acme"},
    "person.joined.v1": {
        "customer": "acme",
        "person": {
            "id": "ada@acme.example",
            "name": "Ada",
            "email": "ada@acme.example",
            "externals": [{"system": "moodle", "id": "Ada"}],
        },
        "role": "ada@acme.example",
        "level": "senior",
    },
    "person.left.v1": {"customer": "acme", "person": {"id": "Ada"}},
    "role.changed.v1": {"customer": "acme", "person": {"id": "Ada"}, "role": "admin"},
    "course.described.v1": {
        "course": "git",
        "name": "Ada's course",
        "type": "certification",
        "modules": [{"id": "one", "name": "Ada"}, {"id": "ada@acme.example"}],
        "certificate": "pro",
        "certificate_name": "Ada",
        "validity_months": 12,
        "patience_days": 7,
        "next_courses": ["ada@acme.example", "hub"],
    },
    "course.retired.v1": {"course": "git"},
    "requirement.described.v1": {
        "requirement": "ada@acme.example",
        "role": "ada@acme.example",
        "level": "senior",
        "certificate": "ada@acme.example",
    },
    "requirement.retired.v1": {"requirement": "ada@acme.example"},
}
OF_COURSE: dict[str, dict[str, Any]] = {
    "training.enrolled.v1": {},
    "training.started.v1": {},
    "module.completed.v1": {"module": "ada@acme.example"},
    "training.completed.v1": {
        "score": 87.50,
        "attempt": 2,
        "url": SECRETS[2],
        "certificate": {
            "certificate": "pro",
            "number": "ada@acme.example",
            "last_day": "2027-02-11",
            "url": SECRETS[2],
        },
    },
    "training.failed.v1": {"score": 0.0, "attempt": 1},
    "training.withdrawn.v1": {},
    "training.waived.v1": {"reason": "Ada"},
    "training.completion.withdrawn.v1": {"withdraws": "ada@acme.example"},
    "training.score.regraded.v1": {"score": 91.0, "attempt": 2},
}
OF_CERTIFICATE: dict[str, dict[str, Any]] = {
    "certificate.granted.v1": {"last_day": "2027-02-11", "url": SECRETS[2]},
    "certificate.renewed.v1": {"url": SECRETS[2]},
    "certificate.revoked.v1": {},
}
ADA = {"person": {"email": "ada@acme.example", "name": "Ada"}}
WAY = {"course": "git", "registration": "ada@acme.example"}
ONE_OF_EACH: dict[str, dict[str, Any]] = {
    **OF_DIRECTORY,
    "usage.recorded.v1": {
        **ADA,
        "customer": "acme",
        "metric": "calls",
        "quantity": 3,
        "feature": "exports",
    },
    **{wire: {**ADA, **WAY, **more} for wire, more in OF_COURSE.items()},
    **{
        wire: {**ADA, "certificate": "pro", "number": "C-1", **more}
        for wire, more in OF_CERTIFICATE.items()
    },
}


def read(wire: str) -> Event:
    return parse(
        orjson.dumps(
            {
                "specversion": "1.0",
                "id": "ada@acme.example",
                "source": "mailto:ada@acme.example",
                "type": wire,
                "time": "2026-03-02T10:00:00.1239+01:00",
                "data": ONE_OF_EACH[wire],
                "subject": "Ada",
            }
        )
    )


@pytest.mark.parametrize("wire", [event.WIRE for event in EVENTS])
def test_no_name_address_or_link_reaches_the_timeline(wire: str) -> None:
    for said in canonical(read(wire), MONDAY, "acme", PERSON):
        bytes = encode_fact(said.fact, said.source, said.id).decode()
        assert not [secret for secret in (*SECRETS, "@") if secret in bytes], bytes


@pytest.mark.parametrize("wire", [event.WIRE for event in EVENTS])
def test_every_field_of_a_fact_is_filled_from_the_event(wire: str) -> None:
    for said in canonical(read(wire), MONDAY, "acme", PERSON):
        shared = ONE_OF_EACH[wire].keys() & {field.name for field in fields(said.fact)}
        assert not [name for name in shared if getattr(said.fact, name) is None]
        assert said.fact.at == datetime(2026, 3, 2, 9, 0, 0, 123_000, UTC)
        assert said.fact.recorded_at == MONDAY


def test_a_record_that_means_two_facts_gives_both_ids_of_their_own_and_one_cause() -> None:
    found = canonical(read("training.completed.v1"), MONDAY, "acme", PERSON)
    completed, granted = (said.fact for said in found)
    source, id = opaque("mailto:ada@acme.example"), opaque("ada@acme.example")
    assert isinstance(completed, facts.TrainingCompleted)
    assert isinstance(granted, facts.CertificateGranted)
    assert str(granted.last_day) == "2027-02-11"
    assert completed.certificate == granted.certificate == "pro"
    assert completed.cause == granted.cause == f"{source}#{id}"
    assert [said.id for said in found] == [str(ident(source, id, n)) for n in range(2)]


def test_a_withdrawal_of_a_completion_names_it_as_causes_do() -> None:
    withdrawn = canonical(read("training.completion.withdrawn.v1"), MONDAY, "acme", PERSON)[0].fact
    completed = canonical(read("training.completed.v1"), MONDAY, "acme", PERSON)[0].fact
    assert isinstance(withdrawn, facts.CompletionWithdrawn)
    assert withdrawn.withdraws == completed.cause


@pytest.mark.parametrize(
    ("stated", "written"), [("87.50", "87.5"), ("100", "100"), ("1E+1", "10"), ("-0.0", "0")]
)
def test_equal_scores_are_the_same_bytes(stated: str, written: str) -> None:
    ref = incoming.PersonRef(id="7")
    data = incoming.TrainingFailed(person=ref, course="git", score=Decimal(stated))
    fact = canonical(told(data), MONDAY, "acme", PERSON)[0].fact
    assert isinstance(fact, facts.TrainingFailed)
    assert str(fact.score) == written


def test_the_csm_and_the_person_are_opaque_ids() -> None:
    described = canonical(read("customer.described.v1"), MONDAY)[0].fact
    assert isinstance(described, facts.CustomerDescribed)
    assert described.csm == str(ident("person", "csm", "ada@acme.example"))
    directory = knowing(joined(MONDAY))
    found = outcome(directory, joined(MONDAY))
    assert isinstance(found, Accepted)
    assert isinstance(found.facts[0].fact, facts.PersonJoined)
    assert found.facts[0].fact.person == PERSON == person_id("hr", DirectoryPerson(id="7"))


def test_the_same_story_in_any_order_ends_in_the_same_accounts() -> None:
    """Whatever waits is asked again until nothing moves, as the sweep does."""
    story = [
        customer(),
        customer("bolt"),
        course(),
        joined(MONDAY, email="ada@acme.example"),
        left(MONDAY + 2 * DAY),
        joined(MONDAY + 2 * DAY, "bolt"),
    ]
    done = [
        told(
            incoming.TrainingStarted(
                person=incoming.PersonRef(email="ada@acme.example"), course="git"
            ),
            MONDAY + number * DAY,
            f"done {number}",
        )
        for number in range(4)
    ]
    chance = random.Random(4)
    ends = {tell(chance.sample(story, len(story)), done) for _ in range(50)}
    assert ends == {("acme", "acme", "bolt", "bolt")}


def tell(story: list[Event], done: list[Event]) -> tuple[str, ...]:
    directory, waiting = Directory(), list(story)
    while waiting:
        misses = [e for e in waiting if isinstance(directory.accept(e, e.time), Miss)]
        assert len(misses) < len(waiting)
        waiting = misses
    return tuple(account(directory, event) for event in done)
