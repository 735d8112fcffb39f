"""Payloads: messages as requests to SendGrid's mail-send, in the shape its official helpers give them."""

import re
import secrets
from functools import lru_cache

import msgspec
from sendgrid.helpers.mail import (
    Category,
    Content,
    CustomArg,
    From,
    Header,
    Mail,
    MailSettings,
    MimeType,
    SandBoxMode,
    Subject,
    To,
)

from handlers.delivery.message import Message
from handlers.delivery.provider import UnfitMessage

MAX_ADDRESS = 320

_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_CONTROLS = re.compile(rf"[{_CONTROL}]+")
_ADDRESS = re.compile(rf"[^\s{_CONTROL}]+@[^\s{_CONTROL}]+")
# What may stand between the angle brackets of a List-Unsubscribe header (RFC 2369).
_URL = re.compile(r"https?://[!-;=?-~]+")

_encode = msgspec.json.Encoder().encode


def mail(message: Message, *, mail_from: str, category: str) -> Mail:
    """The message as SendGrid's own helpers build it. The text part comes first, as a mail's plainest must."""
    to = To()
    to.email = message.address
    to.name = message.name or None
    built = Mail(from_email=From(mail_from), to_emails=to, subject=Subject(message.subject))
    built.add_content(Content(MimeType.text, message.text))
    built.add_content(Content(MimeType.html, message.html))
    built.add_header(Header("List-Unsubscribe", f"<{message.unsubscribe_url}>"))
    built.add_header(Header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    built.add_custom_arg(CustomArg("send_id", message.send_id))
    # The helpers put each category before the ones they have.
    for name in (message.run, category):
        built.add_category(Category(name))
    return built


class Payloads:
    """Makes requests of messages.

    The helpers take longer than all the rest of it, so they build one form a run, with blanks where a message's values
    go, and the blanks are filled in message by message.
    """

    def __init__(self, *, mail_from: str, category: str) -> None:
        if not From(mail_from).email:
            raise ValueError(f"mail_from is {mail_from!r}, expected an address or `Name <address>`")
        self._mail_from = mail_from
        self._category = category
        # A form with and one without a name for this run and for a few others that are still being sent.
        self._form = lru_cache(maxsize=16)(self._build)

    def request(self, message: Message) -> bytes:
        """The request as JSON. Control characters in name and subject have become spaces.

        Raises UnfitMessage, naming the field and never its value, for an address or unsubscribe URL that is none and
        for text that cannot be encoded.
        """
        name = _one_line(message.name).strip()
        values = {
            "address": _address(message.address),
            "subject": _one_line(message.subject),
            "text": message.text,
            "html": message.html,
            "send_id": message.send_id,
            "unsubscribe_url": _bracketed(message.unsubscribe_url),
        }
        if name:
            values["name"] = name
        try:
            blanks = {field: _encode(value) for field, value in values.items()}
            return self._form(message.run, bool(name)).filled(blanks)
        except UnicodeEncodeError:
            pass
        # Raised out here: the error's context would carry the very text that must not be repeated.
        raise UnfitMessage(f"{_unencodable(message)} holds a lone surrogate; expected text that UTF-8 can encode")

    def _build(self, run: str, named: bool) -> "_Form":
        mark = secrets.token_hex(8)
        blank = Message(
            send_id=f"{mark}.send_id",
            run=run,
            address=f"{mark}.address",
            name=f"{mark}.name" if named else "",
            subject=f"{mark}.subject",
            html=f"{mark}.html",
            text=f"{mark}.text",
            unsubscribe_url=f"{mark}.unsubscribe_url",
        )
        return _Form(_encode(mail(blank, mail_from=self._mail_from, category=self._category).get()), mark)


class _Form:
    """A request with blanks: its JSON, cut where the values of a message go."""

    def __init__(self, template: bytes, mark: str) -> None:
        pieces = re.split(rf'"<?{mark}\.(\w+)>?"'.encode(), template)
        self._pieces = pieces
        self._blanks = [(index, pieces[index].decode()) for index in range(1, len(pieces), 2)]

    def filled(self, values: dict[str, bytes]) -> bytes:
        pieces = self._pieces.copy()
        for index, blank in self._blanks:
            pieces[index] = values[blank]
        return b"".join(pieces)


def sandboxed(request: bytes) -> bytes:
    """The same request in sandbox mode: SendGrid checks it and sends nothing."""
    fields = msgspec.json.decode(request, type=dict[str, msgspec.Raw])
    settings = MailSettings(sandbox_mode=SandBoxMode(True)).get()
    return _encode({**fields, "mail_settings": msgspec.Raw(_encode(settings))})


class _Recipient(msgspec.Struct):
    email: str
    name: str = ""


class _Personalization(msgspec.Struct):
    to: list[_Recipient]


class _Personal(msgspec.Struct):
    personalizations: list[_Personalization]


def personal_data(request: bytes) -> tuple[str, ...]:
    """The addresses, their parts before the `@` and the names that a request holds."""
    recipients = msgspec.json.decode(request, type=_Personal).personalizations[0].to
    return tuple(
        text
        for recipient in recipients
        for text in (recipient.email, recipient.email.rpartition("@")[0], recipient.name)
    )


def _address(address: str) -> str:
    if len(address) > MAX_ADDRESS:
        raise UnfitMessage(f"address has {len(address)} characters, expected at most {MAX_ADDRESS}")
    if not _ADDRESS.fullmatch(address):
        raise UnfitMessage("address is none: expected something@something without white space or control characters")
    return address


def _bracketed(url: str) -> str:
    if not _URL.fullmatch(url):
        raise UnfitMessage("unsubscribe_url is none: expected http(s)://, printable ASCII and no angle brackets")
    return f"<{url}>"


def _one_line(text: str) -> str:
    return _CONTROLS.sub(" ", text)


def _unencodable(message: Message) -> str:
    """The first field of the message that cannot be encoded."""
    for field in message.__slots__:
        try:
            str(getattr(message, field)).encode()
        except UnicodeEncodeError:
            return field
    return "message"
