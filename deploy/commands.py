"""What can `./dev` be asked to do?"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from deploy import environment, jars, running
from deploy.children import PartsError
from deploy.environment import ROOT, program
from deploy.tools import JAVA, MAVEN, POSTGRES, install, say

CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
    ("lint-imports",),
)

BENCHES = {
    "engine": "how fast is the engine, beside its peers? (if none is named; about ten minutes)",
    "intake": "what does it cost to bring an event to the timeline? (two minutes)",
    "latency": "how long until an event's row, alert and card are there? (two minutes)",
    "scale": "what do more engine workers bring? (four minutes)",
    "account": "does an event of a large account cost more than one of a small account?",
    "crowd": "do a million learners cost more than few? (fifteen minutes)",
    "replay": "how much faster is a rebuild than the worker it repeats? (five minutes)",
    "ids": "what does it cost to know an event again?",
}

PROGRAMS = {"storm": "tests.storm", "plant": "tests.plants"}
"""Commands that are programs, which take their own arguments and say what these mean."""

SIDE_BY_SIDE = ("-n", "3", "--dist", "worksteal")
"""The whole suite waits more than it works, so three of it share two cores."""


def main(words: Sequence[str] | None = None) -> int:
    """Do what was asked; the result is the exit status."""
    parser = argparse.ArgumentParser(prog="./dev", description="Sets up, runs and tests Laurel.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="start everything, play the sample, stay up until Ctrl-C")
    run.add_argument("--exit", action="store_true", help="end after the sample, with a summary")
    run.add_argument(
        "--keep", action="store_true", help="go on with the data of the last run, without a sample"
    )
    run.add_argument("--seed", type=int, default=1, help="which sample is made (default: 1)")
    commands.add_parser(
        "test", help="check the code and run the tests; with arguments, give them to pytest alone"
    )
    bench = commands.add_parser("bench", help="measure what events cost, in ratios of one run")
    what = "; ".join(map(": ".join, BENCHES.items()))
    bench.add_argument("what", nargs="?", default="engine", choices=BENCHES, help=what)
    commands.add_parser(
        "storm", help="let everything fail while a sample is played; nothing is lost or doubled"
    )
    commands.add_parser(
        "plant", help="plant faults in copies of the code, one by one; a test catches each"
    )
    words = sys.argv[1:] if words is None else words
    # Pytest's arguments are its own business, but for a plea for help; so are a measurement's.
    named = 2 if words[1:] and words[1] in BENCHES else 1
    ours = {"bench": named, "test": 1, "storm": 1, "plant": 1}.get("".join(words[:1]), len(words))
    ours = len(words) if words[1:] == ["--help"] and words[0] not in PROGRAMS else ours
    options, others = parser.parse_args(words[:ours]), words[ours:]
    if options.command == "run" and options.exit and options.keep:
        parser.error("run: --exit checks a sample, and --keep plays none")
    try:
        set_up(own=options.command in ("bench", "storm"))
        if options.command == "test":
            return test(others)
        if options.command in PROGRAMS:
            return _status("python", "-m", PROGRAMS[options.command], *others)
        if options.command == "bench":
            if options.what == "engine":
                environment.set_up(environment.PEERS)
            return _status("python", "-m", f"tests.bench.{options.what}", *others)
        return running.run(options.seed, leave=options.exit, keep=options.keep)
    except PartsError as error:
        sys.stderr.write(f"./dev: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def set_up(*, own: bool = False) -> None:
    """Bring what lacks on this machine, in little time when nothing does.

    `own`: it needs parts of its own, whatever is given.
    """
    needed = [] if "KAFKA_BOOTSTRAP" in os.environ and not own else [JAVA, MAVEN]
    needed += [] if "DATABASE_URL" in os.environ and not own else [POSTGRES]
    if lacking := [tool for tool in [environment.VENV, *needed] if tool.find() is None]:
        install(lacking)
    with ThreadPoolExecutor() as both:
        done = [both.submit(environment.set_up)]
        if MAVEN in needed:
            done.append(both.submit(jars.fetch, jars.LIBS, say))
        for one in done:
            one.result()


def test(arguments: Sequence[str]) -> int:
    """Run the checks and all tests, or pytest alone with these arguments."""
    failed = [] if arguments else [" ".join(check) for check in CHECKS if _fails(check)]
    if failed:
        say(f"failed before the tests: {', '.join(failed)}")
    return _status("pytest", *(arguments or SIDE_BY_SIDE)) or int(bool(failed))


def _fails(check: Sequence[str]) -> bool:
    say(f"$ {' '.join(check)}")
    return _status(*check) != 0


def _status(name: str, *arguments: str) -> int:
    return subprocess.run([program(name), *arguments], cwd=ROOT, check=False).returncode
