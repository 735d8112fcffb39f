"""The subject of a request, and what is wrong with it."""

from collections.abc import Iterator

from sandbox.sendgrid.addresses import has_line_break
from sandbox.sendgrid.problems import Problem


def subject_problems(subject: object, field: str, about: str) -> Iterator[Problem]:
    """What is wrong with a subject that was given."""
    if not isinstance(subject, str) or not subject:
        yield Problem("The subject of your email must be a string at least one character in length.", field, about)
    elif has_line_break(subject):
        yield Problem("The subject of your email cannot contain CRLF characters.", field, about)


def missing_subject() -> Problem:
    """Neither the request nor each of its personalizations nor a template has one."""
    return Problem(
        "The subject is required. You can get around this requirement if you use a template with a subject defined "
        "or if every personalization has a subject defined.",
        "subject",
        "subject",
    )
