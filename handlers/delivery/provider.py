"""The provider port: what delivery asks of whoever carries e-mails, and the four things that can come back.

A provider that knows idempotency keys uses the message's `send_id` as one, and answers `NotAccepted` where another has
to answer `Unconfirmed`: nothing else changes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from handlers.delivery.message import Message


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has taken the message over. `message_id` is its own name for it, empty if it gave none."""

    message_id: str = ""


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """The provider has certainly not taken it over; it may be tried again.

    `retry_after` is in seconds, as the provider asked. `throttled`: it is well and wants fewer requests, which is no
    sign of an outage.
    """

    reason: str
    retry_after: float | None = None
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider will never take this message. `reason` holds no address."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Nobody knows whether the provider has taken it over; only the provider itself can tell."""

    reason: str


Answer: TypeAlias = Accepted | NotAccepted | Refused | Unconfirmed


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the provider says of its own limit: `remaining` requests until `reset_after` seconds from now."""

    remaining: int
    reset_after: float


class Provider(Protocol):
    """Carries e-mails. Used within one event loop; `close` lets its connections go."""

    def prepare(self, message: Message) -> bytes:
        """The request for this message, ready to be sent; the costly part of sending, and free of I/O.

        Raises UnfitMessage for one that no request can be made of.
        """

    async def send(self, request: bytes) -> tuple[Answer, Allowance | None]:
        """Send a prepared request once. Never raises for what the network or the provider does."""

    async def validate(self, request: bytes) -> Answer:
        """Let the provider check a prepared request without sending anything to anybody."""

    async def accepted_since(self, *, address: str, run: str, since: datetime) -> str | None:
        """The provider's message id if its own records show this run's e-mail to this address; None if they do not.

        Raises ProviderUnavailable when the records cannot be read now, Unsearchable when not for this address.
        """

    async def close(self) -> None:
        """Let all connections go."""


class DeliveryError(Exception):
    """Delivery cannot do this."""


class UnfitMessage(DeliveryError):
    """No request can be made of this message."""


class Unsearchable(DeliveryError):
    """The provider's records cannot be asked for this address."""


class ProviderUnavailable(DeliveryError):
    """The provider's records cannot be read now."""
