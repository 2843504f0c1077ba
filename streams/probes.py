"""How is a worker or the door asked how it is? Over HTTP: /metrics, /livez and /readyz."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from .listening import listening
from .settings import Settings

LookUp = Callable[[], Awaitable[Iterable[Metric]]]
"""Metrics beside those that are counted."""

Ask = Callable[[], Awaitable[Sequence[str]]]
"""What is wrong; nothing: all is well."""

_Page = Callable[[web.Request], Awaitable[web.Response]]


class _Read(Collector):
    """Metrics that were looked up, for one answer."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found


def serve(
    settings: Settings, look_up: LookUp, *, live: Ask, ready: Ask
) -> AbstractAsyncContextManager[None]:
    """Serve the three pages; raises `CannotListen`."""

    async def metrics(_: web.Request) -> web.Response:
        looked_up = CollectorRegistry()
        looked_up.register(_Read(await look_up()))
        text = generate_latest(REGISTRY) + generate_latest(looked_up)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/livez", page("live", live))
    app.router.add_get("/readyz", page("ready", ready))
    host, port = settings.laurel_metrics_address, settings.laurel_metrics_port
    return listening(app, "LAUREL_METRICS", host, port)


def page(name: str, faults: Ask) -> _Page:
    """A page that says whether all is well, with 503 where it is not."""

    async def answer(_: web.Request) -> web.Response:
        why = await faults()
        return web.json_response({name: not why, "why": why}, status=503 if why else 200)

    return answer
