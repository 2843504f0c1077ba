"""How does `laurel serve` run? The door and its page, on one address, until it is told to end."""

import asyncio
import signal
from argparse import Namespace
from contextlib import AbstractAsyncContextManager

from aiohttp import web

from . import database, logs
from .database import Pool
from .door import Door
from .listening import listening
from .outlet import Outlet, open_outlet
from .page import Page
from .problems import problems
from .reach import reach_kafka
from .settings import Settings
from .topics import topic_ids


def run(settings: Settings, _: Namespace) -> None:
    """Serve until SIGTERM or Ctrl-C; what is being kept is waited for."""
    logs.set_up()
    reach_kafka(settings)
    topic_ids(settings)
    with database.connect(settings) as connection:
        connection.execute("SELECT FROM tokens LIMIT 1")
    asyncio.run(_until_told(settings))


async def _until_told(settings: Settings) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with (
        database.open_pool(settings) as pool,
        open_outlet(settings) as outlet,
        _listening(settings, pool, outlet),
    ):
        await told.wait()


def _listening(settings: Settings, pool: Pool, outlet: Outlet) -> AbstractAsyncContextManager[None]:
    app = web.Application(client_max_size=settings.laurel_door_body_bytes, middlewares=[problems])
    app.add_routes([*Door(settings, pool, outlet).routes(), *Page(settings, pool).routes()])
    return listening(
        app,
        "LAUREL_DOOR",
        settings.laurel_door_address,
        settings.laurel_door_port,
        settings.laurel_door_patience,
    )
