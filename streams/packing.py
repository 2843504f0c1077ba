"""What does a body say that came packed? gzip and deflate are read, and no more than may come."""

import zlib

from schemas.door import PACKINGS

from .problems import Refusal

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """The body as it was before its `Content-Encoding`; raises `Refusal`."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in PACKINGS:
        read = " and ".join(PACKINGS)
        raise Refusal(415, f"The Content-Encoding {encoding!r} is not read; {read} are.")
    stream = zlib.decompressobj(_WINDOWS[name])
    try:
        found = stream.decompress(body, most + 1)
    except zlib.error as fault:
        raise Refusal(400, f"It is not {name}: {fault}.") from None
    if len(found) > most:
        raise Refusal(413, f"Unpacked it has more than {most} bytes.")
    if not stream.eof:
        raise Refusal(400, f"It is {name}, but ends too soon.")
    if stream.unused_data:
        raise Refusal(400, f"Something follows what is {name}.")
    return found
