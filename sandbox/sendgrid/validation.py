"""The rules of `POST /v3/mail/send`: a request is sound, or everything that is wrong with it is told at once.

The rules and their wording follow SendGrid's published list of errors.
"""

from collections.abc import Iterator

from sandbox.sendgrid.addresses import address, address_problems
from sandbox.sendgrid.content import content_problems
from sandbox.sendgrid.labels import category_problems, custom_args_problems, header_problems
from sandbox.sendgrid.mail import Address, Addressed, MailRequest, Submission
from sandbox.sendgrid.problems import Problem
from sandbox.sendgrid.recipients import Personalized, personalized
from sandbox.sendgrid.subjects import missing_subject, subject_problems


class UnsoundRequest(Exception):
    """SendGrid would refuse the request, for `problems`."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.message}" for problem in problems))
        self.problems = problems


def check(request: MailRequest) -> Submission:
    """What is to be sent to whom. Raises UnsoundRequest with all that is wrong."""
    problems: list[Problem] = []
    personal = personalized(request, problems)
    sender = _sender(request, problems)
    problems.extend(_whole(request, personal))
    if problems:
        raise UnsoundRequest(problems)
    return _submission(request, sender, personal)


def _sender(request: MailRequest, problems: list[Problem]) -> Address:
    found = address(request.sender)
    if found is None and not isinstance(request.sender, dict):
        problems.append(
            Problem(
                "The from object must be provided for every email send. It is an object that requires the email "
                'parameter, but may also contain a name parameter.  e.g. {"email" : "example@example.com"}  or '
                '{"email" : "example@example.com", "name" : "Example Recipient"}.',
                "from.email",
                "from",
            )
        )
    elif found is None:
        told = address_problems(request.sender, "from", "from")
        problems.extend(_of_sender(problem) for problem in told)
    return found or Address("")


def _of_sender(problem: Problem) -> Problem:
    if problem.field != "from.email":
        return problem
    return Problem("The from email does not contain a valid address.", problem.field, problem.about)


def _whole(request: MailRequest, personal: list[Personalized]) -> Iterator[Problem]:
    if request.subject is not None:
        yield from subject_problems(request.subject, "subject", "subject")
    elif not request.template_id and not (personal and all(one.subject is not None for one in personal)):
        yield missing_subject()
    yield from content_problems(request.content, template=bool(request.template_id))
    if request.categories is not None:
        yield from category_problems(request.categories)
    if request.custom_args is not None:
        yield from custom_args_problems(request.custom_args, None, "custom_args")
    if request.headers is not None:
        yield from header_problems(request.headers, "headers")
    yield from _settings(request)


def _settings(request: MailRequest) -> Iterator[Problem]:
    if request.reply_to is not None and address(request.reply_to) is None:
        yield from address_problems(request.reply_to, "reply_to", "reply_to")
    if request.send_at is not None and not _is_integer(request.send_at):
        yield Problem("The send_at parameter is expecting a Unix timestamp as an integer.", "send_at", "send_at")
    if request.batch_id is not None and not isinstance(request.batch_id, str):
        yield Problem("The batch_id must be a string.", "batch_id", "batch_id")
    if not isinstance(_sandbox_mode(request), bool):
        field = "mail_settings.sandbox_mode.enable"
        yield Problem("The sandbox mode enable param should be a boolean value.", field, field)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _sandbox_mode(request: MailRequest) -> object:
    settings = request.mail_settings
    mode = settings.get("sandbox_mode") if isinstance(settings, dict) else None
    return mode.get("enable", False) if isinstance(mode, dict) else False


def _submission(request: MailRequest, sender: Address, personal: list[Personalized]) -> Submission:
    shared = request.custom_args if isinstance(request.custom_args, dict) else {}
    subject = request.subject if isinstance(request.subject, str) else ""
    categories = request.categories if isinstance(request.categories, list) else []
    return Submission(
        sender,
        tuple(categories),
        tuple(
            Addressed(to, one.subject if one.subject is not None else subject, {**shared, **one.custom_args})
            for one in personal
            for to in one.to
        ),
        _sandbox_mode(request) is True,
    )
