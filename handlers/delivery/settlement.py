"""The settlement: from a provider's answer to what becomes of the ledger's row. A pure decision."""

from dataclasses import dataclass
from typing import Literal

from handlers.delivery.provider import Accepted, Answer, NotAccepted, Refused

State = Literal["planned", "sending", "accepted", "failed", "suppressed", "unconfirmed"]

FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What a row becomes. `delay`: seconds until it is due again, for one that is planned anew."""

    state: State
    reason: str | None = None
    evidence: str | None = None
    message_id: str | None = None
    delay: float | None = None


def settlement_of(answer: Answer, attempt: int) -> Settlement:
    """What the answer to this attempt means for the row.

    Attempts are not limited: an outage burns none. What is never accepted is suppressed when the campaign ends.
    """
    match answer:
        case Accepted(message_id):
            return Settlement(state="accepted", evidence="answer", message_id=message_id or None)
        case NotAccepted(throttled=throttled):
            # Throttling holds everybody back at once; the row itself did nothing wrong.
            delay = None if throttled else min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempt, 10))
            return Settlement(state="planned", reason=_fit(answer.reason), delay=delay)
        case Refused():
            return Settlement(state="failed", reason=_fit(answer.reason))
        case _:
            return Settlement(state="unconfirmed", reason=_fit(answer.reason))


def _fit(reason: str) -> str:
    """The reason as an event can hold it: one that does not fit must not cost the answer, nor those settled with it."""
    return reason[:LONGEST_REASON].replace("\x00", " ") or "no reason given"
