"""E-mail addresses in a request, and what is wrong with them."""

import re
from collections.abc import Iterator

from sandbox.sendgrid.mail import Address
from sandbox.sendgrid.problems import Problem

REFUSED_DOMAIN = "@invalid.example"

_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
_valid = re.compile(rf"(?=.{{3,254}}\Z)(?=[^@]{{1,64}}@){_LOCAL}@{_DOMAIN}").fullmatch


def is_address(text: str) -> bool:
    """Whether mail could be sent there. `invalid.example` stands for every address that the provider dislikes."""
    return _valid(text) is not None and not text.lower().endswith(REFUSED_DOMAIN)


def address(value: object) -> Address | None:
    """The address in an object such as `{"email": ..., "name": ...}`; None if there is something wrong with it."""
    if not isinstance(value, dict):
        return None
    email, name = value.get("email"), value.get("name")
    if not isinstance(email, str) or not is_address(email):
        return None
    if name is None:
        return Address(email)
    return Address(email, name) if isinstance(name, str) and not has_line_break(name) else None


def address_problems(value: object, field: str, about: str) -> Iterator[Problem]:
    """What is wrong with such an object."""
    if not isinstance(value, dict):
        yield Problem(
            "Each recipient object must at least have an email address and may also contain a name.", field, about
        )
        return
    email, name = value.get("email"), value.get("name")
    if not isinstance(email, str) or not is_address(email):
        yield Problem("Does not contain a valid address.", f"{field}.email", about)
    if name is not None and not isinstance(name, str):
        yield Problem("The name parameter must be a string.", f"{field}.name", about)
    elif name is not None and has_line_break(name):
        yield Problem("The name parameter cannot contain CRLF characters.", f"{field}.name", about)


def has_line_break(text: str) -> bool:
    """Whether the text would break out of a header."""
    return "\r" in text or "\n" in text
