"""What if the connection to Postgres breaks at a commit? A wire that can be cut there, or hang."""

import itertools
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

# The simple query that ends a transaction, as it goes over the wire: type, length, text.
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


class Wire:
    """Listens on a port of its own and passes on to a database what it is told.

    `cut` says of the n-th commit (or what else is marked so) whether it is lost on its way
    (`before`), done but never confirmed (`after`), passed on, or nothing is taken from it on
    (`deaf`), while the connection stands.
    """

    def __init__(self, url: str, cut: Callable[[int], str | None], mark: bytes = COMMIT) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 5432)
        self._cut = cut
        self._mark = mark
        self._done = threading.Event()
        self._commits = itertools.count(1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.cuts: list[str] = []
        login = parts.netloc.rpartition("@")[0]
        port = self._listener.getsockname()[1]
        self.url = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}"))

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server:
            for said, by_client in _both(client, server):
                how = self._cut(next(self._commits)) if by_client and self._mark in said else None
                if how == "deaf":
                    self._done.wait()
                elif how != "before":
                    (server if by_client else client).sendall(said)
                if how == "after":
                    server.recv(65_536)
                if how:
                    self.cuts.append(how)
                    return


def _both(client: socket.socket, server: socket.socket) -> Iterator[tuple[bytes, bool]]:
    """What either end says, and whether it is the client, until one hangs up."""
    with selectors.DefaultSelector() as selector:
        for end in (client, server):
            selector.register(end, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                try:
                    said = key.fileobj.recv(65_536)
                except ConnectionError:
                    return
                if not said:
                    return
                yield said, key.fileobj is client
