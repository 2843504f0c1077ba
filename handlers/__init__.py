"""What follows from an event? The handlers, in the order in which the engine takes them."""

from . import (
    abandonment,
    account,
    alerts,
    catalogue,
    certification,
    enrolment,
    offers,
    standing,
)
from .handler import Handler

HANDLERS: tuple[Handler, ...] = (
    catalogue,
    offers,
    account,
    standing,
    enrolment,
    certification,
    abandonment,
    alerts,
)
