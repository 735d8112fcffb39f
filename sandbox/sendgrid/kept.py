"""The newest requests in full, compressed."""

import zlib

from sandbox.sendgrid.mail import MailRequest, decode

# The fastest: it shrinks an HTML mail to a quarter, and every accepted request pays for it.
_LEVEL = 1


class Kept:
    """The bodies of the newest `limit` requests, by the index of their first mail."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bodies: dict[int, bytes] = {}

    def add(self, first: int, body: bytes) -> None:
        """Keep this one, and let the oldest go if there are too many."""
        if not self._limit:
            return
        self._bodies[first] = zlib.compress(body, _LEVEL)
        if len(self._bodies) > self._limit:
            del self._bodies[next(iter(self._bodies))]

    def request(self, first: int) -> MailRequest | None:
        """The request; None if it is not kept any more."""
        body = self._bodies.get(first)
        return None if body is None else decode(zlib.decompress(body))

    def empty(self) -> None:
        """Let all go."""
        self._bodies.clear()
