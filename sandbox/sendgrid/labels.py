"""What a request attaches to its mails: categories, custom arguments and headers, and what is wrong with them."""

from collections.abc import Iterator

from sandbox.sendgrid.addresses import has_line_break
from sandbox.sendgrid.problems import Problem

MAX_CATEGORIES = 10
MAX_CATEGORY_LENGTH = 255
MAX_CUSTOM_ARGS_BYTES = 10_000
RESERVED_HEADERS = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    | {"to", "from", "subject", "reply-to", "cc", "bcc"}
)


def category_problems(categories: object) -> Iterator[Problem]:
    """What is wrong with categories that were given."""
    if not isinstance(categories, list) or not all(isinstance(category, str) for category in categories):
        yield _category("Categories must be an array of strings.")
        return
    if len(categories) > MAX_CATEGORIES:
        yield _category(
            f"There is a limit of {MAX_CATEGORIES} categories for each email that is sent. "
            f"You provided {len(categories)} categories."
        )
    for category in categories:
        if len(category) > MAX_CATEGORY_LENGTH:
            yield _category(
                f"Each category must not be longer than {MAX_CATEGORY_LENGTH} characters. "
                f"[{category}] exceeds this limit"
            )
        if not category.isascii():
            yield _category("Categories can not contain non-ASCII characters.")
    for category in sorted({c for c in categories if categories.count(c) > 1}):
        yield _category(f"The categories must be a unique list, and you have included [{category}] more than once.")


def custom_args_problems(arguments: object, shared: object, field: str) -> Iterator[Problem]:
    """What is wrong with custom arguments that were given, which add to those `shared` by the whole request."""
    about = "custom_args" if field == "custom_args" else "personalizations.custom_args"
    if not isinstance(arguments, dict) or not all(isinstance(value, str) for value in arguments.values()):
        yield Problem("All values of custom arguments object must be strings", field, about)
        return
    if _size(arguments) + _size(shared) >= MAX_CUSTOM_ARGS_BYTES:
        yield Problem(
            "The combined size of both global and personalization custom arguments may not exceed 10,000 bytes per "
            "personalization.",
            field,
            about,
        )


def header_problems(headers: object, field: str, about: str = "headers") -> Iterator[Problem]:
    """What is wrong with headers that were given."""
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        yield Problem("The header values must be strings.", field, about)
        return
    for name, value in headers.items():
        if name.lower() in RESERVED_HEADERS:
            yield Problem("Header can not be one of the reserved keys.", f"{field}.{name}", about)
        if not name or not name.isascii() or " " in name or has_line_break(name):
            yield Problem("Header keys cannot contain non-ASCII characters and empty spaces.", f"{field}.{name}", about)
        if has_line_break(value):
            yield Problem("The header values cannot contain CRLF characters.", f"{field}.{name}", about)
    if len({name.lower() for name in headers}) < len(headers):
        yield Problem("The headers cannot contain duplicate keys.", field, about)


def _category(message: str) -> Problem:
    return Problem(message, "categories", "categories")


def _size(arguments: object) -> int:
    if not isinstance(arguments, dict):
        return 0
    return sum(len(str(name).encode()) + len(str(value).encode()) for name, value in arguments.items())
