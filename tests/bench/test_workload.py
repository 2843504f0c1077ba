"""Is the workload what it says, and does the oracle see a wrong row?"""

import itertools
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import orjson

from schemas.envelope import decode, encode_fact
from schemas.facts import Fact, UsageRecorded
from streams.append import partition_of
from tests.bench import workload
from tests.bench.oracle import differences, totals
from tests.bench.workload import PARTITIONS, PROBE, Shape

SHAPE = Shape(20_000, customers=2000)


def test_a_seed_makes_the_same_file_again(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        workload.write(tmp_path / name, Shape(2000, seed))
    one, again, other = ((tmp_path / name).read_bytes() for name in ("one", "again", "other"))
    assert one == again != other


def test_every_record_is_as_laurel_writes_it_and_lies_where_laurel_puts_it() -> None:
    for line in workload.lines(SHAPE):
        told = decode(line.value)
        assert isinstance(told.fact, Fact)
        assert orjson.loads(encode_fact(told.fact, *told.name)) == orjson.loads(line.value)
        assert line.key == told.key
        assert line.key == "catalogue" or line.partition == partition_of(line.key, PARTITIONS)


def test_it_has_the_parts_that_it_says() -> None:
    lines = list(workload.lines(SHAPE))
    assert len(lines) == SHAPE.events
    told = [decode(line.value) for line in lines]
    usage = sum(isinstance(one.fact, UsageRecorded) for one in told) / len(lines)
    assert 0.89 < usage < 0.91
    names = Counter(one.name for one in told[PARTITIONS:])
    assert 0.005 < sum(names.values()) / len(names) - 1 < 0.015
    times = [datetime.fromisoformat(orjson.loads(line.value)["time"]) for line in lines]
    back = sum(after < before for before, after in itertools.pairwise(times))
    assert 0.01 < back / len(lines) < 0.05
    sizes = [len(line.value) for line in lines]
    assert 300 < sum(sizes) / len(sizes) < 360
    common = Counter(line.key for line in lines).most_common(1)[0][1] / len(lines)
    assert 0.1 < common < 0.3


def test_a_probe_comes_once() -> None:
    shape = Shape(20_000, probe_each=10)
    probes = Counter(line.key for line in workload.lines(shape) if line.key.startswith(PROBE))
    assert len(probes) > 1900
    assert set(probes.values()) == {1}


def test_the_oracle_sees_each_wrong_row(tmp_path: Path) -> None:
    path = tmp_path / "workload"
    workload.write(path, Shape(3000, customers=50))
    once, twice = (totals(path, 3000, once=once) for once in (True, False))
    rows = [(*key, *row) for key, row in once.items()]
    assert differences(once, rows) == []
    assert differences(twice, rows) != []
    (customer, metric, total, events), *others = rows
    for wrong in (
        (customer, metric, total + Decimal("0.0001"), events),
        (customer, metric, total, events + 1),
        (customer, "nothing", total, events),
    ):
        assert f"{customer}/{metric}" in " ".join(differences(once, [wrong, *others]))
    assert len(differences(once, others)) == 1
