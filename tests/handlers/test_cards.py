"""Do cards read as PRD-104 5.1 has them, and can no name make them say anything else?"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from deploy.local_slack.limits import check_blocks
from deploy.local_slack.mrkdwn import Link, Mention, Part, Styled, Words, parse_text_object
from handlers.cards import Card, CardFacts, Progress, render
from schemas.alerts import CERTIFICATION_EARNED, TRAINING_ABANDONED, Status

GOLDEN = Path(__file__).parent / "golden" / "cards"

NOW = datetime(2026, 1, 29, 18, 5, tzinfo=UTC)

CERTIFIED = CardFacts(
    rule=CERTIFICATION_EARNED,
    rule_version=1,
    status="open",
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
    now=NOW,
)

STARTED = datetime(2026, 1, 2, 15, tzinfo=UTC)

STALLED = CardFacts(
    rule=TRAINING_ABANDONED,
    rule_version=1,
    status="open",
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
    modules=(("m1", "Module 1"), ("m2", "Module 2"), ("m3", "Module 3")),
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
    ),
    "abandonment": STALLED,
    "abandonment_back": later("in_progress"),
    "abandonment_completed": later("completed", completed_at=THEN),
    "abandonment_waived": later("waived"),
    "abandonment_left": later("abandoned", active=False),
    "abandonment_withdrawn": replace(STALLED, status="withdrawn"),
    "abandonment_corrected": replace(STALLED, status="corrected"),
}


def card(facts: CardFacts) -> Card:
    drawn = render(facts)
    check_blocks(drawn.blocks)
    return drawn


def lines(drawn: Card) -> list[str]:
    """What the blocks say, a line each, as written."""
    texts = (block.get("text") or block["elements"][0] for block in drawn.blocks)
    return [line for text in texts for line in text["text"].split("\n")]


def details(facts: CardFacts) -> list[str]:
    return lines(card(facts))[2:-1]


@pytest.mark.parametrize("name", CARDS)
def test_a_card_reads_as_its_golden_file(name: str) -> None:
    drawn = card(CARDS[name])
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    assert {"text": drawn.text, "blocks": drawn.blocks} == golden


def test_every_golden_file_is_of_a_card() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CARDS)


def test_a_certification_reads_to_the_letter_of_the_requirement() -> None:
    assert lines(card(CERTIFIED))[:-1] == [
        ":mortar_board: Training Milestone: DataCorp",
        "*User Certified:* Sarah Johnson (Admin)",
        "Course: Platform Administrator Certification",
        "Score: 95%",
        "Completed: Jan 29, 2026",
    ]


def test_an_abandonment_names_age_and_the_module_after_the_last_one_done() -> None:
    assert lines(card(STALLED))[:-1] == [
        ":warning: Training Abandoned: DataCorp",
        "*User Inactive:* Bob Smith (Admin)",
        "Course: Admin Cert",
        "Started: Jan 2, 2026",
        "Last activity: Jan 8, 2026 (21 days ago)",
        "Stuck on Module 3",
    ]


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
    assert len(lines(drawn)) == 6


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
    drawn = card(replace(facts, **said))  # type: ignore[arg-type]
    for block in drawn.blocks:
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
