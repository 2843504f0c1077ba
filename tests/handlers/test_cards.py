"""Do cards read as PRD-104 5.1 has them, and can no name make them say anything else?"""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from deploy.local_slack.limits import check_blocks
from deploy.local_slack.mrkdwn import Link, Mention, Part, Styled, Words, parse_text_object
from handlers.cards import Card, CardFacts, Progress, render, render_rest
from handlers.readiness import REPLY, SHOWN, Gap, Readiness, Standing
from schemas.alerts import CERTIFICATION_EARNED, TEAM_MILESTONE, TRAINING_ABANDONED, Status

GOLDEN = Path(__file__).parent / "golden" / "cards"

NOW = datetime(2026, 1, 29, 18, 5, tzinfo=UTC)

MODULES = (("m1", "Module 1"), ("m2", "Module 2"), ("m3", "Module 3"))
ADMINS = Standing("admin", "any", "certificate", "Platform Administrator", people=3, met=2)
END_USERS = Standing("end_user", "any", "course", "Basics", people=25, met=15)
BOB = Gap("Bob Smith", "Admin Cert", NOW - timedelta(days=21, hours=23), MODULES, ("m1", "m2"))
READY = Readiness((ADMINS, END_USERS), Decimal("88"), (BOB,))

LONG = Readiness(
    standings=tuple(replace(END_USERS, role=f"role_{n}", met=n) for n in range(7)),
    average=Decimal("88.5"),
    gaps=tuple(
        Gap(f"Person {n}", "Admin Cert", NOW - timedelta(days=n), MODULES, ("m1",))
        for n in range(1, 13)
    ),
)

CERTIFIED = CardFacts(
    rule=CERTIFICATION_EARNED,
    rule_version=1,
    status="open",
    at=datetime(2026, 1, 29, 18, 2, 11, tzinfo=UTC),
    values={
        "course": "admin-cert",
        "certificate": "admin",
        "score": "95.00",
        "at": "2026-01-29T18:02:11+00:00",
        "number": "A-7",
        "last_day": "2027-01-28",
    },
    account="DataCorp",
    zone="America/New_York",
    person="Sarah Johnson",
    role="admin",
    course="Platform Administrator Certification",
    certificate="Platform Administrator",
    readiness=READY,
    now=NOW,
)

TEAM = CardFacts(
    rule=TEAM_MILESTONE,
    rule_version=1,
    status="open",
    at=datetime(2026, 1, 29, 18, 2, 11, tzinfo=UTC),
    values={
        "requirement": "admins",
        "role": "admin",
        "level": "any",
        "target_kind": "certificate",
        "target": "admin",
        "people": 3,
    },
    account="DataCorp",
    zone="America/New_York",
    certificate="Platform Administrator",
    readiness=replace(READY, standings=(replace(ADMINS, met=3), END_USERS)),
    now=NOW,
)

STARTED = datetime(2026, 1, 2, 15, tzinfo=UTC)

STALLED = CardFacts(
    rule=TRAINING_ABANDONED,
    rule_version=1,
    status="open",
    at=datetime(2026, 1, 22, 15, tzinfo=UTC),
    values={
        "course": "admin-cert",
        "last_activity": "2026-01-08T15:00:00+00:00",
        "last_module": "m2",
        "patience_days": 14,
    },
    account="DataCorp",
    zone="America/New_York",
    person="Bob Smith",
    role="Admin",
    course="Admin Cert",
    modules=MODULES,
    readiness=READY,
    progress=Progress(
        status="abandoned",
        active=True,
        started_at=STARTED,
        completed_at=None,
        last_activity_at=datetime(2026, 1, 8, 15, tzinfo=UTC),
    ),
    now=NOW,
)


def later(status: str, **progress: Any) -> CardFacts:
    """The stalled learner's facts once something ended the silence on January 30th."""
    assert STALLED.progress
    moved = replace(
        STALLED.progress,
        status=status,
        last_activity_at=datetime(2026, 1, 30, 12, tzinfo=UTC),
        **progress,
    )
    return replace(
        STALLED,
        status="resolved",
        progress=moved,
        now=datetime(2026, 1, 30, 12, 1, tzinfo=UTC),
    )


THEN = datetime(2026, 1, 30, 12, tzinfo=UTC)

CARDS = {
    "certification": CERTIFIED,
    "certification_resolved": replace(CERTIFIED, status="resolved"),
    "certification_withdrawn": replace(CERTIFIED, status="withdrawn"),
    "certification_corrected": replace(CERTIFIED, status="corrected"),
    "certification_of_little": replace(
        CERTIFIED,
        values={**CERTIFIED.values, "course": None, "score": None},
        account="c-17",
        zone="UTC",
        person=None,
        role=None,
        course=None,
        certificate=None,
        readiness=Readiness(),
    ),
    "certification_of_a_large_account": replace(CERTIFIED, readiness=LONG),
    "team": TEAM,
    "team_resolved": replace(TEAM, status="resolved"),
    "team_corrected": replace(TEAM, status="corrected"),
    "team_of_everyone": replace(
        TEAM,
        values={
            **TEAM.values,
            "role": "any",
            "level": "senior",
            "target_kind": "course",
            "target": "basics",
        },
        course=None,
        certificate=None,
    ),
    "abandonment": STALLED,
    "abandonment_back": later("in_progress"),
    "abandonment_completed": later("completed", completed_at=THEN),
    "abandonment_waived": later("waived"),
    "abandonment_left": later("abandoned", active=False),
    "abandonment_withdrawn": replace(STALLED, status="withdrawn"),
    "abandonment_corrected": replace(STALLED, status="corrected"),
}


RESTS = {"rest_of_a_large_account": replace(CERTIFIED, readiness=LONG)}


def card(facts: CardFacts) -> Card:
    drawn = render(facts)
    check_blocks(drawn.blocks)
    return drawn


def rest(facts: CardFacts) -> Card:
    drawn = render_rest(facts)
    check_blocks(drawn.blocks)
    return drawn


def lines(drawn: Card) -> list[str]:
    """What the blocks say, a line each, as written."""
    texts = (block.get("text") or block["elements"][0] for block in drawn.blocks)
    return [line for text in texts for line in text["text"].split("\n")]


def details(facts: CardFacts) -> list[str]:
    """What is said between whom it is about and how the account stands."""
    return lines(card(replace(facts, readiness=Readiness())))[2:-1]


def standing(readiness: Readiness) -> list[str]:
    """How the account stands, as a card has it."""
    return lines(card(replace(TEAM, readiness=readiness)))[5:-1]


@pytest.mark.parametrize("name", [*CARDS, *RESTS])
def test_a_card_reads_as_its_golden_file(name: str) -> None:
    drawn = card(CARDS[name]) if name in CARDS else rest(RESTS[name])
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    assert {"text": drawn.text, "blocks": drawn.blocks} == golden


def test_every_golden_file_is_of_a_card() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {*CARDS, *RESTS}


def test_a_certification_reads_to_the_letter_of_the_requirement() -> None:
    assert lines(card(CERTIFIED))[:-1] == [
        ":mortar_board: Training Milestone: DataCorp",
        "*User Certified:* Sarah Johnson (Admin)",
        "Course: Platform Administrator Certification",
        "Score: 95%",
        "Completed: Jan 29, 2026",
        "*Account Training Status:*",
        "- Admins Certified: 2/3 (67%)",
        "- End Users Trained: 15/25 (60%)",
        "- Average Score: 88%",
        ":warning: *Training Gaps:*",
        "- Bob Smith started Admin Cert 21 days ago (stuck on Module 3)",
    ]


def test_an_abandonment_names_age_and_the_module_after_the_last_one_done() -> None:
    assert lines(card(STALLED))[:-1] == [
        ":warning: Training Abandoned: DataCorp",
        "*User Inactive:* Bob Smith (Admin)",
        "Course: Admin Cert",
        "Started: Jan 2, 2026",
        "Last activity: Jan 8, 2026 (21 days ago)",
        "Stuck on Module 3",
        "*Account Training Status:*",
        "- Admins Certified: 2/3 (67%)",
        "- End Users Trained: 15/25 (60%)",
        "- Average Score: 88%",
    ]


def test_a_team_is_named_by_role_and_level_with_what_it_has_and_since_when() -> None:
    assert lines(card(TEAM))[:5] == [
        ":mortar_board: Team Milestone: DataCorp",
        "*Team Certified:* All Admins",
        "Certificate: Platform Administrator",
        "People: 3",
        "Reached: Jan 29, 2026",
    ]
    everyone = lines(card(CARDS["team_of_everyone"]))
    assert everyone[1:3] == ["*Team Trained:* Everyone (Senior)", "Course: basics"]


@pytest.mark.parametrize(
    ("role", "level", "kind", "label"),
    [
        ("end_user", "any", "course", "End Users Trained"),
        ("admin", "any", "certificate", "Admins Certified"),
        ("any", "any", "course", "Everyone Trained"),
        ("any", "senior", "course", "Everyone (Senior) Trained"),
        ("Data Analyst", "L2", "certificate", "Data Analysts (L2) Certified"),
        ("secretary", "any", "course", "Secretaries Trained"),
        ("attaché", "any", "course", "Attaché Trained"),
        ("sales", "any", "course", "Sales Trained"),
        ("coach", "any", "course", "Coaches Trained"),
        ("R&D", "any", "course", "R&amp;Ds Trained"),
    ],
)
def test_whom_a_requirement_concerns_reads_as_people_would_say_it(
    role: str, level: str, kind: str, label: str
) -> None:
    one = Standing(role, level, kind, "Basics", people=2, met=1)
    assert standing(Readiness((one,)))[1] == f"- {label}: 1/2 (50%)"


@pytest.mark.parametrize(
    ("met", "people", "read"), [(1, 8, "1/8 (13%)"), (0, 1, "0/1 (0%)"), (7, 7, "7/7 (100%)")]
)
def test_a_share_is_rounded_half_up(met: int, people: int, read: str) -> None:
    assert standing(Readiness((replace(ADMINS, met=met, people=people),)))[1].endswith(read)


def test_requirements_that_would_read_alike_name_what_they_ask_for() -> None:
    other = replace(ADMINS, target="Security")
    assert standing(Readiness((ADMINS, other, END_USERS)))[1:] == [
        "- Admins Certified (Platform Administrator): 2/3 (67%)",
        "- Admins Certified (Security): 2/3 (67%)",
        "- End Users Trained: 15/25 (60%)",
    ]


def test_an_average_is_rounded_half_up_and_left_out_where_there_is_none() -> None:
    for average, read in (("88.49", "88%"), ("88.5", "89%")):
        assert standing(Readiness((), Decimal(average))) == [
            "*Account Training Status:*",
            f"- Average Score: {read}",
        ]
    assert "Average" not in str(standing(Readiness((ADMINS,))))
    assert standing(Readiness()) == []


def test_gaps_come_longest_first_then_by_name_with_the_module_after_the_furthest_done() -> None:
    day = timedelta(days=1)
    gaps = (
        Gap("Zoe", "Basics", NOW - 3 * day, (), ("m1",)),
        Gap("Amy", "Basics", NOW - 3 * day - timedelta(hours=9), MODULES, ("m1", "m2", "m3")),
        Gap(None, "Basics", NOW - day, MODULES, ("m1",)),
        Gap("Yan", "Basics", NOW - day, MODULES, ("m2",)),
        Gap("New", "Basics", NOW - timedelta(hours=23), (("a", None),)),
    )
    assert standing(Readiness(gaps=gaps))[1:] == [
        "- Amy started Basics 3 days ago",
        "- Zoe started Basics 3 days ago",
        "- Yan started Basics 1 day ago (stuck on Module 3)",
        "- a former user started Basics 1 day ago (stuck on Module 2)",
        "- New started Basics less than a day ago (stuck on module 1)",
    ]


def test_what_a_card_does_not_show_its_reply_does_and_nothing_twice() -> None:
    facts = CARDS["certification_of_a_large_account"]
    drawn = card(facts)
    assert drawn.more
    assert "and 2 more in the thread" in lines(drawn)
    assert "and 7 more in the thread" in lines(drawn)
    said = Counter(line for line in lines(drawn) + lines(rest(facts)) if line.startswith("- "))
    assert set(said.values()) == {1}
    assert sum("started" in line for line in said) == 12
    assert sum("Trained" in line for line in said) == 7


@pytest.mark.parametrize("count", [SHOWN, SHOWN + 1])
def test_a_reply_is_promised_only_where_there_is_more_to_say(count: int) -> None:
    gaps = replace(LONG, standings=(), gaps=LONG.gaps[:count])
    drawn = card(replace(CERTIFIED, readiness=gaps))
    assert drawn.more == (count > SHOWN) == ("in the thread" in str(drawn.blocks))


def test_gaps_that_were_not_looked_up_are_said_to_be_there() -> None:
    facts = replace(CERTIFIED, readiness=replace(LONG, more_gaps=True))
    assert "and over 7 more in the thread" in lines(card(facts))
    assert lines(rest(facts))[-2] == "and more"


def test_a_promised_reply_that_became_empty_says_so() -> None:
    assert "Nothing is left to add" in lines(rest(CERTIFIED))[0]


def test_a_stall_shows_no_gaps_and_promises_none() -> None:
    drawn = card(replace(STALLED, readiness=replace(LONG, standings=())))
    assert "Gaps" not in str(drawn.blocks)
    assert not drawn.more


@pytest.mark.parametrize(
    ("score", "read"),
    [("95", "95%"), ("95.00", "95%"), ("87.5", "87.5%"), ("66.6667", "66.7%"), ("100", "100%")],
)
def test_a_score_has_decimals_only_when_it_needs_them(score: str, read: str) -> None:
    facts = replace(CERTIFIED, values={**CERTIFIED.values, "score": score})
    assert f"Score: {read}" in details(facts)


def test_days_are_the_accounts_own() -> None:
    late = {**CERTIFIED.values, "at": "2026-01-30T01:00:00+00:00"}
    assert "Completed: Jan 29, 2026" in details(replace(CERTIFIED, values=late))
    assert "Completed: Jan 30, 2026" in details(replace(CERTIFIED, values=late, zone="UTC"))


@pytest.mark.parametrize(
    ("last_module", "stuck"),
    [
        (None, ["Stuck on Module 1"]),
        ("m1", ["Stuck on module 2"]),
        ("m3", ["All modules done, but not the course"]),
        ("dropped", []),
    ],
)
def test_where_a_learner_is_stuck_follows_the_catalogue(
    last_module: str | None, stuck: list[str]
) -> None:
    facts = replace(
        STALLED,
        values={**STALLED.values, "last_module": last_module},
        modules=(("m1", "Module 1"), ("m2", None), ("m3", "Module 3")),
    )
    assert details(facts)[3:] == stuck


def test_the_start_of_a_later_run_is_not_shown() -> None:
    assert STALLED.progress
    begun_again = replace(STALLED.progress, started_at=datetime(2026, 1, 28, tzinfo=UTC))
    assert "Started" not in str(details(replace(STALLED, progress=begun_again)))


@pytest.mark.parametrize("status", ["withdrawn", "corrected"])
@pytest.mark.parametrize("facts", [CERTIFIED, STALLED])
def test_what_never_was_has_its_title_struck_through(facts: CardFacts, status: Status) -> None:
    first, title, *_ = card(replace(facts, status=status)).blocks
    assert status.capitalize() in first["text"]["text"]
    assert any(
        isinstance(part, Styled) and part.style == "strike"
        for part in parse_text_object(title["text"])
    )


def test_an_erased_name_reads_a_former_user() -> None:
    drawn = card(replace(CERTIFIED, person=None))
    assert "*User Certified:* a former user (Admin)" in lines(drawn)
    assert "a former user" in drawn.text


HOSTILE = "<!channel> & <https://evil.example|you> *won* ~it~ `now` " + "x" * 200 + "\n:x: Fired"


def test_a_hostile_name_stays_a_name() -> None:
    drawn = card(replace(CERTIFIED, account=HOSTILE, person=HOSTILE, course=HOSTILE, role=HOSTILE))
    assert lines(drawn)[1].startswith("*User Certified:* &lt;!channel&gt; &amp; &lt;https://")
    assert len(lines(drawn)) == 12


def test_formatting_in_a_name_does_not_end_the_cards_own() -> None:
    drawn = card(replace(STALLED, status="withdrawn", account="A ~*B*~ `C`"))
    strike = parse_text_object(drawn.blocks[1]["text"])[-1]
    assert isinstance(strike, Styled)
    (bold,) = strike.parts
    assert bold == Styled("bold", (Words("Training Abandoned: A ∼∗B∗∼ ˋCˋ"),))


def test_a_name_cannot_turn_the_direction_of_the_cards_words() -> None:
    drawn = card(replace(STALLED, person="Bob\u202e Smith"))
    assert "*User Inactive:* Bob Smith (Admin)" in lines(drawn)


def test_activity_on_the_same_day_of_the_account_reads_today() -> None:
    again = replace(STALLED, values={**STALLED.values, "last_activity": NOW.isoformat()})
    assert "Last activity: Jan 29, 2026 (today)" in details(again)


def test_a_reply_takes_what_slack_takes_and_counts_the_rest() -> None:
    """Two hundred of the longest lines there can be."""
    gap = Gap("&" * 500, "<" * 500, NOW, (("m", ">" * 500),))
    drawn = rest(replace(CERTIFIED, readiness=Readiness(gaps=(gap,) * 200)))
    told = [line for line in lines(drawn) if "started" in line]
    assert lines(drawn)[-2] == f"and {200 - SHOWN - len(told)} more"
    assert sum(map(len, told)) > REPLY - 500


names = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=500
) | st.text("<>&!@#|*~`\n x", min_size=1, max_size=500)


@hypothesis.given(
    facts=st.sampled_from(list(CARDS.values())),
    said=st.fixed_dictionaries(
        dict.fromkeys(("account", "person", "role", "course", "certificate"), names)
    ),
)
def test_no_name_breaks_a_limit_calls_anybody_or_adds_a_line(
    facts: CardFacts, said: dict[str, str]
) -> None:
    gaps = [replace(gap, person=said["person"]) for gap in facts.readiness.gaps]
    standings = [
        replace(one, role=said["role"], level=said["course"], target=said["certificate"])
        for one in facts.readiness.standings
    ]
    readiness = replace(facts.readiness, standings=tuple(standings), gaps=tuple(gaps))
    facts = replace(facts, readiness=readiness)
    drawn = card(replace(facts, **said))  # type: ignore[arg-type]
    for block in (*drawn.blocks, *rest(facts).blocks):
        text = block.get("text") or block["elements"][0]
        assert not calls(parse_text_object(text))
        assert text["type"] == "plain_text" or text["verbatim"]
    assert len(lines(drawn)) == len(lines(card(facts)))
    assert len(drawn.text) < 4000
    assert "<" not in drawn.text


def calls(parts: tuple[Part, ...]) -> bool:
    """Whether anybody is called, or anything linked to, anywhere in these parts."""
    return any(
        isinstance(part, Mention | Link) or (isinstance(part, Styled) and calls(part.parts))
        for part in parts
    )


def test_as_of_reads_in_the_accounts_zone_where_dates_are_not_understood() -> None:
    assert "|Jan 29, 2026 at 13:05> · Why:" in lines(card(CERTIFIED))[-1]
    words = parse_text_object(card(CERTIFIED).blocks[-1]["elements"][0])
    assert all(isinstance(part, Words) for part in words)
