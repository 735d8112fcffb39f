"""POST /webhooks/sendgrid: the provider's news, verified before anything of them is read."""

from dataclasses import asdict
from typing import Any

import structlog
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from console.web.bodies import read_body
from console.web.description import RETRY, problem
from console.web.ports import Ports
from console.web.refusal import Refusal, as_json, unavailable
from handlers.tracking import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    BadBody,
    BadSignature,
    Taken,
    Verifier,
    decode_news,
)

log = structlog.get_logger()


def webhook_router(ports: Ports) -> APIRouter:
    """The webhook's route."""
    router = APIRouter()

    @router.post("/webhooks/sendgrid", summary="News of e-mails", status_code=204, **_DESCRIPTION)
    async def sendgrid(request: Request) -> Response:
        """SendGrid's event webhook, signed. Whatever is not answered with 204 will be repeated for up to 24 hours."""
        try:
            taken = await _take(ports, request)
        except Refusal as refusal:
            log.warning("webhook_refused", status=refusal.status, reason=refusal.reason)
            return as_json(refusal)
        except Exception as failure:
            log.error("webhook_failed", problem=type(failure).__name__)
            return as_json(unavailable())
        log.info("webhook_taken", **asdict(taken))
        return Response(status_code=204)

    return router


async def _take(ports: Ports, request: Request) -> Taken:
    if ports.verifier is None:
        raise unavailable("no verification key is set, so nothing can be taken in")
    signature, timestamp = request.headers.get(SIGNATURE_HEADER), request.headers.get(TIMESTAMP_HEADER)
    if not signature or not timestamp:
        raise Refusal(401, "the signature or its timestamp is missing", headers={"WWW-Authenticate": SIGNATURE_HEADER})
    body = await read_body(request, limit=ports.body_limit, seconds=ports.body_seconds)
    return await run_sync(_take_in, ports, ports.verifier, body, signature, timestamp)


def _take_in(ports: Ports, verifier: Verifier, body: bytes, signature: str, timestamp: str) -> Taken:
    """In a thread: even without the database, five megabytes would keep every other request waiting."""
    try:
        verifier.verify(body, signature, timestamp)
        told = decode_news(body)
    except BadSignature as bad:
        raise Refusal(403, str(bad)) from bad
    except BadBody as bad:
        raise Refusal(400, str(bad)) from bad
    with ports.transaction() as connection:
        return ports.intake.take(connection, told)


_HEADERS = [
    {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
    for name, text in (
        (SIGNATURE_HEADER, "ECDSA with SHA-256 over the timestamp and the raw body, in base64"),
        (TIMESTAMP_HEADER, "seconds since 1970"),
    )
]

_BODY = {
    "type": "array",
    "maxItems": 1000,
    "items": {
        "type": "object",
        "properties": {
            "event": {"type": "string"},
            "timestamp": {"type": "integer", "description": "seconds since 1970"},
            "send_id": {"type": "string", "description": "our custom argument"},
            "sg_message_id": {"type": "string"},
            "email": {"type": "string"},
            "category": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "sg_machine_open": {"type": "boolean"},
            "type": {"type": "string", "description": "of a bounce: `bounce` or `blocked`"},
            "status": {"type": "string", "description": "of a bounce: the code, such as `5.1.1`"},
        },
        "required": ["event", "timestamp"],
    },
}

_DESCRIPTION: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        204: {"description": "Taken in, or known already"},
        400: problem("The body is no JSON array of up to 1,000 objects, or it ended too early"),
        401: problem("The signature or its timestamp is missing", headers={"WWW-Authenticate": "what is missing"}),
        403: problem("The signature is not the provider's"),
        408: problem("The body did not arrive in time"),
        413: problem("The body is too large"),
        503: problem("Not now: to be repeated", headers=RETRY),
    },
    "openapi_extra": {
        "parameters": _HEADERS,
        "requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}},
    },
}
