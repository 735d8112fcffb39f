"""What becomes of a mail after it was accepted: a pure function of its address, so that a demo can be repeated.

The local part decides: `bounce.`, `block.`, `drop.`, `slow.`, `spam.` and `unsub.` at its beginning mean what they say.
Any other mail is delivered; a digest of the address decides whether it is opened, by whom, and whether a link in it is
followed.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "processed", "deferred", "delivered", "bounce", "dropped", "open", "click", "spamreport", "unsubscribe"
]
Status: TypeAlias = Literal["processed", "delivered", "deferred", "dropped", "bounced", "blocked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event in the life of a mail, `after` seconds from its acceptance, with what the event says besides."""

    kind: Kind
    after: float
    status: Status
    details: Mapping[str, object] = field(default_factory=dict)


Course: TypeAlias = tuple[Step, ...]

_AGENT = {"ip": "203.0.113.7", "useragent": "Mozilla/5.0 (X11; Linux x86_64)"}

_PROCESSED = Step(kind="processed", after=0.05, status="processed")
_DELIVERED = Step(
    kind="delivered",
    after=0.3,
    status="delivered",
    details={"response": "250 2.0.0 OK", "ip": "198.51.100.4", "tls": 1},
)
_DEFERRED = Step(
    kind="deferred",
    after=0.3,
    status="deferred",
    details={"response": "450 4.2.1 the mailbox is busy, try again later", "attempt": "1", "domain": "example.com"},
)
_DELIVERED_LATER = Step(kind="delivered", after=2.0, status="delivered", details=_DELIVERED.details)
_BOUNCED = Step(
    kind="bounce",
    after=0.3,
    status="bounced",
    details={
        "type": "bounce",
        "status": "5.1.1",
        "reason": "550 5.1.1 the account that you tried to reach does not exist",
        "bounce_classification": "Invalid Address",
    },
)
_BLOCKED = Step(
    kind="bounce",
    after=0.3,
    status="blocked",
    details={
        "type": "blocked",
        "status": "4.7.1",
        "reason": "451 4.7.1 refused for now, for the reputation of the sender",
        "bounce_classification": "Reputation",
    },
)
_DROPPED = Step(kind="dropped", after=0.05, status="dropped", details={"reason": "Bounced Address", "status": "5.0.0"})
_OPENED = Step(kind="open", after=1.5, status="delivered", details={**_AGENT, "sg_machine_open": False})
_SCANNED = Step(kind="open", after=0.8, status="delivered", details={**_AGENT, "sg_machine_open": True})
_CLICKED = Step(
    kind="click", after=2.5, status="delivered", details={**_AGENT, "url_offset": {"index": 0, "type": "html"}}
)
_REPORTED = Step(kind="spamreport", after=2.0, status="delivered")
_UNSUBSCRIBED = Step(kind="unsubscribe", after=2.0, status="delivered")

_NAMED: dict[str, Course] = {
    "bounce": (_PROCESSED, _BOUNCED),
    "block": (_PROCESSED, _BLOCKED),
    "drop": (_DROPPED,),
    "slow": (_PROCESSED, _DEFERRED, _DELIVERED_LATER),
    "spam": (_PROCESSED, _DELIVERED, _REPORTED),
    "unsub": (_PROCESSED, _DELIVERED, _OPENED, _UNSUBSCRIBED),
}
_PLAIN: Course = (_PROCESSED, _DELIVERED)
# Out of a hundred mails: 6 opened and a link followed, 24 opened, 15 looked at by a scanner only, 55 never opened.
_BY_SHARE: tuple[tuple[int, Course], ...] = (
    (6, (*_PLAIN, _OPENED, _CLICKED)),
    (30, (*_PLAIN, _OPENED)),
    (45, (*_PLAIN, _SCANNED)),
    (100, _PLAIN),
)


def course(address: str) -> Course:
    """What happens to a mail to this address, in order."""
    prefix, dot, _ = address.partition("@")[0].partition(".")
    if dot and (named := _NAMED.get(prefix.lower())) is not None:
        return named
    share = zlib.crc32(address.lower().encode()) % 100
    return next(steps for below, steps in _BY_SHARE if share < below)


def reached(steps: Course, seconds: float) -> list[Step]:
    """What of it has happened that long after acceptance."""
    return [step for step in steps if step.after <= seconds]


def status(happened: Sequence[Step]) -> Status:
    """The mail's status in the logs after these steps."""
    return happened[-1].status if happened else "processed"


def reason(happened: Sequence[Step]) -> str:
    """What the other side said last; empty if it said nothing."""
    for step in reversed(happened):
        if said := step.details.get("reason") or step.details.get("response"):
            return str(said)
    return ""
