"""What a storm is to be: how long, how hard, and over how large a shop."""

from dataclasses import dataclass

LEASE = 120.0
"""Seconds a claim holds; a sender that is frozen for longer is an edge that docs/guarantees.md names (I2)."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A storm of `seconds`; the seed decides which blow falls when, not what the machine makes of it.

    A blow falls every `interval` seconds in the mean, at most `blows` of them; pauses and outages take up to `longest`
    seconds. In a `hurry` the leases of the dead are ended by hand instead of waiting two minutes for it.
    """

    seconds: float = 600.0
    seed: int = 0
    users: int = 1000
    quota: int = 25
    orders: float = 10.0
    workers: int = 2
    interval: float = 4.0
    blows: int | None = None
    longest: float = 12.0
    hurry: bool = False
    patience: float = 420.0

    def __post_init__(self) -> None:
        # A sender gives back what it has held for half of its lease; nobody here is to be frozen for as long.
        if self.longest > LEASE / 4:
            raise ValueError(f"longest is {self.longest:g}; expected at most {LEASE / 4:g} s, a quarter of a lease")
