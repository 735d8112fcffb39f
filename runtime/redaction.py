"""What must not be read by others in messages and logs: how it is found, and what stands in its place."""

import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import unquote

MASK = "***"

SHORTEST = 8
"""Characters of a secret that is found wherever it stands; a shorter one would also hide what merely looks like it."""

_WHOLE = ("SENDGRID_API_KEY", "CUTOVER_LINK_KEY", "CUTOVER_TOKEN")
"""Variables that are secrets, or several of them separated by commas."""
_URLS = ("DATABASE_URL", "REDIS_URL")
"""Variables with a password in them, before the last @ or as a parameter."""
_PASSWORD_IN_URL = re.compile(r"://[^:/@]*:(?P<password>.*)@", re.DOTALL)
_PASSWORD_PARAMETER = re.compile(r"[?&]password=(?P<password>[^&]*)")

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
    """The text without the secrets of this environment, passwords in URLs, bearer tokens and SendGrid keys."""
    for secret in _configured(tuple(os.environ.get(name, "") for name in (*_WHOLE, *_URLS))):
        text = text.replace(secret, MASK)
    text = _masked(text, _URL_IN_TEXT, f"{MASK}@", ":")
    for pattern in (_PASSWORD_FIELD, _BEARER, _SENDGRID_KEY):
        text = _masked(text, pattern, MASK)
    return text


def secrets_of(variables: Mapping[str, str]) -> list[str]:
    """Every secret in an environment that is long enough to be looked for, as it is and as a URL has it.

    The longest come first, as one may lie within another.
    """
    found = {secret for name in _WHOLE for secret in _parts(variables.get(name, ""))}
    for name in _URLS:
        for pattern in (_PASSWORD_IN_URL, _PASSWORD_PARAMETER):
            if match := pattern.search(variables.get(name, "")):
                found |= {match["password"], unquote(match["password"])}
    return sorted((secret for secret in found if len(secret) >= SHORTEST), key=lambda secret: (-len(secret), secret))


def is_sensitive(key: str) -> bool:
    """Whether a value under this key is a secret whatever it looks like."""
    return _SENSITIVE_KEY.search(key) is not None


@lru_cache(maxsize=8)
def _configured(values: tuple[str, ...]) -> list[str]:
    return secrets_of(dict(zip((*_WHOLE, *_URLS), values, strict=True)))


def _parts(value: str) -> Iterator[str]:
    """One secret, or several; a key that was mistyped is still one."""
    yield value
    yield from (part.strip() for part in value.split(","))


def _masked(text: str, pattern: re.Pattern[str], mask: str, glue: str = "") -> str:
    return pattern.sub(lambda match: f"{match['before']}{glue}{mask}", text)
