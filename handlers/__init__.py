"""What follows from an event? The handlers, in the order in which the engine takes them."""

from . import (
    abandonment,
    account,
    alerts,
    catalogue,
    certification,
    demands,
    enrolment,
    holdings,
    offers,
    requirements,
    standing,
    teams,
)
from .handler import Handler

HANDLERS: tuple[Handler, ...] = (
    catalogue,
    offers,
    requirements,
    demands,
    account,
    standing,
    enrolment,
    certification,
    abandonment,
    holdings,
    teams,
    alerts,
)
