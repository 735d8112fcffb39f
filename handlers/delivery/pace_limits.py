"""The limits of the pace: how fast, how far ahead, and when to leave a provider alone."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What all sending workers keep to together; every worker must be given the same. Times are in seconds.

    quota: requests that may reach the provider in any `window`; 0 is unlimited.
    burst: how many may depart at once after a pause; 1 spaces them evenly.
    window: what the quota counts in.
    lead: from the grant to the earliest departure; the time in which the ledger rows are claimed.
    horizon: departures further ahead than this after the lead are not given out yet.
    transit: a request reaches the provider at most so long after its departure, or never.
    grace: the same for requests that were on their way when Redis lost its data. It has to be short, because it is
        waited for at every first use, too.
    failures: so many in a row, over all workers, open the breaker.
    cool_down: how long the breaker stays open at first; doubles with every failed probe.
    longest_cool_down: what the doubling ends at.
    probes: requests let through when the cool-down is over.
    probe_patience: a probe nobody settled is given out again after so long.
    """

    quota: int = 100
    burst: int = 10
    window: float = 1.0
    lead: float = 0.02
    horizon: float = 0.2
    transit: float = 30.0
    grace: float = 0.25
    failures: int = 5
    cool_down: float = 2.0
    longest_cool_down: float = 30.0
    probes: int = 2
    probe_patience: float = 10.0

    def __post_init__(self) -> None:
        for name in ("quota", "lead", "horizon", "grace"):
            self._check(name, at_least=0)
        for name in ("burst", "failures", "probes"):
            self._check(name, at_least=1)
        for name in ("window", "transit", "cool_down", "probe_patience"):
            self._check(name, at_least=0.000_001)
        self._check("longest_cool_down", at_least=self.cool_down)

    def in_microseconds(self) -> dict[str, int]:
        """All limits as whole numbers, times in microseconds."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: round(v * 1_000_000) if isinstance(Limits.__dict__[name], float) else v for name, v in values.items()
        }

    def _check(self, name: str, *, at_least: float) -> None:
        value = getattr(self, name)
        if not at_least <= value < 1_000_000:
            raise ValueError(f"{name} is {value!r}, expected a number from {at_least:g} to under 1000000")
