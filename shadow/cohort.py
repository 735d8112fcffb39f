"""The cohort: which path owns a unit in a run, as the run's event has frozen it."""

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa

from shadow.outcome import Path


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Who acts in one run. `sends`: whether anybody does; `percent`: how many units of 100 go the new way."""

    sends: bool
    percent: float
    salt: str

    def owner(self, unit: str) -> Path | None:
        """The one path that acts for this unit; None in a run that only compares."""
        if not self.sends:
            return None
        return "event_driven" if share(unit, self.salt) < self.percent else "legacy"


def share(unit: str, salt: str) -> float:
    """Where the unit stands in [0, 100): below n %, it is in every cohort of n % or more with this salt."""
    found = hashlib.blake2b(f"{salt}\x00{unit}".encode(), digest_size=8).digest()
    return int.from_bytes(found, "big") * 100 / 2**64


def cohort_of(connection: sa.Connection, run: str) -> Cohort:
    """The cohort of a run that was opened."""
    row = connection.execute(_COHORT, {"run": run}).one()
    return Cohort(sends=row.sends, percent=row.event_driven_percent, salt=row.salt)


_COHORT = sa.text("SELECT sends, event_driven_percent, salt FROM cutover.runs WHERE run = :run")
