"""How does pytest run in a copy of the tree without importing all libraries anew?

A process that has imported them is forked, and forgets what it knows of our own code.
"""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path

LIBRARIES = (
    "aiohttp",
    "alembic.command",
    "faust",
    "hypothesis",
    "kafka",
    "prometheus_client",
    "psycopg_pool",
    "pydantic",
    "pytest",
    "slack_sdk.web.async_client",
    "sqlalchemy",
)
"""What takes long to import, half of what a short test takes in all."""

OURS = ("deploy", "handlers", "projections", "schemas", "streams", "tests")


def run(copy: Path, options: Sequence[str], env: Mapping[str, str], log: Path) -> int:
    """Run pytest with these options in a copy; returns its exit status, all it says is in `log`."""
    for name in LIBRARIES:
        importlib.import_module(name)
    child = get_context("fork").Process(target=_run, args=(copy, options, env, log))
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def _run(copy: Path, options: Sequence[str], env: Mapping[str, str], log: Path) -> None:
    pytest = importlib.import_module("pytest")
    os.environ.update(env)
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    sys.dont_write_bytecode = False
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    importlib.invalidate_caches()
    with log.open("wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    sys.exit(pytest.main(list(options)))
