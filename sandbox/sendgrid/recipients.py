"""Who a request goes to: its personalizations, checked one by one."""

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.sendgrid.addresses import address, address_problems
from sandbox.sendgrid.labels import custom_args_problems, header_problems
from sandbox.sendgrid.mail import Address, MailRequest
from sandbox.sendgrid.problems import Problem
from sandbox.sendgrid.subjects import subject_problems

MAX_PERSONALIZATIONS = 1_000
MAX_RECIPIENTS = 1_000


@dataclass(frozen=True, slots=True)
class Personalized:
    """One sound personalization: its recipients, its own subject (None if it has none) and its own custom arguments."""

    to: list[Address]
    subject: str | None
    custom_args: dict[str, str]


def personalized(request: MailRequest, problems: list[Problem]) -> list[Personalized]:
    """All personalizations; what is wrong with them is added to `problems`, and the faulty ones are left out."""
    given = request.personalizations
    if not isinstance(given, list) or not given:
        problems.append(
            Problem(
                "The personalizations field is required and must have at least one personalization.",
                "personalizations",
                "personalizations",
            )
        )
        return []
    if len(given) > MAX_PERSONALIZATIONS:
        problems.append(Problem(_too_many(len(given)), "personalizations", "personalizations"))
        return []
    found = [_one(item, f"personalizations.{i}", request.custom_args, problems) for i, item in enumerate(given)]
    sound = [item for item in found if item is not None]
    if sum(len(item.to) for item in sound) > MAX_RECIPIENTS:
        problems.append(
            Problem(
                f"There is a limit of {MAX_RECIPIENTS} total recipients (to + cc + bcc) per request.",
                "personalizations",
                "recipient-errors",
            )
        )
    return sound


def _one(item: object, field: str, shared_args: object, problems: list[Problem]) -> Personalized | None:
    if not isinstance(item, dict):
        problems.append(Problem("Each personalization must be an object.", field, "personalizations"))
        return None
    known = len(problems)
    to = _recipients(item, field, problems)
    subject, arguments = item.get("subject"), item.get("custom_args")
    if subject is not None:
        problems.extend(subject_problems(subject, f"{field}.subject", "personalizations.subject"))
    if arguments is not None:
        problems.extend(custom_args_problems(arguments, shared_args, f"{field}.custom_args"))
    if (headers := item.get("headers")) is not None:
        problems.extend(header_problems(headers, f"{field}.headers", "personalizations.headers"))
    if len(problems) > known:
        return None
    return Personalized(to, subject, arguments or {})


def _recipients(item: dict[str, object], field: str, problems: list[Problem]) -> list[Address]:
    if not isinstance(item.get("to"), list) or not item["to"]:
        problems.append(
            Problem(
                "The to array is required for all personalization objects, and must have at least one email object "
                "with a valid email address.",
                f"{field}.to",
                "personalizations.to",
            )
        )
    found: list[Address] = []
    seen: set[str] = set()
    for kind in ("to", "cc", "bcc"):
        if kind not in item or item[kind] is None:
            continue
        problems.extend(_listed(item[kind], f"{field}.{kind}", kind, found))
        if (twice := _first_repeated(found, seen)) is not None:
            problems.append(_repeated(twice, field, kind))
            break
    return found


def _listed(given: object, field: str, kind: str, found: list[Address]) -> Iterator[Problem]:
    if not isinstance(given, list):
        if kind != "to":
            yield Problem(f"The {kind} array, when used, must be an array.", field, f"personalizations.{kind}")
        return
    for i, value in enumerate(given):
        if (good := address(value)) is not None:
            found.append(good)
        else:
            yield from address_problems(value, f"{field}.{i}", f"personalizations.{kind}")


def _first_repeated(found: list[Address], seen: set[str]) -> str | None:
    for known in found[len(seen) :]:
        if (key := known.email.lower()) in seen:
            return known.email
        seen.add(key)
    return None


def _repeated(email: str, field: str, kind: str) -> Problem:
    return Problem(
        "Each email address in the personalization block should be unique between to, cc, and bcc. "
        f"We found the first duplicate instance of [{email}] in the {field}.{kind} field.",
        field,
        "recipient-errors",
    )


def _too_many(count: int) -> str:
    return (
        f"The personalization block is limited to {MAX_PERSONALIZATIONS} personalizations per API request. You have "
        f"provided {count} personalizations. Please consider splitting this into multiple requests and resending your "
        "request."
    )
