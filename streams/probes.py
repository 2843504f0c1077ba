"""How is a worker asked how it is? Over HTTP: /metrics, /livez and /readyz."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager

from aiohttp import web
from faust.types import TP
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from . import readings
from .database import Pool
from .listening import listening
from .monitor import Monitor
from .settings import Settings

Waited = Callable[[], Mapping[TP, float]]
"""For how many seconds the records have waited that the lanes work on."""

_Page = Callable[[web.Request], Awaitable[web.Response]]


class _Read(Collector):
    """Metrics that were looked up, for one answer."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found


def serve(
    settings: Settings, monitor: Monitor, pool: Pool, waited: Waited
) -> AbstractAsyncContextManager[None]:
    """Serve the three pages; raises `CannotListen`."""
    limit = settings.laurel_stuck_seconds

    async def metrics(_: web.Request) -> web.Response:
        looked_up = CollectorRegistry()
        looked_up.register(
            _Read(
                [
                    *monitor.health.metrics(waited()),
                    *await readings.read(pool, settings, monitor.app),
                ]
            )
        )
        text = generate_latest(REGISTRY) + generate_latest(looked_up)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def page(name: str, faults: Callable[[float], list[str]]) -> _Page:
        async def answer(_: web.Request) -> web.Response:
            why = faults(limit)
            return web.json_response({name: not why, "why": why}, status=503 if why else 200)

        return answer

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/livez", page("live", monitor.health.not_live))
    app.router.add_get("/readyz", page("ready", monitor.health.not_ready))
    host, port = settings.laurel_metrics_address, settings.laurel_metrics_port
    return listening(app, "LAUREL_METRICS", host, port)
