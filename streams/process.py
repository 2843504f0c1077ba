"""How does a process end when it may not go on? At once, loudly, with nothing more committed."""

import os
import sys
import traceback
from typing import NoReturn

from .logs import log
from .stop import Stop

STOPPED = 70
"""Exit code of a process that stopped itself."""


def die(fault: BaseException, **where: object) -> NoReturn:
    """Say what was wrong and where, then end without a graceful stop, which would acknowledge."""
    if isinstance(fault, Stop):
        log("stopped", error=type(fault).__name__, why=str(fault), **where)
    else:
        log("crashed", error=type(fault).__name__, why=str(fault), **where)
        traceback.print_exception(fault, file=sys.stderr)
    sys.stderr.flush()
    os._exit(STOPPED)
