"""Where can a test make this process die, freeze or fail?

`FAILPOINT=name:mode[:count][,…]`: at the count-th passing of `name` (the first unless said) the
process exits (`exit`), freezes (`freeze`, by SIGSTOP), raises (`raise`) or blocks its event loop
for ever (`block`).
Unset, a failpoint costs one test of an empty dictionary.
"""

import os
import signal
import threading
from functools import cache

from .logs import log


class FailpointHit(Exception):
    """Raised by a failpoint in mode `raise`."""


def _parse(text: str) -> dict[str, tuple[str, int]]:
    armed = {}
    for part in filter(None, text.split(",")):
        name, mode, *count = part.split(":")
        armed[name] = (mode, int(count[0]) if count else 1)
    return armed


@cache
def _armed() -> dict[str, tuple[str, int]]:
    return _parse(os.environ.get("FAILPOINT", ""))


def armed() -> bool:
    """Whether any is still to strike."""
    return bool(_armed())


def failpoint(name: str) -> None:
    """Strike here if the environment asks for it."""
    waiting = _armed()
    if name not in waiting:
        return
    mode, count = waiting.pop(name)
    if count > 1:
        waiting[name] = (mode, count - 1)
        return
    log("failpoint", name=name, mode=mode)
    match mode:
        case "exit":
            os._exit(137)
        case "freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "raise":
            raise FailpointHit(name)
        case "block":
            threading.Event().wait()
        case _:
            raise ValueError(f"FAILPOINT {name}: mode {mode!r}, not exit, freeze, raise, block")
