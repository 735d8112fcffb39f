"""The parts of a mail's content, and what is wrong with them."""

from collections.abc import Iterator

from sandbox.sendgrid.addresses import has_line_break
from sandbox.sendgrid.problems import Problem

# text/plain first, then text/html, then whatever else.
_PLACES = {"text/plain": 0, "text/html": 1}


def content_problems(content: object, *, template: bool) -> Iterator[Problem]:
    """What is wrong with the content; there may be none if a `template` brings it."""
    if template and content is None:
        return
    if not isinstance(content, list) or not content:
        yield Problem(
            "Unless a valid template_id is provided, the content parameter is required. There must be at least one "
            "defined content block. We typically suggest both text/plain and text/html blocks are included, but only "
            "one block is required.",
            "content",
            "content",
        )
        return
    for i, part in enumerate(content):
        yield from _part_problems(part, f"content.{i}")
    places = [_PLACES.get(part.get("type", ""), 2) for part in content if isinstance(part, dict) and _typed(part)]
    if places != sorted(places):
        yield Problem(
            "Following RFC 1341, section 7.2, if either text/html or text/plain are to be sent in your email: "
            "text/plain needs to be first, followed by text/html, followed by any other content.",
            "content",
            "content.value",
        )


def _part_problems(part: object, field: str) -> Iterator[Problem]:
    if not isinstance(part, dict):
        yield Problem("Each content block must be an object with a type and a value.", field, "content")
        return
    kind, value = part.get("type"), part.get("value")
    if not isinstance(kind, str) or not kind:
        yield Problem(
            "Your content type must be a string with length of at least one character.",
            f"{field}.type",
            "content.type",
        )
    elif ";" in kind or has_line_break(kind):
        yield Problem("Cannot contain ';', or CRLF characters.", f"{field}.type", "content.type")
    if not isinstance(value, str) or not value:
        yield Problem(
            "The content value must be a string at least one character in length.",
            f"{field}.value",
            "content.value",
        )


def _typed(part: dict[str, object]) -> bool:
    return isinstance(part.get("type"), str)
