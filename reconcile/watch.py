"""The watch's decision: whether a canary that is running has crossed a limit."""

from dataclasses import dataclass

from reconcile.stage_measures import Measures


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a running canary may not exceed.

    A rate is taken from at least `settled` e-mails and `failures` of them: one bad address among the first twenty says
    nothing. `lag` is in seconds.
    """

    failure_rate: float = 0.02
    settled: int = 20
    failures: int = 5
    unexplained: int = 0
    lag: float = 300.0


LIMITS = Limits()


def breach(measures: Measures, limits: Limits = LIMITS) -> str | None:
    """The limit that is crossed, with its figure; None when all is well."""
    rate = measures.failure_rate
    enough = measures.sent >= limits.settled and measures.failures >= limits.failures
    if rate is not None and enough and rate > limits.failure_rate:
        return (
            f"delivery failures: {measures.failures:,} of {measures.sent:,} ({rate:.1%}) were refused for good, "
            f"the limit is {limits.failure_rate:.1%}"
        )
    if measures.unexplained > limits.unexplained:
        return (
            f"unexplained mismatches: {measures.unexplained:,} in run {measures.reconciled}, "
            f"the limit is {limits.unexplained}"
        )
    if measures.lag_seconds > limits.lag:
        return (
            f"lag: an event has waited for {measures.lag_seconds:.0f} s ({measures.lag_events:,} behind), "
            f"the limit is {limits.lag:.0f} s"
        )
    if measures.seconds_late is not None and measures.seconds_late > 0:
        return f"deadline: run {measures.run} would end {measures.seconds_late:.0f} s too late at its pace"
    return None
