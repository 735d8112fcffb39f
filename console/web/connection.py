"""One connection: how long and how large the head of a request may be, and how long a body nobody waits for.

uvicorn leaves both to a proxy. Without them a handful of slow clients would hold every connection there is.
"""

from asyncio import AbstractEventLoop, TimerHandle, Transport
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

HEAD_SECONDS = 10.0
"""For the whole of a head, however it trickles in, and for whoever connects and says nothing."""
HEAD_BYTES = 32 * 1024
"""Of a head that is not at its end yet."""

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Connection(HttpToolsProtocol):
    """uvicorn's, with limits. A body is the application's to limit, until it has answered."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
        *,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_seconds = head_seconds
        self._due: TimerHandle | None = None
        self._in_head = True
        self._in_body = False
        self._head_bytes = self._piece = self._unanswered = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_due()

    def connection_lost(self, exc: Exception | None) -> None:
        self._not_due()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._piece = len(data)
        self._head_bytes += self._piece
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(TOO_LARGE)
            self.transport.close()
        if self._due is None and self.timeout_keep_alive_task is None and not self._unanswered:
            # Whatever comes ends uvicorn's time for an idle connection, and a line break begins no request.
            self._set_due()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._piece
        self._set_due()

    def on_headers_complete(self) -> None:
        self._not_due()
        self._in_head = False
        self._in_body = True
        self._unanswered += 1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._unanswered -= 1
        super().on_response_complete()
        if self._in_body:
            # What still comes is read by nobody, and each byte of it would put off the end of the idle connection.
            self._set_due()

    def _set_due(self) -> None:
        self._not_due()
        self._due = self.loop.call_later(self._head_seconds, self.timeout_keep_alive_handler)

    def _not_due(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
