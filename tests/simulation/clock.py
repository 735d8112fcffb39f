"""The clock of a simulation: time passes when the schedule says so."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """Seconds since the schedule began. `yields` lets the others go on when somebody sleeps."""

    def __init__(self, yields: Callable[[], None] = lambda: None) -> None:
        self.seconds = 0.0
        # Near the database's own clock: what ends a campaign is told by that one alone.
        self._began = datetime.now(UTC)
        self._yields = yields

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)
        self._yields()

    def pass_by(self, seconds: float) -> None:
        """Let so much time pass for everybody."""
        self.seconds += seconds
