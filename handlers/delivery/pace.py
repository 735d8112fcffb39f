"""The pace: how fast all sending workers together may send, kept in Redis, with throttling and a breaker.

**Why the provider never sees more than `quota` requests in any window.** Every departure has a token, and the token is
held from the moment it is given out until one window after the request was answered, or, without an answer, until one
window after the latest moment it may still arrive (departure + transit). A departure at T is given out only if fewer
than `quota` tokens are held beyond T. Now take any requests that reach the provider within one window, and among them
the one given out last, departing at T. It arrives at T or later, so each of the others arrives later than T - window;
each is held until at least one window after it arrives, that is beyond T, and was counted. So they are at most `quota`,
however slow, fast or out of order the network was, and no worker's clock comes into it.

The price is that a slow provider is sent less: quota / (window + latency) requests a second. That cannot be had back
without guessing when a request arrived.

It rests on four things. A worker that is held up does not send a slot it got long ago, but gives it back (see `Slot`).
Redis' clock does not jump forward (set back, it costs no more than the time since the last call). Redis does not fail
over to a copy that lacks the last grants. When Redis has lost its data, what was on its way arrives within `grace`, or
its verdict comes in; for that long plus one window, nothing is given out.

Within the quota, departures are spaced by the generic cell rate algorithm (ITU-T I.371): at most `burst` at once.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
import redis
from redis.asyncio import Redis

from handlers.delivery.pace_limits import Limits
from handlers.delivery.provider import DeliveryError

__all__ = ["Grant", "Limits", "Pace", "PaceState", "PaceUnavailable", "Slot", "Verdict", "Why"]

Why: TypeAlias = Literal["", "quota", "throttled", "outage", "probing", "warming_up"]

_HERE = Path(__file__).parent
_SHARED = ("pace_state.lua", "breaker.lua")
_TOKEN = re.compile(r"\d+:\d+")
# More would not fit on the stack of a script.
_AT_ONCE = 1000
# What a server that is there answers while it cannot work; the client has types of its own for the others.
_CANNOT_NOW = ("BUSY", "MISCONF", "NOREPLICAS", "UNKILLABLE")
_AWAY = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.ReadOnlyError,
    redis.OutOfMemoryError,
    redis.exceptions.ClusterDownError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to send one request, `departs_in` seconds after the grant came in, never earlier.

    Whoever is late by so much that the request could arrive more than `transit` after the departure must not use it,
    but settle it as UNUSED.
    """

    token: str
    departs_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Slots in the order of their departures; without any, ask again after `wait` seconds (at most one), told `why`."""

    slots: Sequence[Slot]
    wait: float = 0.0
    why: Why = ""


class Verdict(Enum):
    """What became of a token."""

    SUCCESS = "success"
    """The provider answered and is well; whether it liked the message is another matter."""
    FAILURE = "failure"
    """The provider answered that it is not well, or the request certainly never reached it."""
    UNANSWERED = "unanswered"
    """As bad as FAILURE, and the request may still arrive: it timed out, or the connection broke after it was sent."""
    NEUTRAL = "neutral"
    """The provider answered what says nothing about its health, such as 429."""
    UNUSED = "unused"
    """Nothing was sent. Its place in the window is free again at once; its departure is not given to another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceState:
    """How things stand, for people to look at.

    `resumes_in`: seconds until something may depart again, 0 if it may now. `failures`: in a row. `in_flight`: given
    out and neither answered nor given up. `sent`: departures in the last window.
    """

    breaker: Literal["closed", "open", "probing"]
    resumes_in: float
    why: Why
    failures: int
    in_flight: int
    sent: int


class PaceUnavailable(DeliveryError):
    """Redis does not answer or cannot write now, so nothing may be sent."""


class Pace:
    """The pace of all workers that use the same Redis, namespace and limits.

    Its keys are `{namespace}:pace:...` and vanish an hour after the last use. `client` stays the caller's to close.
    `now` is a source of seconds for simulated time; without it, Redis' own clock is the only one.
    """

    def __init__(
        self, client: Redis, namespace: str, limits: Limits, *, now: Callable[[], float] | None = None
    ) -> None:
        self.limits = limits
        self._now = now
        self._keys = [f"{namespace}:pace:{name}" for name in ("state", "holds", "probes")]
        self._encoded = msgspec.json.encode(limits.in_microseconds())
        self._acquire = client.register_script(_script("pace_acquire.lua"))
        self._settle = client.register_script(_script("pace_settle.lua"))
        self._look = client.register_script(_script("pace_look.lua", "flags=no-writes"))

    async def acquire(self, want: int) -> Grant:
        """From one up to `want` slots (a thousand at most at once), or none and how long to wait.

        Every slot has to be settled; one that is not counts as in flight for `transit`. Raises PaceUnavailable.
        """
        if want < 1:
            raise ValueError(f"want is {want}, expected at least 1")
        with _unavailable():
            reply = await self._acquire(self._keys, self._arguments(min(want, _AT_ONCE)))
        return _grant(msgspec.json.decode(reply, type=_Granted))

    async def settle(self, verdicts: Sequence[tuple[str, Verdict]], *, closed_for: float = 0.0) -> None:
        """Say what became of tokens. Saying it twice is harmless; of one token the first verdict counts.

        `closed_for`: the provider asked for so many seconds of silence. No departure within them is given out any more;
        the longest standing request counts. Raises PaceUnavailable, after which it may be said again.
        """
        if not 0 <= closed_for < 1_000_000_000:
            raise ValueError(f"closed_for is {closed_for!r}, expected seconds, zero or more")
        for token, _ in verdicts:
            if not _TOKEN.fullmatch(token):
                raise ValueError(f"the token is {token!r}, expected one from a slot of this pace")
        spoken = [word for token, verdict in dict(verdicts).items() for word in (token, verdict.value)]
        for start in range(0, max(1, len(spoken)), 2 * _AT_ONCE):
            said = spoken[start : start + 2 * _AT_ONCE]
            with _unavailable():
                await self._settle(self._keys, self._arguments(_microseconds(closed_for), *said))

    async def state(self) -> PaceState:
        """How things stand now; changes nothing. Raises PaceUnavailable."""
        with _unavailable():
            reply = await self._look(self._keys, self._arguments())
        state = msgspec.json.decode(reply, type=PaceState)
        return replace(state, resumes_in=state.resumes_in / 1_000_000)

    def _arguments(self, *arguments: str | int) -> list[str | int | bytes]:
        return [self._encoded, "" if self._now is None else _microseconds(self._now()), *arguments]


class _Granted(msgspec.Struct):
    """What the script answers; times in microseconds."""

    why: Why = ""
    wait: float = 0.0
    slots: list[tuple[str, float]] = []


def _grant(granted: _Granted) -> Grant:
    slots = tuple(Slot(token, departs_in / 1_000_000) for token, departs_in in granted.slots)
    return Grant(slots=slots, wait=granted.wait / 1_000_000, why=granted.why)


def _script(name: str, flags: str = "") -> str:
    # With this first line a server that may not write refuses the script before it runs, and not in the middle of it.
    head = f"#!lua {flags}".rstrip()
    return "\n".join([head, *((_HERE / part).read_text(encoding="utf-8") for part in (*_SHARED, name))])


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except _AWAY as error:
        raise PaceUnavailable(f"Redis is away, so nothing may be sent: {error}") from error
    except redis.ResponseError as error:
        if not str(error).startswith(_CANNOT_NOW):
            raise
        raise PaceUnavailable(f"Redis cannot write now, so nothing may be sent: {error}") from error
