"""Which parts can run beside us without containers?

Each has a folder of its own and listens on 127.0.0.1 alone, on the port it had there before.
"""

from deploy.broker import Kafka
from deploy.server import Postgres

__all__ = ["Kafka", "Postgres"]
