"""GET /healthz: whether the database answers."""

from typing import Any

import anyio
import sqlalchemy as sa
import structlog
from anyio.to_thread import run_sync
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from console.web.description import RETRY, problem
from console.web.ports import Ports
from console.web.refusal import as_json, unavailable

log = structlog.get_logger()


def health_router(ports: Ports) -> APIRouter:
    """The health check's route."""
    router = APIRouter()

    @router.get("/healthz", summary="Is all well?", **_DESCRIPTION)
    async def healthz() -> Response:
        """For load balancers and supervisors."""
        try:
            with anyio.fail_after(ports.health_seconds):
                # A thread that hangs in a dead connection is left behind: the answer is due in any case.
                await run_sync(_ask, ports.engine, abandon_on_cancel=True)
        except Exception as failure:
            log.warning("database_away", problem=type(failure).__name__)
            return as_json(unavailable("the database does not answer"))
        return JSONResponse({"status": "ok"})

    return router


def _ask(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))


_OK = {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}

_DESCRIPTION: dict[str, Any] = {
    "responses": {
        200: {"description": "All is well", "content": {"application/json": {"schema": _OK}}},
        503: problem("The database does not answer", headers=RETRY),
    }
}
