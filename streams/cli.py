"""What can be done with Laurel from a shell?

Exit codes: 0 done, 1 could not be done, 2 what was asked is wrong, 70 a worker stopped itself.
"""

import argparse
import socket
import sys
from collections.abc import Sequence
from importlib import import_module

import psycopg

from schemas.exports import EXPORTS

from .settings import Settings, SettingsError, load
from .shell import Failed, Refused, complain, duration, postgres_address
from .stop import Stop


def main(words: Sequence[str] | None = None) -> int:
    """Do what was asked; the result is the exit code."""
    options = parser().parse_args(words)
    try:
        _do(load(), options)
        sys.stdout.flush()
    except (SettingsError, Refused) as fault:
        return _complain(fault, 2)
    except (Failed, Stop) as fault:
        return _complain(fault, 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has seen enough; Python would complain when it flushes at the end.
        sys.stdout = None
        return 1
    return 0


def _complain(fault: Exception, code: int) -> int:
    complain(str(fault))
    return code


def _do(settings: Settings, options: argparse.Namespace) -> None:
    """Run a command; what the broker or the database refuses becomes one line."""
    if options.kafka:
        reach_kafka(settings)
    module, _, function = options.run.partition(":")
    try:
        getattr(import_module(f"streams.{module}"), function)(settings, options)
    except (psycopg.OperationalError, psycopg.InterfaceError) as fault:
        why = " ".join(str(fault).split())
        raise Failed(f"Postgres at {postgres_address(settings)}: {why}") from None
    except psycopg.errors.UndefinedTable as fault:
        where, why = postgres_address(settings), _first_line(fault)
        raise Failed(f"Postgres at {where}: {why}: run `laurel migrate`") from None
    except Exception as fault:
        if not _of_kafka(fault):
            raise
        where, why = settings.kafka_bootstrap, _first_line(fault)
        raise Failed(f"Kafka at {where}: {type(fault).__name__}: {why}") from None


def _first_line(fault: Exception) -> str:
    return (str(fault).strip().splitlines() or ["no reason given"])[0]


def _of_kafka(fault: Exception) -> bool:
    """Whether one of the two clients raised it; neither is imported where no command needs it."""
    modules = {kind.__module__ for kind in type(fault).__mro__}
    return not modules.isdisjoint(("kafka.errors", "aiokafka.errors"))


def reach_kafka(settings: Settings) -> None:
    """Raises `Failed` when no broker listens; the clients would try for half a minute."""
    faults = []
    for address in settings.kafka_bootstrap.split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as fault:
            faults.append(f"{address}: {fault.strerror or fault}")
        else:
            return
    raise Failed(f"no Kafka at KAFKA_BOOTSTRAP ({'; '.join(faults)})")


def parser() -> argparse.ArgumentParser:
    """Every command; each names the module and function under `streams` that does it."""
    top = argparse.ArgumentParser(prog="laurel", description="Laurel's command line.")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: str, help: str, kafka: bool = False) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help)
        made.set_defaults(run=run, kafka=kafka)
        return made

    made = command("worker", "worker:run", "Run a worker until SIGTERM or Ctrl-C.", kafka=True)
    made.add_argument("kind", choices=("intake", "engine", "slack"))
    command("topics", "setup:topics", "Make missing topics, begin, check settings.", kafka=True)
    command("migrate", "setup:migrate", "Bring the database up to this version of the code.")
    command("settings", "setup:show", "Show every setting; each is an environment variable.")
    made = command("publish", "publishing:run", "Send events to the intake topics.", kafka=True)
    made.add_argument("file", metavar="FILE.jsonl|-", help="CloudEvents JSON, one a line; -: stdin")
    made = command("play", "play:run", "Play a file of records, driving the clock.", kafka=True)
    made.add_argument("file", nargs="?", metavar="FILE.jsonl", help="what to deliver when")
    made.add_argument("--step", type=duration, default="1h", help="15m, 1h, 1d … (default: 1h)")
    made.add_argument("--resume", action="store_true", help="go on with a play that broke off")
    made.add_argument("--end", action="store_true", help="let a clock go that was left standing")
    made = command("export", "export:run", "Write a read model as JSON lines.")
    made.add_argument("kind", choices=tuple(EXPORTS))
    return top


if __name__ == "__main__":
    sys.exit(main())
