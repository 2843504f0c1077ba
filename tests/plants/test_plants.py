"""Can every fault of the list still be planted?"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.plants.listed import PLANTS, SECTIONS
from tests.plants.plant import ROOT, Plant, Stale

RUFF = Path(sys.executable).with_name("ruff")


@pytest.mark.parametrize("fault", PLANTS.values(), ids=PLANTS)
def test_it_can_be_planted_and_is_no_mere_slip(fault: Plant) -> None:
    """A text with a slip in it would be caught by whatever runs it, and show nothing."""
    planted = fault.planted()
    assert planted != (ROOT / fault.file).read_text()
    compile(planted, fault.file, "exec")
    undefined = ["check", "--quiet", "--isolated", "--select", "F821", "-"]
    found = subprocess.run(
        [RUFF, *undefined], input=planted, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("fault", PLANTS.values(), ids=PLANTS)
def test_the_tests_that_are_to_catch_it_are_there(fault: Plant) -> None:
    assert fault.caught_by
    for test in fault.caught_by:
        file, _, name = test.partition("::")
        assert not name or f"def {name.partition('[')[0]}(" in (ROOT / file).read_text()


def test_each_section_has_its_faults_and_each_fault_one_name() -> None:
    assert list(SECTIONS) == [2, 3, 4, 5]
    assert all(len(plants) >= 5 for plants in SECTIONS.values())
    assert len(PLANTS) == sum(map(len, SECTIONS.values())) >= 20


def test_a_fault_whose_place_is_gone_or_not_the_only_one_is_stale() -> None:
    fault = next(iter(PLANTS.values()))
    for old, times in (("a text that never was there", 0), ("import", "[2-9]")):
        with pytest.raises(Stale, match=f"{fault.name}: {fault.file} has the old text {times}"):
            replace(fault, old=old).planted()
