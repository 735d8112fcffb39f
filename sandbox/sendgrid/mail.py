"""A request to send mail: as it came in, and as it is once it is known to be sound."""

from dataclasses import dataclass

import msgspec


class MailRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v3/mail/send`, with whatever types the client gave its parts."""

    personalizations: object = None
    sender: object = msgspec.field(default=None, name="from")
    reply_to: object = None
    reply_to_list: object = None
    subject: object = None
    content: object = None
    template_id: object = None
    headers: object = None
    categories: object = None
    custom_args: object = None
    send_at: object = None
    batch_id: object = None
    mail_settings: object = None


@dataclass(frozen=True, slots=True)
class Address:
    """An e-mail address and the name shown with it, which may be empty."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Addressed:
    """The share of one recipient in a request."""

    to: Address
    subject: str
    custom_args: dict[str, str]

    @property
    def send_id(self) -> str:
        """The client's own name for this e-mail; empty if it gave none."""
        return self.custom_args.get("send_id", "")


@dataclass(frozen=True, slots=True)
class Submission:
    """A sound request. `sandboxed`: it was only to be checked."""

    sender: Address
    categories: tuple[str, ...]
    addressed: tuple[Addressed, ...]
    sandboxed: bool


_decode = msgspec.json.Decoder(MailRequest).decode


class MalformedRequest(Exception):
    """The body is not a JSON object."""


def decode(body: bytes) -> MailRequest:
    """The request in this body. Raises MalformedRequest if it holds no JSON object."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(str(error)) from error
