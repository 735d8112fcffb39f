"""A message: one e-mail as a provider is handed it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One e-mail to one person.

    `send_id` is opaque and comes back in whatever the provider tells later; `run` names the campaign (a category at the
    provider). `unsubscribe_url` takes a one-click POST (RFC 8058).
    """

    send_id: str
    run: str
    address: str
    name: str
    subject: str
    html: str
    text: str
    unsubscribe_url: str
