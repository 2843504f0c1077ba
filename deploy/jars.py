"""Which jars make a Kafka broker, and are these the very ones we know?

Maven fetches them once; `kafka/checksums` says what each must be, and is believed over Maven.
"""

import hashlib
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

from deploy.children import Lock, PartsError
from deploy.tools import JAVA, MAVEN, follow, locate

RECIPE = Path(__file__).resolve().parent / "kafka"
LIBS = Path(__file__).resolve().parents[1] / ".parts" / "kafka" / "libs"


def known() -> dict[str, str]:
    """The sha256 of each jar, by its name."""
    lines = (RECIPE / "checksums").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def fetch(libs: Path, tell: Callable[[str], None]) -> None:
    """Fetch by Maven what this folder lacks, then refuse any jar that is not the one we know."""
    lock = Lock(libs.parent / "lock")
    lock.take(wait=True)
    try:
        if any(not (libs / name).exists() for name in known()):
            _run_maven(libs, tell)
        for name, digest in known().items():
            _check(libs / name, digest)
    finally:
        lock.release()


def java(libs: Path, *options: str) -> list[str]:
    """The start of a command that runs a class of Kafka's."""
    # The order is fixed because a class archive is only good for the class path it was made with.
    classes = ":".join(str(libs / name) for name in known())
    logging = f"-Dlog4j2.configurationFile={RECIPE / 'log4j2.properties'}"
    return [str(locate(JAVA)), "-XX:+UseSerialGC", *options, logging, "-cp", classes]


@cache
def class_archive(libs: Path) -> Path:
    """Where the class archive for this Java, these jars and this folder belongs."""
    version = subprocess.run([locate(JAVA), "-version"], capture_output=True, check=True).stderr
    made_of = version + str(libs).encode() + (RECIPE / "checksums").read_bytes()
    return libs.parent / f"classes-{hashlib.sha256(made_of).hexdigest()[:16]}.jsa"


def _check(jar: Path, digest: str) -> None:
    if not jar.exists():
        raise PartsError(f"Maven did not bring {jar.name}; does {RECIPE / 'pom.xml'} name it?")
    with jar.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise PartsError(
            f"{jar} is not the jar we know: its sha256 is {found}, not {digest}; "
            "find out why, then delete it and start again to fetch it anew"
        )


def _run_maven(libs: Path, tell: Callable[[str], None]) -> None:
    command: list[str | Path] = [
        *(locate(MAVEN), "-B", "-f", RECIPE / "pom.xml", "dependency:copy-dependencies"),
        *("-DincludeScope=runtime", f"-DoutputDirectory={libs}"),
    ]
    wanted = set(known())

    def arrived(line: str) -> bool:
        words = line.partition(" (")[0]
        return "Downloaded" in words and words.rpartition("/")[2].strip() in wanted

    tell(f"fetching Kafka by Maven: {len(wanted)} jars, 44 MB")
    follow(command, arrived, len(wanted), "jars")
