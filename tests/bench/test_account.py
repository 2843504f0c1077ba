"""Does the measurement measure? What it comes to is for a quiet machine."""

import json
import os
import subprocess
import sys

from tests.conftest import Server


def test_it_folds_the_same_events_into_small_and_large_accounts(postgres: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.account", "--learners", "40", "--rounds", "1"],
        env={**os.environ, "DATABASE_URL": postgres.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    medians = json.loads(done.stdout)["medians"]
    assert [(m["learners_per_account"], m["events"]) for m in medians] == [(10, 160), (40, 160)]
    assert all(m["wall_us"] >= m["cpu_us"] > 0 for m in medians)
