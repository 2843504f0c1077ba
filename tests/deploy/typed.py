"""What does a page tell people to type, and what does a shell make of it?"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.tools import POSTGRES, locate


def blocks(page: str, language: str = "sh") -> list[str]:
    """The blocks of a page that are written in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def commands(page: str) -> Iterator[list[str]]:
    """The commands of each block, in the order of the page."""
    for block in blocks(page):
        found, begun = [], ""
        for line in block.splitlines():
            begun += f"{line}\n"
            try:
                shlex.split(begun, comments=True)
            except ValueError:
                continue  # it goes on in the next line
            found.append(begun.strip())
            begun = ""
        assert not begun, begun
        yield found


def mentioned(page: str, *programs: str) -> list[str]:
    """The commands of these programs that stand in the text of a page."""
    text = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return re.findall(rf"`((?:{'|'.join(programs)}) [^`]+)`", text)


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Where `laurel` and the programs of Postgres are found by their names."""
    folders = (Path(sys.executable).parent, locate(POSTGRES), os.environ["PATH"])
    return {**env, "PATH": os.pathsep.join(map(str, folders))}


def run(line: str, env: Mapping[str, str], folder: Path) -> str:
    """What a shell prints that is given this line; it must succeed."""
    command = ["bash", "-euc", line]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout
