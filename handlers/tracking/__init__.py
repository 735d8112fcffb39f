"""Tracking: what the provider tells by webhook, verified, understood and written to the log."""

from handlers.tracking.errors import BadBody, BadPublicKey, BadSignature, TrackingError
from handlers.tracking.intake import Intake, Taken, Unsubscriber
from handlers.tracking.news import Kind, News, Told, decode_news
from handlers.tracking.resolution import Addressbook
from handlers.tracking.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, Verifier

__all__ = [
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "Addressbook",
    "BadBody",
    "BadPublicKey",
    "BadSignature",
    "Intake",
    "Kind",
    "News",
    "Taken",
    "Told",
    "TrackingError",
    "Unsubscriber",
    "Verifier",
    "decode_news",
]
