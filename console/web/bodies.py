"""Reading a request's body: so many bytes and so many seconds, and not one more of either."""

import anyio
from starlette.requests import ClientDisconnect, Request

from console.web.refusal import Refusal


async def read_body(request: Request, *, limit: int, seconds: float) -> bytes:
    """The whole body. Raises Refusal: 413 as soon as it is known to exceed `limit` bytes, 408 after `seconds`."""
    if _announced(request) > limit:
        raise _too_large(limit)
    try:
        with anyio.fail_after(seconds):
            return await _collected(request, limit)
    except TimeoutError as problem:
        raise Refusal(408, "the body did not arrive in time", closes=True) from problem
    except ClientDisconnect as problem:
        raise Refusal(400, "the body ended too early", closes=True) from problem


async def _collected(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) <= 20 else 0


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"the body is too large; expected at most {limit} bytes", closes=True)
