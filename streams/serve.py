"""How does `laurel serve` run? The door and its page, on one address, until it is told to end."""

import asyncio
import signal
from argparse import Namespace
from contextlib import AbstractAsyncContextManager

from aiohttp import web
from prometheus_client.metrics_core import Metric

from schemas.door import PROBLEMS

from . import database, logs, metrics, tokens
from .database import Pool
from .door import Door
from .listening import listening
from .outlet import open_outlet
from .page import Page
from .probes import serve
from .problems import problems
from .reach import reach_kafka
from .settings import Settings
from .topics import topic_ids


def run(settings: Settings, _: Namespace) -> None:
    """Serve until SIGTERM or Ctrl-C; what is being kept is waited for."""
    logs.set_up()
    metrics.begin_door((202, 500, *PROBLEMS))
    reach_kafka(settings)
    topic_ids(settings)
    database.connect(settings).close()
    asyncio.run(_until_told(settings))


async def _until_told(settings: Settings) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with database.open_pool(settings) as pool, open_outlet(settings) as outlet:
        door = Door(settings, pool, outlet)
        async with _watched(settings, pool, door), _listening(settings, pool, door):
            await told.wait()


def _watched(settings: Settings, pool: Pool, door: Door) -> AbstractAsyncContextManager[None]:
    async def look_up() -> list[Metric]:
        return [metrics.DATABASE_UP.of([("door", int(not await tokens.fault(pool)))])]

    async def live() -> list[str]:
        return []  # whoever answers moves

    return serve(settings, look_up, live=live, ready=door.faults)


async def _count(_: web.Request, answer: web.StreamResponse) -> None:
    metrics.DOOR_REQUESTS.labels(answer.status).inc()


def _listening(settings: Settings, pool: Pool, door: Door) -> AbstractAsyncContextManager[None]:
    app = web.Application(client_max_size=settings.laurel_door_body_bytes, middlewares=[problems])
    app.on_response_prepare.append(_count)
    app.add_routes([*door.routes(), *Page(settings, pool).routes()])
    return listening(
        app,
        "LAUREL_DOOR",
        settings.laurel_door_address,
        settings.laurel_door_port,
        settings.laurel_door_patience,
    )
