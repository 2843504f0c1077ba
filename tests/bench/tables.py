"""How are the figures shown?"""

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from tests.bench.field import Contestant
from tests.bench.lateness import Lateness
from tests.bench.race import Course, Run

NONE = "n/a"


@dataclass
class Found:
    """All that came of a contestant; `fault`: why no more did."""

    course: Course | None = None
    runs: list[Run] = field(default_factory=list)
    lateness: Lateness | None = None
    fault: str = ""

    @property
    def median(self) -> Run:
        return median(self.runs)


def median(runs: Sequence[Run]) -> Run:
    """Of each figure by itself."""
    return Run(
        **{
            one.name: statistics.median(getattr(run, one.name) for run in runs)
            for one in fields(Run)
        }
    )


COLUMNS = ("events", "events/s", "app µs", "Postgres µs", "MB", "WAL B")


def cells(run: Run) -> tuple[str, ...]:
    """The columns; µs and bytes of WAL are those of an event."""
    return (
        f"{run.events:,.0f}",
        f"{run.events_per_second:,.0f}",
        f"{run.app_us:.1f}",
        f"{run.postgres_us:.1f}",
        f"{run.memory / 1e6:.0f}",
        f"{run.wal:.0f}",
    )


def aligned(rows: Iterable[tuple[str, ...]]) -> str:
    """The first column to the left, the others to the right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


HEAD = ("", *COLUMNS, "duplicates", "p50 ms", "p99 ms", "at events/s")


def table(found: Mapping[Contestant, Found]) -> str:
    """A line a contestant; µs, WAL bytes and rows are those of an event."""
    return aligned([HEAD, *(_row(one, said) for one, said in found.items())])


def _row(one: Contestant, found: Found) -> tuple[str, ...]:
    name = f"({one.letter}) {one.name}"
    if found.fault or not found.runs:
        return (name, *[NONE] * (len(HEAD) - 1))
    late = found.lateness
    waits = (f"{late.p50 * 1e3:.0f}", f"{late.p99 * 1e3:.0f}", f"{late.rate:,.0f}") if late else ()
    return (
        name,
        *cells(found.median),
        ("counted once" if one.once else "counted twice") if one.totals else NONE,
        *(waits or (NONE,) * 3),
    )


def ratios(found: Mapping[Contestant, Found]) -> list[str]:
    """Laurel's engine against each of the others."""
    runs = {
        one.letter: said.median
        for one, said in found.items()
        if one.totals and said.runs and not said.fault
    }
    ours = runs.pop("f", None)
    if ours is None:
        return []
    return [
        f"f/{letter}: {ours.events_per_second / run.events_per_second:.2f} × the events a second,"
        f" {run.app_us / ours.app_us:.2f} × the events an application CPU-second"
        for letter, run in runs.items()
    ]


def write_json(
    path: Path, asked: Mapping[str, object], found: Mapping[Contestant, Found], faults: list[str]
) -> None:
    """All figures of all runs."""
    said = {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
        "asked": {name: str(value) for name, value in asked.items()},
        "invalid": faults,
        "contestants": {
            one.letter: {
                "name": one.name,
                "tells_duplicates": one.once,
                "runs": [asdict(run) for run in each.runs],
                "median": asdict(each.median) if each.runs else None,
                "lateness": asdict(each.lateness) if each.lateness else None,
                "fault": each.fault,
            }
            for one, each in found.items()
        },
        "ratios": ratios(found),
    }
    path.write_text(json.dumps(said, indent=2) + "\n")
