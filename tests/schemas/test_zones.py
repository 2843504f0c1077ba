"""Do the rules of time zones come from the pinned package, whatever this machine believes?"""

import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AT = "datetime(2026, 1, 5, 20, tzinfo=UTC)"
IMPORTS = "from datetime import UTC, date, datetime; from zoneinfo import ZoneInfo; "


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A machine's zones, by which Berlin keeps Tokyo's time and Mars has one too."""
    tokyo = (resources.files("tzdata") / "zoneinfo" / "Asia" / "Tokyo").read_bytes()
    for zone in ("Europe/Berlin", "Mars/Olympus"):
        path = tmp_path / zone
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(tokyo)
    return tmp_path


def said(zones: Path, code: str) -> str:
    """What a fresh process prints on a machine with these zones."""
    command = [sys.executable, "-c", f"{IMPORTS}{code}"]
    environment = {**os.environ, "PYTHONTZPATH": str(zones)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_machine_of_these_tests_is_wrong_about_berlin(wrong: Path) -> None:
    assert said(wrong, f"print({AT}.astimezone(ZoneInfo('Europe/Berlin')).date())") == "2026-01-06"


@pytest.mark.parametrize(
    ("code", "right"),
    [
        (f"from handlers.days import day_of; print(day_of({AT}, 'Europe/Berlin'))", "2026-01-05"),
        (
            "from handlers.days import end_of; print(end_of(date(2026, 1, 5), 'Europe/Berlin'))",
            "2026-01-05 23:00:00+00:00",
        ),
        ("from schemas.zones import ZONES; print('Mars/Olympus' in ZONES)", "False"),
        ("from tests.sample.door import ZONES; print('Mars/Olympus' in ZONES)", "False"),
        (
            "import tests.sample.generate;"
            f" print({AT}.astimezone(ZoneInfo('Europe/Berlin')).date())",
            "2026-01-05",
        ),
        (
            # Whoever asked before must not leave what it was told.
            f"ZoneInfo('Europe/Berlin'); from handlers.days import day_of;"
            f" print(day_of({AT}, 'Europe/Berlin'))",
            "2026-01-05",
        ),
    ],
)
def test_what_the_machine_believes_of_time_zones_changes_nothing(
    wrong: Path, code: str, right: str
) -> None:
    assert said(wrong, code) == right
