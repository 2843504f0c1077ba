"""How is the local Slack started? `python -m deploy.local_slack`, then open the address it prints.

The Web API lies under `/api/`: `WebClient(token="xoxb-local", base_url="http://127.0.0.1:…/api/")`.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from aiohttp import web

from deploy.local_slack.control import Control
from deploy.local_slack.faults import Faults
from deploy.local_slack.page import Page
from deploy.local_slack.web_api import WebApi
from deploy.local_slack.workspace import Workspace


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local_slack",
        description="Stands in for Slack on this machine, with its limits and a page to look at.",
    )
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1 (default: a free one)")
    parser.add_argument("--state", type=Path, help="a file that keeps people and messages")
    parser.add_argument("--token", default="xoxb-local", help="the token it accepts (%(default)s)")
    parser.add_argument("--app-name", default="Laurel", help="who posts (%(default)s)")
    parser.add_argument(
        "--channels", default="general", help="public channels, separated by commas (%(default)s)"
    )
    parser.add_argument(
        "--users",
        choices=["known", "any"],
        default="known",
        help="whom an e-mail finds: those told to /_control/users, or anybody (%(default)s)",
    )
    parser.add_argument(
        "--rate-limits", choices=["on", "off"], default="on", help="Slack's own (%(default)s)"
    )
    arguments = parser.parse_args()
    if not 0 <= arguments.port <= 65535:
        parser.error(f"--port is at most 65535, and 0 for a free one; not {arguments.port}")
    try:
        asyncio.run(_serve(arguments))
    except (OSError, ValueError) as error:
        parser.exit(1, f"local Slack: {error}\n")


async def _serve(arguments: argparse.Namespace) -> None:
    workspace = Workspace(
        arguments.app_name, anyone=arguments.users == "any", state=arguments.state
    )
    for name in filter(None, map(str.strip, arguments.channels.split(","))):
        workspace.add_channel(name)
    faults = Faults()
    limited = arguments.rate_limits == "on"
    web_api = WebApi(workspace, faults, token=arguments.token, limited=limited)
    application = web.Application()
    for part in (Page(workspace), web_api, Control(workspace, faults, web_api)):
        application.add_routes(part.routes())
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", arguments.port)
        await site.start()
        host, port = runner.addresses[0][:2]
        sys.stdout.write(f"local Slack at http://{host}:{port}/\n")
        sys.stdout.flush()
        await _until_stopped()
    finally:
        await runner.cleanup()
        workspace.close()


async def _until_stopped() -> None:
    stopped = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stopped.set)
    await stopped.wait()


if __name__ == "__main__":
    main()
