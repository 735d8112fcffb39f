"""A port that can be closed and opened again: while closed it refuses connections, and nobody else can take it."""

import asyncio
import socket

from aiohttp import web

HOST = "127.0.0.1"
_BACKLOG = 1_024


class Port:
    """Opens and closes a port for a runner. The port is held from the start until `release`."""

    def __init__(self, runner: web.AppRunner, port: int) -> None:
        """Raises OSError if the port is taken."""
        self._runner = runner
        self._site: web.SockSite | None = None
        # Bound and never listening: it holds the number while no other socket does.
        self._reservation = _bound(_free(port))
        self.number: int = self._reservation.getsockname()[1]

    async def open(self) -> None:
        """Accept connections; does nothing if it does already."""
        if self._site is None:
            self._site = web.SockSite(self._runner, _bound(self.number), backlog=_BACKLOG)
            await self._site.start()

    async def close(self, sparing: asyncio.BaseTransport | None = None) -> None:
        """Refuse connections from now on, and end those that are open; the one to be spared ends after its answer."""
        if self._site is None:
            return
        await self._site.stop()
        self._site = None
        for connection in self._connections():
            if connection.transport is sparing:
                connection.close()
            else:
                connection.force_close()

    async def release(self) -> None:
        """Let go of the port."""
        await self.close()
        self._reservation.close()

    def _connections(self) -> list[web.RequestHandler]:
        """Those that came in by this port."""
        server = self._runner.server
        return [
            connection
            for connection in (server.connections if server is not None else [])
            if connection.transport is not None and connection.transport.get_extra_info("sockname")[1] == self.number
        ]


def _free(port: int) -> int:
    """The port, or a free one for 0. A plain bind fails if anybody has it, which a shared one would not."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        number: int = probe.getsockname()[1]
        return number


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((HOST, port))
    bound.setblocking(False)
    return bound
