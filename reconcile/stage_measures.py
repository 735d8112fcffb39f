"""Measures: how delivery and handlers are doing, as figures that stage gates and the watch hold against limits."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Measures:
    """The figures of one run that sends, `run`; empty if none has sent yet.

    `sent` counts what the provider was sent and is settled, `failures` those of it that it refused for good.
    `deadline_met`: whether everybody was settled before the campaign's end; None while it goes on. `seconds_late`: by
    how much the campaign would end too late at the pace it has now; None when nobody can say. `lag_events` and
    `lag_seconds` are those of the subscription furthest behind; `unexplained` are the mismatches of the newest
    reconciliation.
    """

    run: str = ""
    failures: int = 0
    sent: int = 0
    deadline_met: bool | None = None
    seconds_late: float | None = None
    lag_events: int = 0
    lag_seconds: float = 0.0
    unexplained: int = 0
    reconciled: str = ""

    @property
    def failure_rate(self) -> float | None:
        """Failures over sent; None where nothing was sent."""
        return self.failures / self.sent if self.sent else None
