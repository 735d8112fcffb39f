"""What is wrong with a request, in the shape in which SendGrid says it."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from aiohttp import web

_PAGE = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message."


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of `errors`. `field` is a dotted path into the request, such as `personalizations.0.to.0.email`."""

    message: str
    field: str | None = None
    about: str | None = None

    def entry(self) -> dict[str, str | None]:
        """The entry as it is sent."""
        return {"message": self.message, "field": self.field, "help": _PAGE + self.about if self.about else None}


MALFORMED = Problem("Bad Request")
NOT_JSON = Problem("Content-Type should be application/json.")
NO_KEY = Problem("Permission denied, wrong credentials")
WRONG_KEY = Problem("The provided authorization grant is invalid, expired, or revoked")
TOO_LARGE = Problem("The JSON payload you have included in your request is too large.")
TOO_MANY = Problem("too many requests")
UNAVAILABLE = Problem("Service Unavailable")
SERVER_ERROR = Problem("Internal Server Error")
NOT_FOUND = Problem("not found")


def refusal(status: int, problems: Iterable[Problem], headers: dict[str, str] | None = None) -> web.Response:
    """An answer that names the problems."""
    return json_answer({"errors": [problem.entry() for problem in problems]}, status=status, headers=headers)


def json_answer(body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """An answer of JSON."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


def credentials_problem(request: web.Request, api_key: str) -> Problem | None:
    """Why the request may not come in; None if it bears the key."""
    given = request.headers.get("Authorization")
    if given is None:
        return NO_KEY
    return None if given == f"Bearer {api_key}" else WRONG_KEY
