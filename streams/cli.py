"""What can be done with Laurel from a shell?

Exit codes: 0 done, 1 could not be done, 2 what was asked is wrong, 70 a worker stopped itself.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import psycopg

from schemas.exports import EXPORTS

from .settings import Settings, SettingsError, load
from .shell import Failed, Refused, complain, duration, postgres_address, reason, whole
from .stop import DatabaseMismatch, Stop


def main(words: Sequence[str] | None = None) -> int:
    """Do what was asked; the result is the exit code."""
    options = parser().parse_args(words)
    try:
        _do(load(), options)
        sys.stdout.flush()
    except (SettingsError, Refused) as fault:
        return _complain(fault, 2)
    except Failed as fault:
        return _complain(fault, 1)
    except Stop as fault:
        return _complain(f"{type(fault).__name__}: {fault}", 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has seen enough; Python would complain when it flushes at the end.
        sys.stdout = None
        return 1
    return 0


def _complain(fault: Exception | str, code: int) -> int:
    complain(str(fault))
    return code


def _do(settings: Settings, options: argparse.Namespace) -> None:
    """Run a command; what the broker or the database refuses becomes one line."""
    module, _, function = options.run.partition(":")
    try:
        getattr(import_module(f"streams.{module}"), function)(settings, options)
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.IdleInTransactionSessionTimeout,
    ) as fault:
        why = " ".join(str(fault).split())
        raise Failed(f"Postgres at {postgres_address(settings)}: {why}") from None
    except DatabaseMismatch as fault:
        raise Failed(f"Postgres at {postgres_address(settings)}: {fault}") from None
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


def parser() -> argparse.ArgumentParser:
    """Every command; each names the module and function under `streams` that does it."""
    top = argparse.ArgumentParser(prog="laurel", description="Laurel's command line.")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _running(commands)
    _events(commands)
    _letters(commands, "quarantine", "q")
    _letters(commands, "dead-letters", "d")
    _repairs(commands)
    _tokens(commands)
    _answers(commands)
    return top


def _command(commands: Any, name: str, run: str, help: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    made.set_defaults(run=run)
    return made


def _group(commands: Any, name: str, help: str) -> Any:
    made = commands.add_parser(name, help=help, description=help)
    return made.add_subparsers(metavar="COMMAND", required=True)


def _running(commands: Any) -> None:
    made = _command(commands, "worker", "worker:run", "Run a worker until Ctrl-C.")
    made.add_argument("kind", choices=("intake", "engine", "slack"))
    _command(commands, "serve", "serve:run", "Take events over HTTP until Ctrl-C.")
    _command(commands, "topics", "setup:topics", "Make and check topics, begin.")
    _command(commands, "migrate", "migrating:migrate", "Bring the database up to this version.")
    _command(commands, "settings", "setup:show", "Show every setting and its variable.")


def _events(commands: Any) -> None:
    made = _command(commands, "publish", "publishing:run", "Send events to intake.")
    made.add_argument("file", metavar="FILE.jsonl|-", help="CloudEvents JSON, one a line; -: stdin")
    made = _command(commands, "play", "play:run", "Play a file, driving the clock.")
    made.add_argument("file", nargs="?", metavar="FILE.jsonl", help="what to deliver when")
    made.add_argument("--step", type=duration, default="1h", help="15m, 1h, 1d … (default: 1h)")
    made.add_argument("--resume", action="store_true", help="go on with a play that broke off")
    made.add_argument("--end", action="store_true", help="let a clock go that was left standing")


def _letters(commands: Any, name: str, kind: str) -> None:
    waiting = kind == "q"
    help = "What waits until it is known whose it is." if waiting else "What could not be read."
    under = _group(commands, name, help)
    row = "q12" if waiting else "d3"

    def command(name: str, run: str, help: str, rows: str | int) -> argparse.ArgumentParser:
        made = _command(under, name, f"letter_commands:{run}", help)
        made.set_defaults(kind=kind)
        if rows:
            made.add_argument("names", nargs=rows, metavar="ROW", help=f"such as {row}")
        return made

    made = command("list", "listing", "List the oldest rows.", 0)
    made.add_argument("--reason", help="only rows with this reason")
    under_way = "releasing" if waiting else "replaying"
    statuses = ("waiting", under_way, "discarded", "all")
    made.add_argument("--status", choices=statuses, default="waiting", help="default: waiting")
    made.add_argument("--older-than", type=duration, help="90s, 15m, 1h, 7d …")
    made.add_argument("--limit", type=whole(1), default=100, help="rows at most (default: 100)")
    command("show", "show", "Show a row with its bytes.", 1)
    again = "release" if waiting else "replay"
    command(again, "replay", "Have rows read again, all or none.", "+")
    if waiting:
        made = command("assign", "assign", "Say whose an event is, and whom it speaks of.", 1)
        made.add_argument("--customer", help="the customer's id; left out: resolved")
        made.add_argument("--person", help="her id or e-mail; left out: resolved")
    made = command("discard", "discard", "Pass over rows for good; they stay visible.", "+")
    made.add_argument("--reason", type=reason, required=True, help="why")


def _repairs(commands: Any) -> None:
    top = _command(commands, "positions", "repairs:show", "How far each app has come.")
    under = top.add_subparsers(metavar="COMMAND")
    _command(under, "show", "repairs:show", "Show positions and lag (the default).")
    made = _command(under, "set", "repairs:set_position", "Go on elsewhere.")
    made.add_argument("app", choices=("intake", "slack"), help="the engine's are set by a rebuild")
    made.add_argument("topic", metavar="TOPIC", help="with or without the prefix")
    made.add_argument("partition", metavar="PARTITION|all")
    made.add_argument("offset", metavar="OFFSET|start|end")
    made = _command(commands, "park", "repairs:park", "Pass over one record.")
    made.add_argument("partition", type=whole(0), metavar="PARTITION", help="of the timeline")
    made.add_argument("offset", type=whole(0), metavar="OFFSET")
    made.add_argument(
        "--reason", type=reason, required=True, help="why; shown among the dead letters"
    )
    help = "Make states, read models and alerts anew, while the workers go on."
    made = _command(commands, "rebuild", "rebuild:run", help)
    help = "records at a time (default: 10000)"
    made.add_argument("--batch", type=whole(1), default=10_000, help=help)


def _tokens(commands: Any) -> None:
    under = _group(commands, "tokens", "Who may speak at the door.")
    made = _command(under, "make", "token_commands:make", "Make a token and show it, once.")
    made.add_argument("name", metavar="NAME", help="of a-z, 0-9 and -")
    help = "a source it may write, or a prefix before a `*`; may be repeated (default: every one)"
    made.add_argument("--source", action="append", metavar="SOURCE", help=help)
    _command(under, "list", "token_commands:listing", "List tokens, without their secrets.")
    made = _command(under, "revoke", "token_commands:revoke", "Take a token back.")
    made.add_argument("name", metavar="NAME")


def _answers(commands: Any) -> None:
    made = _command(commands, "explain", "explain:run", "Say why an alert was raised.")
    made.add_argument("alert", metavar="ALERT_ID", help="a UUID, as `alert_log` has it")
    made.add_argument("--names", action="store_true", help="also names of people and accounts")
    made = _command(commands, "export", "export:run", "Write a read model as JSON lines.")
    made.add_argument("kind", choices=tuple(EXPORTS))
    made = _command(commands, "describe", "describing:run", "Write what programs go by.")
    help = "what the door promises, or what travels on the topics"
    made.add_argument("document", choices=("openapi", "asyncapi"), help=help)


if __name__ == "__main__":
    sys.exit(main())
