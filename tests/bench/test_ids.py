"""Does the measurement of remembered ids load what it laid down, and come to its cap?"""

import json
import os
import subprocess
import sys

from tests.conftest import Server


def test_it_measures_three_sizes_up_to_the_cap(postgres: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.ids", "--ids", "840000"],
        env={**os.environ, "DATABASE_URL": postgres.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sizes = json.loads(done.stdout)["sizes"]
    # Ten thousand a day and partition are five batches.
    assert [(size["ids"], size["rows"]) for size in sizes] == [
        (8400, 84),
        (84_000, 84),
        (840_000, 420),
    ]
    for size in sizes:
        assert size["at_the_cap"]["remembered"] > size["ids"] // 12
        assert size["at_the_cap"]["forgotten"] >= size["ids"] // 12 // 7
        assert size["cpu_us_an_event"] > 0 < size["mb_per_million"]
