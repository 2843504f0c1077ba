"""Which workers does a storm need besides the ordinary ones?

`slack` is the ordinary worker with its waits a tenth as long, or no storm would ever be over.
`rival-intake` and `rival-engine` are groups of their own, which own all partitions a second time.
"""

import sys

from schemas.topics import App
from streams.apps import run
from streams.sender import Pace, Sender, Timing
from streams.settings import Settings, load
from streams.workers import EngineWorker, IntakeWorker, SlackWorker

TIMING = Timing(lease=6, request=2, looks=(1.0, 4.0), again=0.5, stand_still=1.0)
PACE = 50.0


class HastySlack(SlackWorker):
    """As ever, but hasty."""

    async def open(self) -> None:
        await super().open()
        self.sender = Sender(self.settings, self.pool, TIMING, Pace(PACE, int(PACE)))


class RivalSettings(Settings):
    """The same system, seen by another group."""

    def group(self, app: App) -> str:
        return f"{super().group(app)}-rival"


KINDS = ("slack", "rival-intake", "rival-engine")


def main(kind: str) -> None:
    """Run the worker of that name; ends the process."""
    settings = load()
    if kind == "slack":
        run(HastySlack(settings))
    rival = RivalSettings(**settings.model_dump())
    run({"rival-intake": IntakeWorker, "rival-engine": EngineWorker}[kind](rival))


if __name__ == "__main__":
    main(sys.argv[1])
