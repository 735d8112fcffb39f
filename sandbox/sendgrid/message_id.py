"""Message ids that look like SendGrid's, and from which the request can be found again without a table of a million."""

import base64
import binascii
import os
from hashlib import blake2s

_HEAD = 6
_TAIL = 10


class MessageIds:
    """Names requests by the index of their first acceptance. Two sets of ids never overlap."""

    def __init__(self) -> None:
        self._secret = os.urandom(16)
        self._host = os.urandom(5).hex()

    def request(self, first: int) -> str:
        """What `X-Message-Id` says: 22 url-safe characters."""
        tail = self._tail(first)
        head = (first ^ self._mask(tail)).to_bytes(_HEAD, "big")
        return base64.urlsafe_b64encode(head + tail)[:22].decode()

    def message(self, first: int, ordinal: int) -> str:
        """The `sg_message_id` of the request's recipient number `ordinal`, counted from 0."""
        return f"{self.request(first)}.recvd-{self._host}-8fxqz-1-{first:08X}-{ordinal:X}.{ordinal}"

    def first(self, message_id: str) -> int | None:
        """The index behind an id of either form; None if it is not one of these ids."""
        head, _, _ = message_id.partition(".")
        try:
            raw = base64.urlsafe_b64decode(head + "==")
        except (binascii.Error, ValueError):
            return None
        index = int.from_bytes(raw[:_HEAD], "big") ^ self._mask(raw[_HEAD:])
        return index if index < 1 << 8 * _HEAD and self.request(index) == head else None

    def _tail(self, first: int) -> bytes:
        return blake2s(first.to_bytes(_HEAD, "big"), key=self._secret, digest_size=_TAIL).digest()

    def _mask(self, tail: bytes) -> int:
        return int.from_bytes(blake2s(tail, key=self._secret, digest_size=_HEAD).digest(), "big")
