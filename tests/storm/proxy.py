"""What stands between a worker and what it talks to? A proxy that passes on, or does worse.

Each connection has an ear, which hears the moments that matter; at a moment the storm may strike.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

LONGEST_READ = 65_536
AT_ONCE_CLOSED = struct.pack("ii", 1, 0)


Harm = Literal["before", "reset", "after", "torn", "deaf", "late"]


@dataclass(frozen=True, slots=True)
class Blow:
    """What becomes of a connection in which something has just been said.

    - `before`: it is hung up, and what was said is never passed on
    - `reset`: the same, without a farewell
    - `after`: what was said is passed on, the answer is not
    - `torn`: only the first `size` bytes are passed on
    - `deaf`: it stands, and nothing is passed on any more
    - `late`: it is passed on after so many `seconds`
    """

    do: Harm
    size: int = 0
    seconds: float = 0.0


class Ear(Protocol):
    """Knows a protocol well enough to tell which moments what was said brings."""

    def hear(self, by_client: bool, said: bytes) -> Iterable[str]: ...


Strike = Callable[[str], Blow | None]
"""Asked at each moment, by its name, what shall happen; None: nothing."""


def calm(_: str) -> None:
    """Nothing happens."""


class Proxy:
    """Listens on a port of its own, and passes on to `target`, a port that may change."""

    def __init__(self, ear: Callable[[], Ear], target: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.target = target
        self.strike: Strike = calm
        self._ear = ear

    async def listen(self) -> None:
        """Take connections from now on."""
        await asyncio.start_server(self._take, sock=self._listener)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            ends = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _hang_up(writer, farewell=False)
            return
        line = _Line(self._ear(), (reader, writer), ends)
        both = [asyncio.create_task(self._pass_on(line, by_client)) for by_client in (True, False)]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        for _, end in (line.client, line.server):
            _hang_up(end, line.farewell)

    async def _pass_on(self, line: "_Line", by_client: bool) -> None:
        (reader, _), (_, writer) = line.ends(by_client)
        with suppress(OSError):
            while said := await reader.read(LONGEST_READ):
                if line.mute and not by_client:
                    return
                blow = self._blow(line, by_client, said)
                if blow is None:
                    writer.write(said)
                elif not await _suffer(blow, line, said, writer):
                    return
                await writer.drain()

    def _blow(self, line: "_Line", by_client: bool, said: bytes) -> Blow | None:
        """What the storm wants, at one of the moments that this brings."""
        blow = None
        for moment in line.ear.hear(by_client, said):
            blow = blow or self.strike(moment)
        return blow


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class _Line:
    """One connection, which is two; `mute`: no answer is passed on any more."""

    ear: Ear
    client: Ends
    server: Ends
    mute: bool = False
    farewell: bool = True

    def ends(self, by_client: bool) -> tuple[Ends, Ends]:
        """Who speaks, and who is spoken to."""
        return (self.client, self.server) if by_client else (self.server, self.client)


async def _suffer(blow: Blow, line: _Line, said: bytes, writer: asyncio.StreamWriter) -> bool:
    """Whether the connection goes on afterwards."""
    match blow.do:
        case "late":
            await asyncio.sleep(blow.seconds)
            writer.write(said)
        case "after":
            line.mute = True
            if writer is line.server[1]:
                writer.write(said)
            else:
                return False
        case "torn":
            writer.write(said[: blow.size])
            await writer.drain()
            return False
        case "deaf":
            await asyncio.Event().wait()
        case "before" | "reset":
            line.farewell = blow.do == "before"
            return False
    return True


def _hang_up(writer: asyncio.StreamWriter, farewell: bool) -> None:
    if not farewell:
        line: socket.socket = writer.get_extra_info("socket")
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE_CLOSED)
    writer.close()


class Hub:
    """A thread in which proxies run beside the storm."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def open(self, proxies: Iterable[Proxy]) -> None:
        """Let them listen."""
        for proxy in proxies:
            asyncio.run_coroutine_threadsafe(proxy.listen(), self._loop).result(10)

    def close(self) -> None:
        """End the thread, and every connection with it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
