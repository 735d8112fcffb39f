"""A refusal: why a request is not served, in words that hold nothing of the request."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

RETRY_AFTER = 30
"""Seconds after which one who met with a database that is away may come again."""


class Refusal(Exception):
    """The request is answered with `status`. `closes`: the connection is of no more use, as a body is still coming."""

    def __init__(
        self, status: int, reason: str, *, closes: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = {**(headers or {}), **({"Connection": "close"} if closes else {})}


def unavailable(reason: str = "this cannot be done now; please try again later") -> Refusal:
    """What it is answered with if anything unexpected happened: whoever asks is to come again."""
    return Refusal(503, reason, headers={"Retry-After": str(RETRY_AFTER)})


def as_json(refusal: Refusal) -> JSONResponse:
    """The refusal for a machine."""
    return JSONResponse({"detail": refusal.reason}, refusal.status, headers=refusal.headers)
