"""Delivery: the send ledger, the provider, the pace, and what became of every e-mail."""

from handlers.delivery.dispatch import Contents, Dispatched, Dispatcher
from handlers.delivery.ledger import Claim
from handlers.delivery.message import Message
from handlers.delivery.pace import Limits, Pace, PaceState, PaceUnavailable
from handlers.delivery.provider import (
    Accepted,
    Allowance,
    Answer,
    DeliveryError,
    NotAccepted,
    Provider,
    ProviderUnavailable,
    Refused,
    Unconfirmed,
    UnfitMessage,
)
from handlers.delivery.sendgrid import SendGrid
from handlers.delivery.settings import DeliverySettings

__all__ = [
    "Accepted",
    "Allowance",
    "Answer",
    "Claim",
    "Contents",
    "DeliveryError",
    "DeliverySettings",
    "Dispatched",
    "Dispatcher",
    "Limits",
    "Message",
    "NotAccepted",
    "Pace",
    "PaceState",
    "PaceUnavailable",
    "Provider",
    "ProviderUnavailable",
    "Refused",
    "SendGrid",
    "Unconfirmed",
    "UnfitMessage",
]
