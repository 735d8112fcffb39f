"""Failures: what it means for an e-mail that its request got no response."""

import aiohttp

from handlers.delivery import sendgrid_reasons as reasons
from handlers.delivery.provider import NotAccepted, Unconfirmed

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    # Subclasses stand before what they derive from.
    (aiohttp.ClientConnectorDNSError, reasons.DNS_FAILED),
    (aiohttp.ClientSSLError, reasons.TLS_FAILED),
    (aiohttp.ServerFingerprintMismatch, reasons.TLS_FAILED),
    (aiohttp.ClientConnectorError, reasons.CONNECT_FAILED),
    (aiohttp.ConnectionTimeoutError, reasons.CONNECT_TIMEOUT),
    (aiohttp.SocketTimeoutError, reasons.READ_TIMEOUT),
    (TimeoutError, reasons.TOTAL_TIMEOUT),
    (aiohttp.ServerDisconnectedError, reasons.CONNECTION_CLOSED),
    (aiohttp.ClientResponseError, reasons.NOT_HTTP),
    (OSError, reasons.CONNECTION_RESET),
)


def failure(error: Exception, *, begun: bool) -> NotAccepted | Unconfirmed:
    """Unconfirmed once the request had `begun` to go out, whatever happened then; else it has not been accepted."""
    reason = _reason(error)
    return Unconfirmed(reason) if begun else NotAccepted(reason)


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
        return reasons.CONNECT_REFUSED
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), reasons.TRANSPORT_FAILED)
