"""GET and POST /unsubscribe/{token}: a page with one button, and the one click of RFC 8058 that needs no page."""

from typing import Any

import structlog
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from console.web import pages
from console.web.bodies import read_body
from console.web.description import RETRY, page
from console.web.pages import Page
from console.web.ports import Ports
from console.web.refusal import Refusal, unavailable
from handlers.unsubscribe_link import BadLink

log = structlog.get_logger()

PATH = "/unsubscribe/{token}"


def unsubscribe_router(ports: Ports) -> APIRouter:
    """The routes behind an unsubscribe link."""
    router = APIRouter(default_response_class=HTMLResponse)

    @router.head(PATH, summary="Is the link valid?", **_SHOWN)
    @router.get(PATH, summary="The page with the button", **_SHOWN)
    async def show(request: Request) -> Response:
        """Changes nothing: programs that look for harmful links in e-mails follow this one too."""
        return pages.response(Page.QUESTION) if _user_of(ports, request) else pages.response(Page.INVALID, 404)

    @router.post(PATH, summary="Unsubscribe", **_DONE)
    async def unsubscribe(request: Request) -> Response:
        """No more recommendations by e-mail to the user of this link; doing it twice is as good as once.

        The link alone says who and what, so nothing is read from the body: `List-Unsubscribe=One-Click` in whatever
        form a mail client sends it does the same as the page's button, which sends nothing.
        """
        user_id = _user_of(ports, request)
        if user_id is None:
            return pages.response(Page.INVALID, 404)
        try:
            await read_body(request, limit=ports.form_limit, seconds=ports.body_seconds)
            await run_sync(_unsubscribe, ports, user_id)
        except Refusal as refusal:
            log.warning("unsubscribe_refused", status=refusal.status, reason=refusal.reason)
            return pages.response(Page.REFUSED, refusal.status, refusal.headers)
        except Exception as failure:
            log.error("unsubscribe_failed", problem=type(failure).__name__)
            return pages.response(Page.LATER, 503, unavailable().headers)
        log.info("unsubscribe_taken")
        return pages.response(Page.UNSUBSCRIBED)

    @router.api_route(PATH, methods=["PUT", "PATCH", "DELETE", "OPTIONS"], include_in_schema=False)
    async def other() -> Response:
        """Routes of one path do not know of each other, and would name only their own methods."""
        return pages.response(Page.REFUSED, 405, {"Allow": "GET, HEAD, POST"})

    return router


def _user_of(ports: Ports, request: Request) -> str | None:
    try:
        return ports.links.user_of(request.path_params["token"])
    except BadLink:
        return None


def _unsubscribe(ports: Ports, user_id: str) -> None:
    with ports.transaction() as connection:
        ports.unsubscriber(connection, user_id, ports.clock.now())


_TOKEN = {"name": "token", "in": "path", "required": True, "schema": {"type": "string"}}

_SHOWN: dict[str, Any] = {
    "responses": {200: page("The page"), 404: page("The link is not valid")},
    "openapi_extra": {"parameters": [_TOKEN]},
}

_DONE: dict[str, Any] = {
    "responses": {
        200: page("Unsubscribed, now or before"),
        400: page("The body ended too early"),
        404: page("The link is not valid"),
        408: page("The body did not arrive in time"),
        413: page("The body is too large"),
        503: page("Not now: please try again", headers=RETRY),
    },
    "openapi_extra": {
        "parameters": [_TOKEN],
        "requestBody": {
            "required": False,
            "content": {
                kind: {
                    "schema": {
                        "type": "object",
                        "properties": {"List-Unsubscribe": {"type": "string", "examples": ["One-Click"]}},
                    }
                }
                for kind in ("application/x-www-form-urlencoded", "multipart/form-data")
            },
        },
    },
}
