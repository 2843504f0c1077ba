"""Do rows say what their state knows, in the columns that the tables have?"""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from projections.rows import Rows, rows_of
from projections.tables import metadata
from schemas.facts import Fact, Tick
from tests.handlers.fold import Fold
from tests.handlers.story import (
    CATALOGUE,
    CERTIFICATE,
    COURSE,
    CUSTOMER,
    PERSON,
    completed,
    enrolled,
    failed,
    granted,
    joined,
    left,
    module,
    moved,
    on,
    renewed,
    revoked,
    started,
    tick,
    withdrawn,
)

ENROLMENT = {"customer": CUSTOMER, "person": PERSON, "course": COURSE}
HOLDING = {"customer": CUSTOMER, "person": PERSON, "certificate": CERTIFICATE}


def _rows(fold: Fold) -> dict[str, Rows]:
    placed = [rows for key, state in fold.states.items() for rows in rows_of(*key, state)]
    return {rows.table: rows for rows in placed}


def test_an_enrolment_is_one_row_of_training_and_its_attempts() -> None:
    fold = Fold().fold(
        enrolled(0), module(1), failed(2, score=Decimal(40), attempt=1), completed(3), left(4)
    )
    placed = _rows(fold)
    assert placed["training"] == Rows(
        "training",
        ENROLMENT,
        (
            {
                "status": "completed",
                "active": False,
                "started_at": on(1),
                "completed_at": on(3),
                "score": Decimal(40),
                "attempts": 2,
                "modules": ["m1"],
                "last_activity_at": on(2),
                "stalled_at": None,
                "created_at": enrolled(0).recorded_at,
                "updated_at": completed(3).recorded_at,
                "certificate": None,
            },
        ),
    )
    assert placed["attempts"] == Rows(
        "attempts",
        ENROLMENT,
        (
            {
                "ordinal": 0,
                "outcome": "failed",
                "attempt": 1,
                "at": on(2),
                "score": Decimal(40),
            },
            {"ordinal": 1, "outcome": "passed", "attempt": None, "at": on(3), "score": None},
        ),
    )


def test_a_twin_that_makes_two_attempts_one_leaves_one_row_to_stand() -> None:
    fold = Fold().fold(failed(1), failed(2, attempt=2))
    assert len(_rows(fold)["attempts"].rows) == 2
    (row,) = _rows(fold.fold(failed(0.9, attempt=2)))["attempts"].rows
    assert (row["ordinal"], row["attempt"], row["at"]) == (0, 2, on(0.9))


def test_attempts_of_two_runs_are_numbered_by_time() -> None:
    fold = Fold().fold(
        enrolled(5, registration="B"), failed(6, registration="B"), failed(1), withdrawn(2)
    )
    assert [row["at"] for row in _rows(fold)["attempts"].rows] == [on(1), on(6)]
    assert _rows(fold)["training"].rows[0]["attempts"] == 1


def test_a_certificate_is_one_row_of_its_latest_chain() -> None:
    fold = Fold().fold(*CATALOGUE, granted(0, number="N1"), renewed(300, number="N2"))
    placed = _rows(fold.fold(revoked(310)))["certificates"]
    assert placed == Rows(
        "certificates",
        HOLDING,
        (
            {
                "course": COURSE,
                "status": "revoked",
                "earned_at": on(0),
                "renewed_at": on(300),
                "number": "N2",
                "last_day": date(2027, 10, 31),
                "revoked_at": on(310),
            },
        ),
    )


def test_the_number_is_that_of_the_latest_award_that_has_one() -> None:
    fold = Fold().fold(granted(0, number="N1"), renewed(100))
    (row,) = _rows(fold)["certificates"].rows
    assert row["number"] == "N1"


def test_what_was_never_trained_or_granted_has_no_row() -> None:
    fold = Fold().fold(*CATALOGUE, joined(0), left(1), revoked(2))
    assert all(placed.rows == () for placed in _rows(fold).values())
    # A lapse tells the course's enrolment, which has heard of no training.
    fold.fold(granted(3), tick(1000))
    assert _rows(fold)["training"].rows == ()
    assert _rows(fold)["certificates"].rows[0]["status"] == "expired"


def test_states_without_a_read_model_have_no_rows() -> None:
    fold = Fold().fold(*CATALOGUE, started(0), completed(1), tick(400))
    assert {"catalogue", "offers", "account", "standing", "holdings", "alerts"} <= {
        handler for handler, _ in fold.states
    }
    assert set(_rows(fold)) == {"training", "attempts", "certificates", "teams"}


def test_a_team_is_one_row_with_all_its_targets_and_goes_with_its_last_person() -> None:
    fold = Fold().fold(*CATALOGUE[:2], moved(0, role="admin"), completed(1, score=Decimal("80.5")))
    placed = next(rows for rows in fold.rows() if rows[:4] == ("teams", CUSTOMER, "admin", "any"))
    assert placed[4:] == (
        (
            {
                "people": 1,
                "enrolled": 1,
                "scored": 1,
                "score_sum": Decimal("80.5"),
                "targets": [
                    {"kind": "certificate", "id": CERTIFICATE, "enrolled": 0}
                    | {"met": 1, "waived": 0},
                    {"kind": "course", "id": COURSE, "enrolled": 1, "met": 1, "waived": 0},
                ],
            },
        ),
    )
    assert _rows(fold.fold(left(2)))["teams"].rows == ()


EVENTS: list[Fact | Tick] = [
    enrolled(0),
    module(1),
    failed(2),
    completed(3),
    left(4),
    granted(5),
    revoked(6),
    tick(20),
]


@given(st.lists(st.sampled_from(EVENTS), max_size=8))
def test_rows_have_the_columns_of_their_tables(events: list[Fact | Tick]) -> None:
    for placed in _rows(Fold().fold(*CATALOGUE, *events)).values():
        table = metadata.tables[f"live.{placed.table}"]
        for row in placed.rows:
            assert [*placed.key, *row] == [column.name for column in table.columns]
            for column in table.columns:
                assert column.nullable or {**placed.key, **row}[column.name] is not None
