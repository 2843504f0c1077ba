"""Which moments are worth striking? Those in which something is open, and nobody knows how it ends.

- `transaction`: a worker holds locks or has written, and has not committed
- `commit`: it asks for the commit of what it wrote
- `append`: it asks the broker to append, `appended`: the broker's answer is on its way
- `sending`: it asks Slack to show a card, `sent`: Slack's answer is on its way
"""

import struct
from collections.abc import Iterator

WRITING = (b"FOR UPDATE", b"INSERT INTO ", b"UPDATE ", b"DELETE FROM ")
PRODUCE = 0
SENDING = (b"POST /api/chat.postMessage", b"POST /api/chat.update")


class PostgresEar:
    """Hears where the transactions of a connection stand; it must be one without encryption."""

    def __init__(self) -> None:
        self._client = b""
        self._server = b""
        self._begun = False
        self._prepared: dict[bytes, bool] = {}
        self._writes = False

    def hear(self, by_client: bool, said: bytes) -> Iterator[str]:
        if by_client:
            self._client += said
            yield from self._asked()
        else:
            self._server += said
            yield from self._answered()

    def _asked(self) -> Iterator[str]:
        if not self._begun:
            # The first message has no type.
            size = struct.unpack(">i", self._client[:4])[0] if len(self._client) >= 4 else 4
            if len(self._client) < max(size, 4):
                return
            self._client, self._begun = self._client[size:], True
        messages, self._client = _typed(self._client)
        for kind, body in messages:
            if kind == b"Q":
                if body == b"COMMIT\0" and self._writes:
                    yield "commit"
                self._writes |= _is_writing(body)
            elif kind == b"P":
                name, text = body.split(b"\0")[:2]
                self._prepared[name] = _is_writing(text)
            elif kind == b"B":
                self._writes |= self._prepared.get(body.split(b"\0")[1], False)

    def _answered(self) -> Iterator[str]:
        messages, self._server = _typed(self._server)
        for kind, body in messages:
            if kind == b"Z":
                self._writes &= body != b"I"
                if self._writes:
                    yield "transaction"


def _typed(stream: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The whole messages of a stream, each a type and a body, and what is left."""
    found, at = [], 0
    while len(stream) - at >= 5:
        end = at + 1 + struct.unpack_from(">i", stream, at + 1)[0]
        if end > len(stream):
            break
        found.append((stream[at : at + 1], stream[at + 5 : end]))
        at = end
    return found, stream[at:]


def _is_writing(text: bytes) -> bool:
    return any(word in text for word in WRITING)


class KafkaEar:
    """Hears what is appended, and when the broker has answered."""

    def __init__(self) -> None:
        self._client = b""
        self._server = b""
        self._asked: set[int] = set()

    def hear(self, by_client: bool, said: bytes) -> Iterator[str]:
        if by_client:
            requests, self._client = _framed(self._client + said)
            for request in requests:
                key, _, number = struct.unpack_from(">hhi", request)
                if key == PRODUCE:
                    self._asked.add(number)
                    yield "append"
        else:
            answers, self._server = _framed(self._server + said)
            for answer in answers:
                number = struct.unpack_from(">i", answer)[0]
                if number in self._asked:
                    self._asked.remove(number)
                    yield "appended"


def _framed(stream: bytes) -> tuple[list[bytes], bytes]:
    """The whole frames of a stream, and what is left."""
    found, at = [], 0
    while len(stream) - at >= 4:
        end = at + 4 + struct.unpack_from(">i", stream, at)[0]
        if end > len(stream):
            break
        found.append(stream[at + 4 : end])
        at = end
    return found, stream[at:]


class SlackEar:
    """Hears when a card is on its way to Slack, and Slack's answer to us."""

    def __init__(self) -> None:
        self._sending = False

    def hear(self, by_client: bool, said: bytes) -> Iterator[str]:
        if by_client and said.startswith(SENDING):
            self._sending = True
            yield "sending"
        elif not by_client and self._sending:
            self._sending = False
            yield "sent"
