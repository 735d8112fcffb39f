"""The guard around every route: whatever goes wrong is answered with 503, and logged by its type alone.

Messages of exceptions may quote what a request held, or what a statement was given; the server would print them.
"""

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.web.refusal import as_json, unavailable

log = structlog.get_logger()


class Guard:
    """ASGI middleware; lets nothing but answers through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as problem:
            log.error("request_failed", problem=type(problem).__name__, answered=started)
            if not started:
                await as_json(unavailable())(scope, receive, send)
