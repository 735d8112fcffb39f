"""A server on real sockets that does to HTTP clients whatever a test tells it to."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it arrived."""

    head: str
    body: bytes


@dataclass(slots=True, kw_only=True)
class Misbehaving:
    """What the server has seen so far."""

    url: str = ""
    connections: int = 0
    requests: list[Received] = field(default_factory=list)


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Misbehaving) -> None:
        self._reader = reader
        self._writer = writer
        self._server = server

    @property
    def connection(self) -> int:
        """The number of this connection, from 1."""
        return self._server.connections

    async def read_head(self) -> str:
        """The request line and the headers; the body stays unread."""
        return (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")

    async def read_request(self) -> None:
        """Read a whole request and remember it."""
        head = await self.read_head()
        length = next(int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:"))
        self._server.requests.append(Received(head=head, body=await self._reader.readexactly(length)))

    def write(self, data: bytes) -> None:
        """Put these bytes on the wire."""
        self._writer.write(data)

    def answer(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"", *, missing: int = 0
    ) -> None:
        """Answer properly, but for the last `missing` bytes of the body."""
        lines = [f"HTTP/1.1 {status} Some", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body[: len(body) - missing])

    def close(self) -> None:
        """Close in good order, as after an idle time."""
        self._writer.close()

    def reset(self) -> None:
        """Close with a TCP reset."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Return once the client has left."""
        while await self._reader.read(65536):
            pass


Behaviour = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def misbehaving(behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Misbehaving]:
    """A server on 127.0.0.1 that treats every connection by `behaviour`, and closes it when that returns."""
    seen = Misbehaving()
    tasks: set[asyncio.Task[None]] = set()

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            await behaviour(Peer(reader, writer, seen))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(treat(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    seen.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield seen
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def answering(
    status: int, headers: Mapping[str, str] | None = None, body: bytes = b"", *, missing: int = 0
) -> Behaviour:
    """Answer every request like this; with bytes `missing`, close after the first."""

    async def behave(peer: Peer) -> None:
        while True:
            await peer.read_request()
            peer.answer(status, headers, body, missing=missing)
            if missing:
                return

    return behave
