"""Which worker does `laurel worker` run?"""

from argparse import Namespace

from .apps import run as run_worker
from .reach import reach_kafka
from .settings import Settings
from .workers import WORKERS


def run(settings: Settings, options: Namespace) -> None:
    """Run it until SIGTERM or Ctrl-C; ends the process with the worker's exit code."""
    worker = WORKERS[options.kind](settings)
    reach_kafka(settings)
    run_worker(worker)
