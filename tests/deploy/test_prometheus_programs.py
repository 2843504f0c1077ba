"""Are Prometheus' programs found on the PATH, else fetched, else asked for by name?"""

import os
import subprocess
import sys
from pathlib import Path

from deploy.prometheus_programs import PROGRAMS

ROOT = Path(__file__).parents[2]
ASK = """
import sys
from pathlib import Path
from deploy.prometheus_programs import locate
print(locate(Path(sys.argv[1])))
"""


def locate(home: Path, path: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ASK, str(home)]
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def put(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch(mode=0o755)
    return folder


def test_those_of_the_path_are_taken_where_both_are_there(tmp_path: Path) -> None:
    there = put(tmp_path / "there", *PROGRAMS)
    assert locate(tmp_path / "home", str(there)).stdout.strip() == str(there)
    assert not (tmp_path / "home").exists()


def test_those_fetched_before_are_taken_where_one_lacks(tmp_path: Path) -> None:
    half, kept = put(tmp_path / "half", "promtool"), put(tmp_path / "home/usr/bin", *PROGRAMS)
    assert locate(tmp_path / "home", str(half)).stdout.strip() == str(kept)


def test_where_neither_can_be_had_it_is_said_what_to_do(tmp_path: Path) -> None:
    said = locate(tmp_path / "home", str(put(tmp_path / "nothing"))).stderr
    assert "PartsError: Prometheus not found; put `prometheus` and `promtool`, 2.42" in said
