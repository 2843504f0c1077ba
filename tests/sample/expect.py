"""Say what must come out of a sample: read the play, replay it by brute force, print the exports.

Nothing is shared with what is tested but the names of the columns.
"""

import argparse
import json
import sys
from decimal import Decimal
from pathlib import Path

from schemas.exports import EXPORTS

from .replay import Replay
from .rows import rows, summary


def expect(path: Path) -> Replay:
    """The play of a file, replayed to its end."""
    replay = Replay()
    with path.open(encoding="utf-8") as file:
        replay.play([json.loads(line, parse_float=Decimal) for line in file])
    return replay


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sample.expect", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("file", type=Path, help="a play, as tests.sample.generate writes it")
    parser.add_argument("--kind", choices=(*EXPORTS, "summary"), default="summary")
    asked = parser.parse_args()
    replay = expect(asked.file)
    if asked.kind == "summary":
        sys.stdout.write(json.dumps(summary(replay), indent=2) + "\n")
    else:
        for row in rows(replay, asked.kind):
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
