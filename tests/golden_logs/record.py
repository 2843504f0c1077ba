"""Write anew what the golden timelines come to: `python -m tests.golden_logs.record [NAME …]`.

`DATABASE_URL` names a Postgres in which databases may be made.
"""

import os
import sys

from projections.migrate import migrate
from tests.conftest import Given, empty_database

from .golden import LOGS, NAMES, come_to


def main() -> int:
    with empty_database(Given(url=os.environ["DATABASE_URL"])) as url:
        migrate(url)
        for name in sys.argv[1:] or NAMES:
            (LOGS / f"{name}.json").write_text(come_to(url, name, 500))
    return 0


if __name__ == "__main__":
    sys.exit(main())
