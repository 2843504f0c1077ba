"""How is a stock Faust set up that is measured?"""

from typing import Any

import faust
import psycopg

from tests.bench.contestants import asked


def stock() -> tuple[faust.App, Any]:
    """An app as its documentation makes it, and the topic, whose JSON Faust decodes itself."""
    app = faust.App(
        asked.GROUP,
        broker=f"kafka://{asked.BOOTSTRAP}",
        datadir=asked.FOLDER,
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=asked.COMMIT_SECONDS,
    )
    app.conf.web_enabled = False
    return app, app.topic(asked.TOPIC, key_serializer="raw", value_serializer="json")


def connect() -> Any:
    """A connection that commits each statement; to be awaited."""
    return psycopg.AsyncConnection.connect(asked.DATABASE, autocommit=True)


def run(app: faust.App) -> None:
    """Run the worker until it is told to end."""
    app.worker_init()
    worker = faust.Worker(app, loglevel="warning", quiet=True, redirect_stdouts=False)
    worker.spinner = None  # it writes whatever else is said
    worker.execute_from_commandline()
