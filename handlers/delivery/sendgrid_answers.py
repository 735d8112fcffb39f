"""Answers: what an HTTP response of SendGrid means for the e-mail that was sent."""

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache

from handlers.delivery.provider import Accepted, Allowance, Answer, NotAccepted, Refused, Unconfirmed
from handlers.delivery.sendgrid_reasons import http_reason

LEAST_SILENCE = 1.0
"""Seconds after a 429 that does not say how long: of the limit's own end we know the second it lies in, and no more."""
LONGEST_SILENCE = 3600.0
"""Seconds: whoever asks for more has made a mistake, and no command of ours would take it back."""
_COUNT = re.compile(r"[0-9]{1,12}")
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,200}")
# Our key, our account or a server that lost patience while we spoke: the message itself was not judged.
_NOT_ABOUT_THE_MESSAGE = frozenset({401, 403, 404, 405, 407, 408, 421})


def classify(
    status: int, headers: Mapping[str, str], body: bytes, *, now: float, private: Iterable[str] = ()
) -> Answer:
    """The answer that this response to a mail-send request is; any status has one.

    `headers` are found whatever their case if the mapping does that. `now` is the local time in epoch seconds, used
    where the response has no date of its own. `private` is hidden from the reason wherever SendGrid repeats it.
    """
    if 200 <= status < 300:
        return Accepted(message_id(headers.get("X-Message-Id", "")))
    reason = http_reason(status, body, private=private)
    if status == 429:
        asked, reset = _retry_after(headers, now), _reset_after(headers, now)
        if asked is None and reset is not None:
            asked = max(LEAST_SILENCE, reset)
        return NotAccepted(reason, asked, throttled=True)
    if status == 503:
        return NotAccepted(reason, retry_after=_retry_after(headers, now))
    # A redirect comes from a proxy or a misconfigured host: SendGrid's mail-send has none.
    if status in _NOT_ABOUT_THE_MESSAGE or 300 <= status < 400:
        return NotAccepted(reason)
    if 400 <= status < 500:
        return Refused(reason)
    return Unconfirmed(reason)


def allowance(headers: Mapping[str, str], *, now: float) -> Allowance | None:
    """What the response says of SendGrid's own limit; None unless it says both how many and until when."""
    remaining = headers.get("X-RateLimit-Remaining", "")
    reset_after = _reset_after(headers, now)
    if reset_after is None or not _COUNT.fullmatch(remaining):
        return None
    return Allowance(int(remaining), reset_after)


def message_id(text: str) -> str:
    """SendGrid's name for a message; empty if `text` cannot be one."""
    return text if _MESSAGE_ID.fullmatch(text) else ""


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    value = headers.get("Retry-After", "").strip()
    if _COUNT.fullmatch(value):
        return min(float(value), LONGEST_SILENCE)
    moment = _epoch(value)
    return None if moment is None else min(max(0.0, moment - _their_now(headers, now)), LONGEST_SILENCE)


def _reset_after(headers: Mapping[str, str], now: float) -> float | None:
    value = headers.get("X-RateLimit-Reset", "")
    if not _COUNT.fullmatch(value):
        return None
    # Their clock is told in whole seconds, which at full pace, with nothing remaining all the time, would be a pause of
    # a second again and again. Ours is finer; where it is wrong, theirs bounds the pause, and 429 tells of the rest.
    return min(max(0.0, int(value) - max(now, _their_now(headers, now))), LONGEST_SILENCE)


def _their_now(headers: Mapping[str, str], now: float) -> float:
    # Their clock tells how far off their own moment is; ours may be wrong by minutes.
    moment = _epoch(headers.get("Date", ""))
    return now if moment is None else moment


# A thousand responses in a second bear the same date.
@lru_cache(maxsize=16)
def _epoch(http_date: str) -> float | None:
    if not http_date:
        return None
    try:
        return parsedate_to_datetime(http_date).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError, OSError):
        return None
