"""What stands in the read models? `laurel export` writes it as JSON lines, in one fixed order."""

import json
from argparse import Namespace

from projections.exports import rows

from . import database
from .settings import Settings
from .shell import say


def run(settings: Settings, options: Namespace) -> None:
    """Write one export to standard output."""
    with database.connect(settings) as connection:
        for row in rows(connection, options.kind):
            say(json.dumps(row, ensure_ascii=False))
