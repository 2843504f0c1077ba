"""Which kinds of worker are there, and what does each do beside folding its batches?"""

from collections.abc import Mapping

from faust.types import TP

from schemas.topics import ALERTS, TIMELINE

from .apps import Step, Worker
from .engine import Engine
from .intake import Intake
from .relay import relay
from .sender import Sender
from .settings import Settings
from .slack import SlackInbox
from .sweep import sweep
from .ticker import Ticker
from .transport import Record
from .watermarks import Watermarks


class IntakeWorker(Worker):
    """Forwards the intake topics to the timeline, and what the directory has since learned."""

    kind = "intake"

    async def open(self) -> None:
        self.intake = Intake(self.settings, self.pool, self.producer, self.recheck)
        self.watermarks = Watermarks(self.settings, self.pool, self.ends)

    def steps(self) -> Mapping[str, tuple[float, Step]]:
        return {"sweep": (0.5, self._sweep), "watermarks": (0.25, self._look)}

    async def ends(self) -> Mapping[TP, int]:
        """Where the partitions that this worker owns end in Kafka."""
        owned = [TP(topic, p) for topic in self.topics for p in self.owned(topic)]
        found: Mapping[TP, int] = await self.app.consumer.highwaters(*owned) if owned else {}
        return found

    async def _sweep(self) -> int:
        return await sweep(self.pool, self.producer)

    async def _look(self) -> int:
        await self.watermarks.look()
        return 0

    async def work(self, tp: TP, records: list[Record], sought: bool) -> None:
        await self.intake.work(tp, records, sought)


class EngineWorker(Worker):
    """Folds the timeline, says what time it is, and relays alerts of the partitions it owns."""

    kind = "engine"

    async def open(self) -> None:
        self.ticker = Ticker(self.settings, self.pool, self.producer)
        self.engine = Engine(
            self.settings, self.pool, self.recheck, is_timed=lambda: not self.ticker.driven
        )

    async def work(self, tp: TP, records: list[Record], sought: bool) -> None:
        await self.engine.work(tp, records, sought)

    def steps(self) -> Mapping[str, tuple[float, Step]]:
        return {"ticker": (0.25, self._tick), "relay": (0.1, self._relay)}

    def forget(self, partitions: list[TP]) -> None:
        self.engine.forget(tp.partition for tp in partitions)

    async def _tick(self) -> int:
        await self.ticker.tick(self.owned(self.settings.topic(TIMELINE)))
        return 0

    async def _relay(self) -> int:
        owned = self.owned(self.settings.topic(TIMELINE))
        return await relay(self.pool, self.producer, self.settings.topic(ALERTS), owned)


class SlackWorker(Worker):
    """Takes alerts into the ledger, and sends and mends their cards."""

    kind = "slack"

    def __init__(self, settings: Settings) -> None:
        settings.check_slack()
        super().__init__(settings)

    async def open(self) -> None:
        self.inbox = SlackInbox(self.pool, self.recheck)
        self.sender = Sender(self.settings, self.pool)

    async def work(self, tp: TP, records: list[Record], sought: bool) -> None:
        await self.inbox.work(tp, records, sought)

    def steps(self) -> Mapping[str, tuple[float, Step]]:
        return {"sender": (0.1, self.sender.step)}


WORKERS: dict[str, type[Worker]] = {
    worker.kind: worker for worker in (IntakeWorker, EngineWorker, SlackWorker)
}
