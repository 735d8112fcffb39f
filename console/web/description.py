"""How the routes are described in /openapi.json: the answers they share."""

from typing import Any

PROBLEM: dict[str, Any] = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
}


def problem(description: str, *, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """An error for machines."""
    return _answer(description, "application/json", PROBLEM, headers)


def page(description: str, *, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """A page for people."""
    return _answer(description, "text/html", {"type": "string"}, headers)


def _answer(description: str, kind: str, schema: dict[str, Any], headers: dict[str, str] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": description, "content": {kind: {"schema": schema}}}
    if headers:
        described = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
        answer["headers"] = described
    return answer


RETRY = {"Retry-After": "seconds to wait"}
