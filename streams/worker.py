"""Which worker does `laurel worker` run?"""

from argparse import Namespace

from . import apps, workers
from .settings import Settings


def run(settings: Settings, options: Namespace) -> None:
    """Run it until SIGTERM or Ctrl-C; ends the process with the worker's exit code."""
    kinds = {worker.kind: worker for worker in vars(workers).values() if _is_worker(worker)}
    apps.run(kinds[options.kind](settings))


def _is_worker(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, apps.Worker) and thing is not apps.Worker
