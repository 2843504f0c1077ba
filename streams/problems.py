"""How does the door say no? As `application/problem+json` (RFC 9457), with JSON pointers."""

import math
from collections.abc import Awaitable, Callable, Sequence

import orjson
from aiohttp import web

from schemas.door import MOST_FAULTS, PROBLEM, PROBLEMS
from schemas.envelope import Fault

LONGEST = 500
"""Characters of a fault at most."""


class Refusal(Exception):
    """A request that is not done; `retry_after`: seconds after which it may be."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        faults: Sequence[Fault] = (),
        retry_after: float | None = None,
        title: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.faults = faults
        self.retry_after = retry_after


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn refusals, also aiohttp's own, into problem documents."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return _document(refusal)
    except web.HTTPException as fault:
        if fault.status < 400:
            raise
        response = _document(Refusal(fault.status, fault.text or "", title=fault.reason))
        if "Allow" in fault.headers:
            response.headers["Allow"] = fault.headers["Allow"]
        return response


def _document(refusal: Refusal) -> web.Response:
    kind = PROBLEMS.get(refusal.status)
    body: dict[str, object] = {
        "type": f"urn:laurel:problem:{kind.name}" if kind else "about:blank",
        "title": kind.title if kind else refusal.title,
        "status": refusal.status,
        "detail": " ".join(filter(None, [refusal.detail, kind.advice if kind else ""])),
    }
    if refusal.faults:
        body["errors"] = [
            {"pointer": fault.pointer, "detail": fault.what[:LONGEST]}
            for fault in refusal.faults[:MOST_FAULTS]
        ]
        body["errors_in_all"] = len(refusal.faults)
    response = web.Response(status=refusal.status, body=orjson.dumps(body), content_type=PROBLEM)
    if refusal.status == 401:
        # Programs send Bearer; a browser asks for a password where Basic has a header of its own.
        for scheme in ("Bearer", "Basic"):
            response.headers.add("WWW-Authenticate", f'{scheme} realm="Laurel"')
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after)))
    return response
