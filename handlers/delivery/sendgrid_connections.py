"""Connections to SendGrid: one request and its response, and the fact of whether any of the request went out."""

import asyncio
from collections.abc import Mapping, Sized
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_writer import StreamWriter
from aiohttp.payload import Payload
from yarl import URL

from handlers.delivery.provider import NotAccepted, Unconfirmed
from handlers.delivery.sendgrid_failures import failure
from handlers.delivery.sendgrid_reasons import STRAY_ANSWER

# Servers and load balancers close idle connections after 30 s to 60 s and more. A request that crosses such a close
# on the wire can only be called unconfirmed, so idle connections are given up well before anybody else would.
KEEP_ALIVE = 15.0
# A response explains itself in a few hundred bytes; one that goes on and on is cut off here.
MAX_BODY = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait, in seconds: for a connection (name look-up and TLS included), for bytes, for all of it."""

    connect: float = 5.0
    sock_read: float = 20.0
    total: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back. `body` is what of it was wanted and arrived: it may be cut off."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Keeps connections alive and sends requests over them, at most `connections` at a time."""

    def __init__(self, *, headers: Mapping[str, str], timeouts: Timeouts, connections: int) -> None:
        self._headers = headers
        self._timeout = aiohttp.ClientTimeout(
            connect=timeouts.connect, sock_read=timeouts.sock_read, total=timeouts.total
        )
        self._connections = connections
        self._pool: _Pool | None = None

    async def post(self, url: URL, content: bytes, *, bodies: range) -> Response | NotAccepted | Unconfirmed:
        """Send once; the response, or what its absence means. The body is waited for if the status is in `bodies`.

        Nothing is sent again and no redirect followed: aiohttp retries idempotent methods only, which POST is not.
        """
        pool = self._open()
        request = _Request(content)
        # aiohttp would count the wait for a free connection as time to connect, and it would look like an outage.
        async with pool.turns:
            try:
                response = await pool.session.post(url, data=request, allow_redirects=False)
            except Exception as error:  # whatever a hostile server provokes, the fact of `begun` decides
                return failure(error, begun=request.begun)
            return await _received(response, request, bodies)

    async def close(self) -> None:
        """Close all connections. The next request opens new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.session.close()

    def _open(self) -> "_Pool":
        # Both belong to the event loop that runs now, so neither can be there before the first request.
        if self._pool is None:
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP_ALIVE),
                headers=self._headers,
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
            self._pool = _Pool(session=session, turns=asyncio.Semaphore(self._connections))
        return self._pool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    session: aiohttp.ClientSession
    turns: asyncio.Semaphore


class _Request(Payload):
    """A request's body that knows whether it has begun to go out.

    aiohttp holds the headers back until the body's first bytes, so before `begun` nothing is on the wire.
    """

    _autoclose = True

    def __init__(self, content: bytes) -> None:
        super().__init__(content, content_type="application/json")
        self._content = content
        self._size = len(content)
        self.begun = False

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._content.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        self.begun = _can_write(writer)
        if not self.begun:
            raise aiohttp.ClientConnectionResetError("the connection was over before the request began")
        await writer.write(self._content)


def _can_write(writer: AbstractStreamWriter) -> bool:
    if not isinstance(writer, StreamWriter):
        return True
    # A response that is here before its request belongs to no request of ours; the next read would take it for ours.
    if isinstance(writer.protocol, Sized) and len(writer.protocol) > 0:
        return False
    transport = writer.transport
    return transport is not None and not transport.is_closing()


async def _received(
    response: aiohttp.ClientResponse, request: _Request, bodies: range
) -> Response | NotAccepted | Unconfirmed:
    if not request.begun:
        response.close()
        return NotAccepted(STRAY_ANSWER)
    try:
        body = await _body(response) if response.status in bodies else b""
    finally:
        response.release()
    return Response(status=response.status, headers=response.headers, body=body)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    # The status has decided already: a body that breaks off explains less and changes nothing.
    try:
        while chunk := await response.content.read(MAX_BODY - len(body)):
            body += chunk
    except Exception:  # noqa: S110
        pass
    return bytes(body)
