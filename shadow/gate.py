"""The gate: both paths hand it every outcome. It records them all, and lets act whoever owns the unit."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from shadow.cohort import cohort_of
from shadow.job import Job
from shadow.outcome import Outcome, Path
from shadow.recorder import record

Act = Callable[[sa.Connection, str, Path, Sequence[Outcome]], None]
"""What acting on outcomes means to a job: take these of one run and path, in the transaction of the connection."""


class Gate:
    """The one way out of a job, for both of its paths.

    A unit belongs to one path a run, so whatever both paths do, and however often, at most one of them gets to act.

    A rollback waits for what the event-driven path is handing in. It does not wait for the legacy path, whose
    transaction lasts as long as its batch: what that one did not act on is handed in again (`shadow/rollback.py`).
    """

    def __init__(self, job: Job, act: Act) -> None:
        self.job = job
        self._act = act

    def __call__(self, connection: sa.Connection, run: str, path: Path, outcomes: Sequence[Outcome]) -> int:
        """Record outcomes of an open run and let act whoever owns their units; how many were recorded."""
        recorded = record(connection, self.job, run, path, outcomes)
        cohort = cohort_of(connection, run, hold=path == "event_driven")
        owned = [outcome for outcome in outcomes if cohort.owner(outcome.unit) == path]
        if owned:
            self._act(connection, run, path, owned)
        return recorded
