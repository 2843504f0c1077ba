"""Does any broker listen? Asked before a client is made, which would try for half a minute."""

import socket

from .settings import Settings
from .shell import Failed


def reach_kafka(settings: Settings) -> None:
    """Raises `Failed` naming every broker and why it does not answer."""
    faults = []
    for address in settings.kafka_bootstrap.split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as fault:
            faults.append(f"{address}: {fault.strerror or fault}")
        except UnicodeError:
            faults.append(f"{address}: is no name that can be looked up")
        else:
            return
    raise Failed(f"no Kafka at KAFKA_BOOTSTRAP ({'; '.join(faults)})")
