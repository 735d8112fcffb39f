"""Replay as reconciliation needs it: what a job hands in so that differences can be explained from the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from shadow.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """One thing that may be wrong with a path. `says` is what, in words; variants of one suspect share its name."""

    name: str
    says: str


class RunReplay(Protocol):
    """Computes outcomes of one run anew, from the log up to its barrier. Units without an outcome are left out."""

    def outcomes(self, units: Sequence[str], suspect: Suspect | None = None) -> Mapping[str, Outcome]:
        """What the rule says, or what it says with this one suspect changed."""

    def with_late_events(self, units: Sequence[str]) -> Mapping[str, Outcome]:
        """What the rule says if the run's late events are counted in."""


class Replayer(Protocol):
    """Replays the runs of one job."""

    suspects: Sequence[Suspect]
    """In the order of telling: of two that explain the same units equally well the earlier one is named."""

    def of_run(self, connection: sa.Connection, run: str, late: Sequence[str]) -> RunReplay:
        """The replay of a run that was opened; `late` are the ids of its late events."""
