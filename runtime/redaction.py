"""What must not be read by others in messages and logs: how it is found, and what stands in its place."""

import re

MASK = "***"

_ONE_URL = re.compile(r"(?P<before>://[^:/@]*|^(?!.*://)[^:/@]*):.*@", re.DOTALL)
_URL_IN_TEXT = re.compile(r"(?P<before>://[^\s:/@]*):\S*@")
_PASSWORD_FIELD = re.compile(r"(?P<before>\bpassword\s*=\s*)(?:'[^']*'|\"[^\"]*\"|[^\s&]+)", re.IGNORECASE)
_BEARER = re.compile(r"(?P<before>\b(?:Bearer|Basic)\s)\S+", re.IGNORECASE)
_SENDGRID_KEY = re.compile(r"(?P<before>\bSG\.)[\w-]{8,}\.[\w-]{8,}")
_SENSITIVE_KEY = re.compile(
    r"(?:^|[_.\-\s])(?:password|passwd|passphrase|secret|api[_-]?key|private[_-]?key|link[_-]?key|authorization|cookie"
    r"|token(?=$))",
    re.IGNORECASE,
)


def redacted_url(url: str) -> str:
    """The URL without its password; as cautious with what merely resembles a URL."""
    return _masked(_masked(url, _ONE_URL, f"{MASK}@", ":"), _PASSWORD_FIELD, MASK)


def redacted_text(text: str) -> str:
    """The text with the passwords in its URLs, its bearer tokens and its SendGrid keys masked."""
    text = _masked(text, _URL_IN_TEXT, f"{MASK}@", ":")
    for pattern in (_PASSWORD_FIELD, _BEARER, _SENDGRID_KEY):
        text = _masked(text, pattern, MASK)
    return text


def is_sensitive(key: str) -> bool:
    """Whether a value under this key is a secret whatever it looks like."""
    return _SENSITIVE_KEY.search(key) is not None


def _masked(text: str, pattern: re.Pattern[str], mask: str, glue: str = "") -> str:
    return pattern.sub(lambda match: f"{match['before']}{glue}{mask}", text)
