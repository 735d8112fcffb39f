"""A mail as its recipient would hold it, put together from the request that sent it."""

import re
from dataclasses import dataclass

from sandbox.sendgrid.mail import Address, MailRequest
from sandbox.sendgrid.validation import check

_BRACKETED = re.compile(r"<\s*(https?://[^>\s]+)\s*>")


@dataclass(frozen=True, kw_only=True)
class Letter:
    """`html` and `text` are None if the mail has no such part; `headers` are the client's own."""

    sender: Address
    to: Address
    subject: str
    headers: dict[str, str]
    custom_args: dict[str, str]
    categories: tuple[str, ...]
    html: str | None
    text: str | None

    @property
    def one_click(self) -> str | None:
        """The URL that unsubscribes at one POST; None if the mail does not offer it."""
        named = {name.lower(): value for name, value in self.headers.items()}
        if named.get("list-unsubscribe-post", "").strip().lower() != "list-unsubscribe=one-click":
            return None
        found = _BRACKETED.search(named.get("list-unsubscribe", ""))
        return found[1] if found else None


def letter(request: MailRequest, ordinal: int) -> Letter:
    """What the request's recipient number `ordinal`, counted from 0, gets. The request must be sound."""
    submission = check(request)
    mine = submission.addressed[ordinal]
    return Letter(
        sender=submission.sender,
        to=mine.to,
        subject=mine.subject,
        headers=_headers(request, ordinal),
        custom_args=mine.custom_args,
        categories=submission.categories,
        html=_part(request, "text/html"),
        text=_part(request, "text/plain"),
    )


def _headers(request: MailRequest, ordinal: int) -> dict[str, str]:
    shared = request.headers if isinstance(request.headers, dict) else {}
    return {**shared, **_own_headers(request, ordinal)}


def _own_headers(request: MailRequest, ordinal: int) -> dict[str, str]:
    passed = 0
    for one in request.personalizations if isinstance(request.personalizations, list) else []:
        passed += sum(len(one.get(kind) or ()) for kind in ("to", "cc", "bcc"))
        if ordinal < passed:
            return dict(one.get("headers") or {})
    return {}


def _part(request: MailRequest, kind: str) -> str | None:
    parts = request.content if isinstance(request.content, list) else []
    return next((str(part["value"]) for part in parts if part["type"] == kind), None)
