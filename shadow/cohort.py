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


def cohort_of(connection: sa.Connection, run: str, *, hold: bool = False) -> Cohort:
    """The cohort of a run that was opened; in one that was rolled back it is empty, and the legacy path owns everybody.

    With `hold` the run is not rolled back before the transaction ends.
    """
    row = connection.execute(_HOLD if hold else _LOOK, {"run": run}).one()
    percent = 0.0 if row.rolled_back else row.event_driven_percent
    return Cohort(sends=row.sends, percent=percent, salt=row.salt)


def frozen_cohort(connection: sa.Connection, run: str) -> Cohort:
    """The cohort that the run's event has frozen, whatever became of the run."""
    row = connection.execute(_LOOK, {"run": run}).one()
    return Cohort(sends=row.sends, percent=row.event_driven_percent, salt=row.salt)


_COHORT = """
    SELECT sends, event_driven_percent, salt, rolled_back_at IS NOT NULL AS rolled_back
    FROM cutover.runs WHERE run = :run
"""
_LOOK = sa.text(_COHORT)
_HOLD = sa.text(f"{_COHORT} FOR SHARE")
