"""Where are `prometheus` and `promtool` on this machine, and who fetches them where they lack?

Debian's package is unpacked in the checkout, not installed: that would start a server.
"""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.children import Lock, PartsError
from deploy.tools import apt_get, say

HOME = Path(__file__).resolve().parents[1] / ".parts" / "prometheus"

PROGRAMS = ("prometheus", "promtool")


def locate(home: Path = HOME) -> Path:
    """The folder that has both: on the PATH, else in the checkout, fetched when they lack."""
    found = shutil.which("promtool")
    if found and shutil.which("prometheus", path=str(Path(found).parent)):
        return Path(found).parent
    folder = home / "usr" / "bin"
    lock = Lock(home / "lock")
    lock.take(wait=True)
    try:
        if not all((folder / name).exists() for name in PROGRAMS):
            _fetch(home)
    finally:
        lock.release()
    return folder


def _fetch(home: Path) -> None:
    """Download Debian's package and unpack it here."""
    lacking = "Prometheus not found; put `prometheus` and `promtool`, 2.42 or later, on the PATH"
    if shutil.which("apt-get") is None:
        raise PartsError(lacking)
    say("fetching Prometheus for the tests")
    if _download(home) and os.geteuid() == 0:
        # A machine may know its packages not yet.
        apt_get("update")
        _download(home)
    packages = list(home.glob("prometheus_*.deb"))
    if len(packages) != 1:
        raise PartsError(f"{lacking} (`apt-get download prometheus` brought nothing)")
    with TemporaryDirectory(dir=home) as unpacked:
        subprocess.run(["dpkg-deb", "-x", packages[0], unpacked], check=True)
        Path(unpacked, "usr").replace(home / "usr")
    packages[0].unlink()


def _download(home: Path) -> int:
    command = ["apt-get", "-q", "download", "prometheus"]
    return subprocess.run(command, cwd=home, stdin=subprocess.DEVNULL, check=False).returncode
