"""Does a worker know whether it is of use, from what its looks come to?"""

from faust.types import TP

from streams.health import Group, Health, Stand
from streams.stop import NoPartitions, NoProgress
from tests.streams.watching import Samples

A, B = TP("timeline", 0), TP("timeline", 1)
BOTH = frozenset((A, B))
LIMIT = 10.0


def health(*, ours: frozenset[TP] = BOTH, owned: frozenset[TP] = BOTH) -> Health:
    made = Health("engine", BOTH, database="")
    made.look_at_group(Group(owned=owned, ours=ours), 0)
    return made


def look(at: Health, *stands: tuple[int, int], seconds: float = 6.0) -> None:
    places = dict(zip((A, B), (Stand(*stand) for stand in stands), strict=False))
    at.look(places, at.group.ours if at.group else (), seconds)


def test_lag_without_progress_is_counted_from_the_second_look() -> None:
    at = health()
    for _ in range(2):
        look(at, (5, 8), (9, 9))
    assert at.not_live(LIMIT) == []
    look(at, (5, 8), (9, 9))
    (why,) = at.not_live(LIMIT)
    assert "timeline[0] stands at 5, with 3 records to come" in why
    assert isinstance(at.verdict(LIMIT), NoProgress)


def test_progress_however_small_begins_anew() -> None:
    at = health()
    for position in (5, 5, 6, 6):
        look(at, (position, 1000), (9, 9))
    assert at.not_live(LIMIT) == []
    assert at.verdict(LIMIT) is None


def test_nothing_to_do_is_no_standstill() -> None:
    at = health()
    for _ in range(9):
        look(at, (8, 8), (9, 9))
    assert at.not_live(LIMIT) == []


def test_a_partition_of_others_is_their_business() -> None:
    at = health(ours=frozenset({B}))
    for _ in range(9):
        look(at, (5, 8), (9, 9))
    assert at.not_live(LIMIT) == []
    at.look_at_group(Group(owned=BOTH, ours=BOTH), 1)
    look(at, (5, 8), (9, 9))
    assert at.not_live(LIMIT) == [], "the new owner is blamed for the old one's standstill"


def test_what_the_group_gave_and_faust_never_took_is_ours() -> None:
    at = health(ours=frozenset({A}))
    for _ in range(3):
        at.look({A: Stand(5, 8)}, (), 6.0)
    assert at.not_live(LIMIT) != []


def test_who_is_given_nothing_while_partitions_lie_about_must_end() -> None:
    at = health(owned=frozenset({B}), ours=frozenset())
    at.look_at_group(Group(owned=frozenset({B}), ours=frozenset()), 9)
    assert at.verdict(LIMIT) is None
    assert at.not_ready(LIMIT) == ["no partition is assigned"]
    at.look_at_group(Group(owned=frozenset({B}), ours=frozenset()), 2)
    assert isinstance(at.verdict(LIMIT), NoPartitions)
    assert "nobody has owned timeline[0] for 11 s" in at.not_ready(LIMIT)


def test_who_has_some_is_not_ready_while_others_lie_about_but_stays() -> None:
    at = health(owned=frozenset({B}), ours=frozenset({B}))
    look(at, (5, 8), (9, 9))
    at.look_at_group(Group(owned=frozenset({B}), ours=frozenset({B})), 60)
    assert at.verdict(LIMIT) is None
    assert at.not_ready(LIMIT) == ["nobody has owned timeline[0] for 60 s"]


def test_one_worker_more_than_partitions_is_ready() -> None:
    at = health(ours=frozenset())
    at.look_at_group(Group(owned=BOTH, ours=frozenset()), 60)
    assert at.not_ready(LIMIT) == []
    assert at.verdict(LIMIT) is None


def test_owners_found_in_between_begin_the_wait_anew() -> None:
    nobody = Group(owned=frozenset(), ours=frozenset())
    at = health(owned=frozenset(), ours=frozenset())
    at.look_at_group(nobody, 9)
    assert at.unowned_for == 9
    at.look_at_group(Group(owned=BOTH, ours=frozenset()), 1)
    at.look_at_group(nobody, 60)
    assert at.verdict(LIMIT) is None, "since when is not known: it may be but a moment"
    at.look_at_group(nobody, 9)
    assert at.verdict(LIMIT) is None


def test_what_the_looks_come_to_is_said_in_numbers() -> None:
    at = health(ours=frozenset({A}), owned=frozenset({A}))
    for _ in range(3):
        look(at, (5, 8), (2, 9))
    said = Samples(at.metrics({}))
    for name, first, second in (
        ("laurel_lag_records", [3], [7]),
        ("laurel_still_seconds", [12], []),
        ("laurel_partition_owned", [1], [0]),
    ):
        assert said.of(name, app="engine", topic="timeline", partition=0) == first
        assert said.of(name, app="engine", topic="timeline", partition=1) == second
    assert said.by("app", "laurel_partitions_unowned") == {"engine": 1}
    assert said.by("app", "laurel_database_up") == {"engine": 1}
    at.database = "does not answer"
    assert Samples(at.metrics({})).one("laurel_database_up") == 0


def test_lag_in_seconds_is_what_the_lane_knows_or_at_least_what_was_seen() -> None:
    at = health(ours=frozenset({B}))
    for end in (8, 9, 10):
        look(at, (5, end), (0, end))

    def seconds(waited: dict[TP, float]) -> dict[str, float]:
        return Samples(at.metrics(waited)).by("partition", "laurel_lag_seconds")

    assert seconds({}) == {"0": 12.0, "1": 12.0}
    assert seconds({B: 700.0}) == {"0": 12.0, "1": 700.0}
    look(at, (10, 10), (8, 10))
    assert seconds({B: 1.0}) == {"0": 0.0, "1": 1.0}
