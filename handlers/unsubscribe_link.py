"""Unsubscribe links: one per user, opaque, always the same, and good for ever.

The token is the user id under AES-SIV (RFC 5297): it needs no table and no expiry, and nobody without a key can read
one, change one or make one up.
"""

import base64
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_BYTES = 64
LONGEST_USER_ID = 800
"""Bytes: 200 characters of up to four bytes, the longest id an event can carry."""
PURPOSE = b"cutover unsubscribe v1"

_TAG_BYTES = 16
_LONGEST_TOKEN = (LONGEST_USER_ID + _TAG_BYTES) * 4 // 3 + 1
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{1,{_LONGEST_TOKEN}}}")


class UnsubscribeLinkError(Exception):
    """Unsubscribe links cannot do this."""


class BadLink(UnsubscribeLinkError):
    """The token is none of ours. Why it is not is nobody's business."""


class BadLinkKey(UnsubscribeLinkError):
    """A key or the base URL cannot make links."""


class UnsubscribeLinks:
    """Makes the links and reads them back. Of several keys the first one makes links, and all of them read.

    To change the key, put the new one in front and keep the old one: e-mails live long in mailboxes. Raises
    BadLinkKey for a key that is not 64 bytes, for none at all, and for a `base_url` that is not `http(s)://host…`.
    """

    def __init__(self, keys: bytes | Sequence[bytes], base_url: str) -> None:
        given = [keys] if isinstance(keys, bytes) else list(keys)
        self._ciphers = [AESSIV(_checked_key(number, key)) for number, key in enumerate(given, start=1)]
        if not self._ciphers:
            raise BadLinkKey("keys is empty; expected at least one key of 64 bytes")
        self._prefix = f"{_checked_base(base_url)}/unsubscribe/"

    def url(self, user_id: str) -> str:
        """The user's link. Raises ValueError for an id that is empty or over 800 bytes long."""
        plain = user_id.encode()
        if not 1 <= len(plain) <= LONGEST_USER_ID:
            raise ValueError(f"user_id is {len(plain)} bytes long; expected 1 to {LONGEST_USER_ID}")
        return self._prefix + _text(self._ciphers[0].encrypt(plain, [PURPOSE]))

    def user_of(self, token: str) -> str:
        """The user id a token of ours was made for. Raises BadLink for everything else."""
        sealed = _sealed(token)
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed, [PURPOSE]).decode()
            except InvalidTag:
                continue
        raise BadLink("not a link of ours")


def _checked_key(number: int, key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise BadLinkKey(f"key {number} is {len(key)} bytes long; expected {KEY_BYTES} random bytes")
    return key


def _checked_base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadLinkKey(f"base_url is {url!r}; expected a URL such as https://mail.example.com")
    return url.rstrip("/")


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _sealed(token: str) -> bytes:
    if _TOKEN.fullmatch(token) is None or len(token) % 4 == 1:
        raise BadLink("not a link of ours")
    sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    # The unused bits of the last character are ignored by the decoder: without this, several tokens were one link.
    if _text(sealed) != token:
        raise BadLink("not a link of ours")
    return sealed
