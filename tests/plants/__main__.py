"""How does `./dev plant` go? Each fault in turn, then a table; exit code 0 if all are caught."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.parts import Kafka, Postgres
from tests.plants.listed import PLANTS, SECTIONS
from tests.plants.plant import Caught, Stale, copied, fails_anyway, plant


@contextmanager
def parts() -> Iterator[Mapping[str, str]]:
    """One Kafka and one Postgres for all tests, by the names under which these look for them."""
    with ExitStack() as made, ThreadPoolExecutor() as starters:
        home = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="laurel-plants-")))
        home.chmod(0o755)
        mine = {
            name: part(home / part.name, scratch=True)
            for name, part in (("KAFKA_BOOTSTRAP", Kafka), ("DATABASE_URL", Postgres))
            if name not in os.environ
        }
        for part in mine.values():
            made.callback(part.stop)
        for started in [starters.submit(part.start) for part in mine.values()]:
            started.result()
        yield {
            name: part.bootstrap if isinstance(part, Kafka) else part.url
            for name, part in mine.items()
        }


def out(text: str) -> None:
    """Said at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def told() -> str:
    """Every fault, under the section of the design that it breaks."""
    return "\n".join(
        f"{section}  {fault.name}: {fault.breaks}"
        for section, plants in SECTIONS.items()
        for fault in plants
    )


def table(outcomes: Mapping[str, Caught]) -> str:
    """Section, fault, seconds, the test that caught it."""
    rows = [("section", "fault", "seconds", "caught by")]
    for section, plants in SECTIONS.items():
        for fault in plants:
            if found := outcomes.get(fault.name):
                test = found.test or "NOBODY"
                rows.append((str(section), fault.name, f"{found.seconds:.0f}", test))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def main() -> int:
    """Plant what is wanted, and say who caught it; the result is the exit status."""
    parser = argparse.ArgumentParser(
        prog="./dev plant", description="Plants faults in copies of the tree; tests catch each."
    )
    choices = (*PLANTS, "all")
    parser.add_argument("fault", choices=choices, nargs="?", metavar="NAME|all")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    options = parser.parse_args()
    if options.list:
        out(told())
        return 0
    if options.fault is None:
        parser.error("which one? --list says what there is")
    wanted = list(PLANTS.values()) if options.fault == "all" else [PLANTS[options.fault]]
    outcomes: dict[str, Caught] = {}
    try:
        for fault in wanted:
            fault.planted()
    except Stale as stale:
        out(f"stale: {stale}")
        return 1
    with copied() as copy, parts() as given:
        tests = dict.fromkeys(test for fault in wanted for test in fault.caught_by)
        out(f"{len(tests)} tests, first with nothing planted")
        if said := fails_anyway(tests, copy, given):
            out(f"{said}\nthese tests fail though nothing is planted, so they would catch nothing")
            return 1
        out(f"they pass; now with {len(wanted)} faults in turn")
        for fault in wanted:
            found = outcomes[fault.name] = plant(fault, copy, given)
            how = found.how.partition("\n")[0] if found.holds else f"NOT CAUGHT: {found.how}"
            out(f"{fault.name} -> {found.test or 'nobody'} ({found.seconds:.1f} s): {how}")
    caught = sum(found.holds for found in outcomes.values())
    out(f"{table(outcomes)}\n{caught} of {len(outcomes)} caught")
    return 0 if caught == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
