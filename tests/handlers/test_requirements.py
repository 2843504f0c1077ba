"""What does a requirement ask for, as it was said last?"""

from itertools import permutations

import hypothesis
from hypothesis import strategies as st

from handlers import requirements
from handlers.demands import Demand, Demands
from handlers.derived import DemandChanged
from handlers.headcount import Target
from schemas.facts import Fact

from .fold import Fold
from .spec import of, said
from .story import COURSE, REQUIREMENT, required, retired

given = of(requirements)

TRAINED = Target("course", COURSE)
CERTIFIED = Target("certificate", "pro")


def test_a_requirement_asks_everyone_unless_it_names_a_role_or_a_level() -> None:
    given().when(required(0, course=COURSE)).then(
        said(DemandChanged, requirement=REQUIREMENT, role="any", level="any", target=TRAINED)
    )
    given().when(required(0, role="admin", level="senior", certificate="pro")).then(
        said(DemandChanged, role="admin", level="senior", target=CERTIFIED)
    )


def test_a_requirement_without_a_target_asks_for_nothing_until_one_is_told() -> None:
    given().when(required(0, role="admin")).then()
    given(required(0, role="admin")).when(required(1, course=COURSE)).then(
        said(DemandChanged, role="admin", level="any", target=TRAINED)
    )


def test_a_requirement_that_turns_to_another_role_asks_the_old_one_no_longer() -> None:
    given(required(0, role="admin", course=COURSE)).when(required(1, role="buyer")).then(
        said(DemandChanged, role="admin", level="any", target=None),
        said(DemandChanged, role="buyer", level="any", target=TRAINED),
    )


def test_of_course_and_certificate_the_one_said_last_is_asked_for() -> None:
    given(required(0, course=COURSE)).when(required(1, certificate="pro")).then(
        said(DemandChanged, target=CERTIFIED)
    )
    given(required(1, certificate="pro")).when(required(0, course=COURSE)).then()


def test_saying_it_again_changes_nothing() -> None:
    given(required(0, role="admin", course=COURSE)).when(required(1, course=COURSE)).then()


def test_a_retired_requirement_asks_for_nothing_and_stays_retired() -> None:
    told = required(0, role="admin", course=COURSE)
    given(told).when(retired(1)).then(said(DemandChanged, role="admin", level="any", target=None))
    given(told, retired(1)).when(required(2, course="other")).then()
    given(retired(1)).when(told).then()


FACTS: list[Fact] = [
    required(0, name="a", role="admin", course=COURSE),
    required(0, name="b", role="buyer"),
    required(1, name="c", certificate="pro"),
    required(2, name="d", level="senior"),
    required(3, name="e", level="any", course=COURSE),
    retired(1, name="f"),
]


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.sampled_from(FACTS), unique_by=id, min_size=2, max_size=4))
def test_what_is_asked_does_not_depend_on_the_order_of_arrival(facts: list[Fact]) -> None:
    """What was asked in between does: that is only to close what it opened."""
    ends = [_asked(*told) for told in permutations(facts)]
    assert all(end == ends[0] for end in ends)


def _asked(*facts: Fact) -> dict[tuple[str, str], list[Demand]]:
    kept = Fold().fold(*facts).kept()
    by = {key: state.by for key, state in kept.items() if isinstance(state, Demands)}
    asked = {key: [demand for demand in demands if demand.asked] for key, demands in by.items()}
    return {key: demands for key, demands in asked.items() if demands}
