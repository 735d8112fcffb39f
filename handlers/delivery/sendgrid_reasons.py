"""Reasons: why SendGrid did not take an e-mail, in words that are short and name nobody."""

import re
from collections.abc import Iterable

import msgspec

CONNECT_REFUSED = "connect_refused"
CONNECT_FAILED = "connect_failed"
CONNECT_TIMEOUT = "connect_timeout"
DNS_FAILED = "dns_failed"
TLS_FAILED = "tls_failed"
READ_TIMEOUT = "read_timeout"
TOTAL_TIMEOUT = "total_timeout"
CONNECTION_CLOSED = "connection_closed"
CONNECTION_RESET = "connection_reset"
NOT_HTTP = "not_http"
STRAY_ANSWER = "stray_answer"
TRANSPORT_FAILED = "transport_failed"

MAX_REASON = 200
MAX_READ = 1000
"""Of what SendGrid says no more is looked at: to look for addresses takes time with the square of a word's length."""
HIDDEN = "***"

# An `@` as it is written in plain text, in a URL, in HTML, and by keyboards with full-width forms.
_AT = r"(?:@|%40|&#0*64;|&#x0*40;|&commat;|\\u0040|＠)"
_ADDRESS = re.compile(rf"""(?:\\?"[^"]*\\?"|[^\s<>,;:"'()\[\]]*){_AT}[^\s<>,;:"'()]*""", re.IGNORECASE)
_API_KEY = re.compile(r"SG\.[\w.\-]+|Bearer\s+\S+", re.IGNORECASE)
# Words shorter than this would hide half of every sentence and give nobody away.
_TELLING = 2


class _Error(msgspec.Struct):
    message: str | None = None
    field: str | None = None


class _Errors(msgspec.Struct):
    errors: list[_Error]


def http_reason(status: int, body: bytes, *, private: Iterable[str] = ()) -> str:
    """`http_` and the status, then what SendGrid says of the first error if it says so in its own form.

    At most 200 printable characters. Whatever looks like an address or a key is hidden, and so is each of `private`.
    """
    told = _anonymous(_beginning(_printable(_first_error(body))), private)
    return f"http_{status} {told}".strip()[:MAX_REASON].rstrip()


def _first_error(body: bytes) -> str:
    # A body nested a thousand deep ends in a RecursionError; it explains as little as one that is no JSON.
    try:
        errors = msgspec.json.decode(body, type=_Errors).errors
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    if not errors:
        return ""
    return ": ".join(part for part in (errors[0].field, errors[0].message) if part)


def _printable(text: str) -> str:
    """Without control characters, lone surrogates and line ends of any kind, and with single spaces."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _beginning(text: str) -> str:
    """Whole words alone: half an address is not seen to be one."""
    return text if len(text) <= MAX_READ else text[: MAX_READ + 1].rpartition(" ")[0]


def _anonymous(text: str, private: Iterable[str]) -> str:
    for pattern in (_private(private), _ADDRESS, _API_KEY):
        if pattern is not None:
            text = pattern.sub(HIDDEN, text)
    return text


def _private(private: Iterable[str]) -> re.Pattern[str] | None:
    """Matches each of these texts and each of their words; longest first, so that no rest of a text is left over."""
    texts = [_printable(text) for text in private]
    words = {word for text in texts for word in (text, *re.split(r"[\W_]+", text)) if len(word) >= _TELLING}
    if not words:
        return None
    return re.compile("|".join(map(_telling, sorted(words, key=len, reverse=True))), re.IGNORECASE)


def _telling(word: str) -> str:
    # Chinese, Japanese or Thai put no space around a name. A short Latin one must not be found inside other words.
    literal = re.escape(word)
    return literal if not word.isascii() or "@" in word else rf"(?<!\w){literal}(?!\w)"
