"""Where can this process be asked over HTTP? On one address, which it says once it listens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from .logs import log
from .stop import CannotListen

GRACE = 60.0
"""Seconds for requests under way when it ends, unless said otherwise; aiohttp's own default."""


@asynccontextmanager
async def listening(
    app: web.Application, setting: str, host: str, port: int, grace: float = GRACE
) -> AsyncIterator[None]:
    """Serve until the end of the block; raises `CannotListen`.

    `setting` begins the names of both settings: `LAUREL_DOOR` for `LAUREL_DOOR_ADDRESS`.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=grace,
        # Where it cannot unpack, aiohttp answers with 500, or in plain text.
        auto_decompress=False,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as fault:
        raise CannotListen(
            f"{setting}_ADDRESS {host}, {setting}_PORT {port}: {fault.strerror or fault}"
        ) from None
    host, port = runner.addresses[0][:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    log("listening", setting=setting, address=address)
    try:
        yield
    finally:
        await runner.cleanup()
