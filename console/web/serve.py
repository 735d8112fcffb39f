"""Serving an application: uvicorn, in this process, until it is told to end."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from console.web.connection import HEAD_SECONDS, Connection

LIMIT_CONCURRENCY = 256
"""Connections and requests at once; what comes on top is answered with 503."""
KEEP_ALIVE = 10
"""Seconds an idle connection is kept."""
GRACE = 20
"""Seconds requests under way are given to end: more than a statement may take."""

_ENDING = (signal.SIGTERM, signal.SIGINT)


class CannotListen(Exception):
    """The address cannot be listened on."""


def serve(app: ASGIApp, host: str, port: int, *, announce: Callable[[int], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then let the requests under way end, and return.

    Port 0 lets the system choose; `announce` is told the port once requests are answered. Raises CannotListen.
    """
    with listening(host, port) as listener:
        server = Server(app, announce)
        with _ended_by_signals(server):
            server.run(sockets=[listener])


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens there. Raises CannotListen with the reason."""
    if not 0 <= port <= 65_535:
        raise CannotListen(f"cannot listen on {host} port {port}: expected a port from 0 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as problem:
        raise CannotListen(f"cannot listen on {host} port {port}: {problem}; free it, or choose another") from problem
    with listener:
        yield listener


class Server(uvicorn.Server):
    """uvicorn with our limits, which says when it is ready. Set `should_exit` to end it from another thread.

    `head_seconds` is how long the head of a request may take.
    """

    def __init__(
        self, app: ASGIApp, announce: Callable[[int], None] | None = None, *, head_seconds: float = HEAD_SECONDS
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(Connection, head_seconds=head_seconds),  # type: ignore[arg-type]  # called, never asked
                # The lines go where the process's other lines go; those of every start and end say nothing.
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                # Nothing here depends on who asks, so nobody needs to be believed about it.
                proxy_headers=False,
                ws="none",
                limit_concurrency=LIMIT_CONCURRENCY,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._announce is not None and self.started and sockets:
            self._announce(sockets[0].getsockname()[1])


@contextmanager
def _ended_by_signals(server: Server) -> Iterator[None]:
    """uvicorn raises the signal that ended it once more; here it has done its work, and the caller goes on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, server.handle_exit) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
