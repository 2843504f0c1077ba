"""Who belongs to one run, is all of it still up, and how does it end together?"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.children import Child, PartsError, end_left_over
from deploy.part import Part

Words = Sequence[str | Path]


class Crew:
    """The processes of one run, under a folder that no other run uses at the same time."""

    def __init__(self, home: Path, environment: Mapping[str, str], patience: float = 15) -> None:
        self.logs = home / "logs"
        # Compiled once, Python programs start in a fraction of the time, also where it is set off.
        self.environment = {**environment, "PYTHONDONTWRITEBYTECODE": ""}
        self._patience = patience
        self._pids = home / "pids"
        self._parts: list[Part] = []
        self._staying: list[Child] = []
        self._passing: list[Child] = []

    def clear(self) -> list[str]:
        """End what a killed run left running, and drop its logs; the names of what was ended."""
        self._pids.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        for log in self.logs.glob("*.log"):
            log.unlink()
        return [pid.name for pid in sorted(self._pids.iterdir()) if end_left_over(pid)]

    def join(self, parts: Sequence[Part], *, anew: bool) -> None:
        """Start these parts at the same time; they are watched, and ended last."""
        self._parts.extend(parts)
        with ThreadPoolExecutor() as starters:
            for started in [starters.submit(part.start, anew=anew) for part in parts]:
                started.result()

    def start(self, name: str, command: Words) -> None:
        """Start a program that is to stay; its output goes to its log."""
        self._staying.append(self._child(name, command, self.logs / f"{name}.log"))

    def finish(
        self,
        name: str,
        command: Words,
        *,
        shown: bool = False,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Run a program to its end, with its output in its log or shown; watch the others."""
        self.await_end(self.begin(name, command, shown=shown), meanwhile)

    def begin(self, name: str, command: Words, *, shown: bool = False) -> Child:
        """Start a program whose end is waited for later."""
        child = self._child(name, command, None if shown else self.logs / f"{name}.log")
        self._passing.append(child)
        return child

    def await_end(self, child: Child, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait for the end of what was begun; watch the others."""
        while child.status is None:
            self.watch()
            meanwhile()
            time.sleep(0.05)
        self._passing.remove(child)
        child.kill()
        if child.status:
            raise _ended(child)

    def watch(self) -> None:
        """Raise, with the end of its log, when a program that is to stay has ended."""
        for child in [*(part.child for part in self._parts), *self._staying]:
            if child.status is not None:
                raise _ended(child)

    def end(self) -> None:
        """End all of it, the parts last; return when nothing of it runs."""
        ending = [*self._passing, *self._staying]
        for child in ending:
            child.ask()
        for child in ending:
            child.end(seconds=self._patience)
        for part in self._parts:
            part.stop()
        self._passing, self._staying, self._parts = [], [], []

    def _child(self, name: str, command: Words, log: Path | None) -> Child:
        record = self._pids / name
        return Child(name, command, log, record=record, environment=self.environment)


def _ended(child: Child) -> PartsError:
    return PartsError(f"{child.name} ended with status {child.status}; {child.last_words()}")
