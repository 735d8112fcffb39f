"""The application: its routes, and the guard around them."""

from fastapi import FastAPI

from console.web.guard import Guard
from console.web.health import health_router
from console.web.ports import Ports
from console.web.unsubscribe import unsubscribe_router
from console.web.webhook import webhook_router


def create_app(ports: Ports) -> FastAPI:
    """The web application on these ports. It answers 503 to whatever goes wrong, and sends nobody elsewhere."""
    app = FastAPI(
        title="cutover",
        summary="Webhook and unsubscribe links of the weekly recommendations.",
        # Its pages would load scripts from elsewhere; /openapi.json says the same.
        docs_url=None,
        redoc_url=None,
        # RFC 8058 forbids redirects, and a mail client would not follow one with its POST.
        redirect_slashes=False,
        # Traces would carry addresses of pages, which are secrets here, and messages of exceptions.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_middleware(Guard)
    for router in (webhook_router(ports), unsubscribe_router(ports), health_router(ports)):
        app.include_router(router)
    return app
