"""What is asked of the people of a role and level?"""

from dataclasses import replace
from itertools import permutations

from handlers import demands
from handlers.demands import Demand, Demands, demands_key
from handlers.headcount import Target
from schemas.facts import Fact

from .fold import Fold
from .story import REQUIREMENT, required, retired


def asked(role: str, *facts: Fact) -> Demands:
    state = Fold().fold(*facts).states[demands.NAME, demands_key(role, "any")]
    assert isinstance(state, Demands)
    return state


def test_requirements_of_one_role_stand_side_by_side() -> None:
    told = [
        required(0, requirement=id, name=id, role="admin", course=f"course-{id}") for id in "abc"
    ]
    expected = Demands(tuple(Demand(id, Target("course", f"course-{id}")) for id in "abc"))
    assert all(asked("admin", *facts) == expected for facts in permutations(told))


def test_a_requirement_that_goes_was_asked_once_and_leaves_the_others() -> None:
    told = [required(0, requirement=id, name=id, role="admin", course=id) for id in "ab"]
    gone = Demand("a", Target("course", "a"), asked=False)
    left = Demands((gone, Demand("b", Target("course", "b"))))
    assert asked("admin", *told, retired(1, requirement="a")) == left
    assert asked("admin", *told, required(1, requirement="a", role="buyer")) == left


def test_a_requirement_asks_a_team_for_the_last_of_its_targets_only() -> None:
    told = (required(0, role="admin", course="a"), required(1, name="b", certificate="b"))
    course = Demand(REQUIREMENT, Target("course", "a"))
    certificate = Demand(REQUIREMENT, Target("certificate", "b"))
    assert asked("admin", *told) == Demands((certificate, replace(course, asked=False)))
    back = required(2, name="back", course="a")
    assert asked("admin", *told, back) == Demands((replace(certificate, asked=False), course))
