"""Windows that slide: what happened within the last second, exactly, and a quota that is kept to it."""

import math
from collections import deque
from dataclasses import dataclass


class SlidingWindow:
    """The moments within the last `length` seconds, and the most there ever were at once.

    A window holds its end and not its beginning: two moments exactly `length` apart are never in the same one.
    """

    def __init__(self, length: float) -> None:
        self.length = length
        self.most = 0
        self._moments: deque[float] = deque()

    def add(self, now: float) -> None:
        """Something happened; moments come in order."""
        self._moments.append(now)
        self.most = max(self.most, self.count(now))

    def count(self, now: float) -> int:
        """How many moments lie within the window that ends now."""
        moments, end = self._moments, now - self.length
        while moments and moments[0] <= end:
            moments.popleft()
        return len(moments)

    def until_next(self, now: float) -> float:
        """Seconds until the oldest moment leaves the window; 0 if there is none."""
        return self._moments[0] + self.length - now if self._moments else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the quota says of one request: `remaining` more may come at once, and `wait` seconds until there is more."""

    granted: bool
    remaining: int
    wait: float

    def retry_after(self) -> str:
        """The header: whole seconds, at least one."""
        return str(max(1, math.ceil(self.wait)))


class Quota:
    """At most `limit` requests in any window of `length` seconds; a refused request does not count."""

    def __init__(self, limit: int, length: float) -> None:
        self.limit = limit
        self._window = SlidingWindow(length)

    def ask(self, now: float) -> Verdict:
        """Whether a request may come in now; it is counted if so."""
        taken = self._window.count(now)
        if taken >= self.limit:
            return Verdict(False, 0, self._window.until_next(now))
        self._window.add(now)
        return Verdict(True, self.limit - taken - 1, self._window.until_next(now))

    def headers(self, verdict: Verdict, wall: float) -> dict[str, str]:
        """What every answer says of the quota; `wall` is the time of day in epoch seconds.

        The header knows whole seconds only. Rounded up, it would hold a client that sends at exactly the quota, and so
        has nothing remaining all the time, for a second again and again.
        """
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(verdict.remaining),
            "X-RateLimit-Reset": str(math.floor(wall + verdict.wait)),
        }
