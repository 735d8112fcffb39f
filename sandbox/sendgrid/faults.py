"""The faults the stand-in can be told to have, each with the settings it takes."""

from typing import Annotated, Literal, TypeAlias

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hits a `share` of the occasions, drawn from the seed; passes after `for_seconds`, real ones, None for never."""

    share: Share = 1.0
    for_seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None


class Outage(Fault, frozen=True, kw_only=True):
    """No service. `refuse`: connections are refused; `unavailable`: 503; `hang`: silence.

    With a share, a refused request is reset before its body is read: a port cannot be closed for some requests only.
    """

    mode: Literal["refuse", "unavailable", "hang"] = "unavailable"


class Throttle(Fault, frozen=True, kw_only=True):
    """429, and come back after `retry_after` seconds."""

    retry_after: Annotated[int, msgspec.Meta(ge=0)] = 1


class Slow(Fault, frozen=True, kw_only=True):
    """The mail is accepted at once; the answer takes `seconds`."""

    seconds: Seconds = 1.0


class AcceptThenDrop(Fault, frozen=True, kw_only=True):
    """The mail is accepted, and the connection reset instead of an answer."""


class ErrorAfterAccept(Fault, frozen=True, kw_only=True):
    """The mail is accepted, and the answer says that something broke."""

    status: Literal[500, 502, 504] = 500


class ErrorBeforeAccept(Fault, frozen=True, kw_only=True):
    """Something breaks and the mail is not accepted; the answer is the same as if it were."""

    status: Literal[500, 502, 504] = 500


class Duplicate(Fault, frozen=True, kw_only=True):
    """Webhook: an event is posted `copies` times in all, each under an id of its own."""

    copies: Annotated[int, msgspec.Meta(ge=2, le=50)] = 2


class Reorder(Fault, frozen=True, kw_only=True):
    """Webhook: an event is held back for a while, so that later ones overtake it; batches are shuffled."""


class Delay(Fault, frozen=True, kw_only=True):
    """Webhook: an event is posted `seconds` late."""

    seconds: Seconds = 5.0


class Lose(Fault, frozen=True, kw_only=True):
    """Webhook: an event is never posted."""


class StripCustomArgs(Fault, frozen=True, kw_only=True):
    """Webhook: an event comes without the custom arguments of its mail."""


class LogsLag(Fault, frozen=True, kw_only=True):
    """Logs: nothing younger than `seconds` shows up."""

    seconds: Seconds = 30.0


class LogsUnavailable(Fault, frozen=True, kw_only=True):
    """Logs: 503."""


# The name of each fault, its type, and the setting that a bare value stands for.
FAULTS: dict[str, tuple[type[Fault], str]] = {
    "outage": (Outage, "mode"),
    "throttle": (Throttle, "retry_after"),
    "slow": (Slow, "seconds"),
    "accept_then_drop": (AcceptThenDrop, "share"),
    "error_after_accept": (ErrorAfterAccept, "status"),
    "error_before_accept": (ErrorBeforeAccept, "status"),
    "duplicate": (Duplicate, "copies"),
    "reorder": (Reorder, "share"),
    "delay_seconds": (Delay, "seconds"),
    "lose": (Lose, "share"),
    "strip_custom_args": (StripCustomArgs, "share"),
    "logs_lag_seconds": (LogsLag, "seconds"),
    "logs_unavailable": (LogsUnavailable, "share"),
}

Name: TypeAlias = str
