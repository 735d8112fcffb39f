"""SendGrid's Email Logs: the question whether a run's e-mail to an address is in its records."""

from datetime import UTC, datetime

import msgspec

from handlers.delivery.provider import ProviderUnavailable, Unsearchable
from handlers.delivery.sendgrid_answers import message_id

LIMIT = 10


class _Logged(msgspec.Struct):
    sg_message_id: str
    to_email: str


class _Page(msgspec.Struct):
    messages: list[_Logged]


def logs_request(*, address: str, run: str, since: datetime) -> bytes:
    """A search for what was sent to this address in this run since then.

    Raises Unsearchable if address or run cannot be written in the query language, ValueError for a naive time.
    """
    if since.tzinfo is None:
        raise ValueError(f"since is {since!r}, a naive time; expected an aware one, such as UTC")
    # Whole seconds, rounded down: the search reaches back a little further rather than not far enough.
    moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = (
        f"to_email = {_quoted(address, 'address')} AND categories IN ({_quoted(run, 'run')})"
        f' AND sg_message_id_created_at >= TIMESTAMP "{moment}"'
    )
    return msgspec.json.encode({"query": query, "limit": LIMIT})


def logged_message_id(body: bytes, *, address: str) -> str | None:
    """The id by which mail-send named the first message found for the address; None if none was found.

    Raises ProviderUnavailable for a body that is no list of messages.
    """
    try:
        found = msgspec.json.decode(body, type=_Page).messages
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        found = None
    if found is None:
        raise ProviderUnavailable("SendGrid's answer on its e-mail logs is no list of messages")
    # A filter that was ignored must not make somebody else's e-mail count as this one.
    theirs = (logged for logged in found if logged.to_email.casefold() == address.casefold())
    # The logs append `.recvd-…` to the name that mail-send gave.
    return next((name for logged in theirs if (name := message_id(logged.sg_message_id.partition(".")[0]))), None)


def _quoted(text: str, field: str) -> str:
    """A string of the query language, which documents two kinds of quotes and no way to escape either."""
    if text.isprintable() and "\\" not in text:
        for quote in ("'", '"'):
            if quote not in text:
                return f"{quote}{text}{quote}"
    raise Unsearchable(f"{field} cannot be searched for: it holds both kinds of quotes, \\ or unprintables")
