"""Rolling back a run: whoever the event-driven path has not acted for goes to the legacy path, at once and for good.

Nobody twice: what the event-driven path has acted for stays. Nobody forgotten: what the legacy path recorded without
acting on it, because the other path owned the unit, is handed in once more, now that it owns all of them.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import sqlalchemy as sa

from events import RunRolledBack, emit
from shadow.cohort import frozen_cohort
from shadow.errors import UnknownRun
from shadow.gate import Act
from shadow.outcome import Outcome

CHUNK = 5000
LONGEST_REASON = 300
NO_LEGACY_OUTCOME = "no_legacy_outcome"

GiveBack = Callable[[sa.Connection, str, str], Collection[str]]
"""What taking a run (run, reason) back means to a job: it gives what the event-driven path has not acted for to the
legacy path, and returns the units that wait for the legacy path to hand them in, those of earlier calls too."""


@dataclass(frozen=True, kw_only=True)
class RolledBack:
    """What rolling back came to: units that wait for the legacy path, and units that it handed in at once."""

    run: str
    waiting: int = 0
    handed_in: int = 0


class Rollback:
    """Rolls runs of one job back. `act` is what its gate does, `give_back` the opposite."""

    def __init__(self, act: Act, give_back: GiveBack) -> None:
        self._act = act
        self._give_back = give_back

    def __call__(
        self, connection: sa.Connection, run: str, *, by: str, why: str, at: datetime, drill: bool = False
    ) -> RolledBack | None:
        """Roll the run back in the transaction of `connection`, and tell so; None if it has been before.

        Waits for what the event-driven path is handing in at this moment. Raises UnknownRun for a run that has not
        begun.
        """
        row = connection.execute(_LOCK, {"run": run}).one_or_none()
        if row is None:
            raise UnknownRun(run)
        if row.rolled_back_at is not None:
            return None
        emit(connection, RunRolledBack(run=run, by=by, why=why, drill=drill, occurred_at=at))
        connection.execute(_ROLL_BACK, {"run": run})
        return self._hand_in(connection, run, f"rolled back: {why}"[:LONGEST_REASON])

    def follow(self, connection: sa.Connection) -> int:
        """Move what came back to planned since, and hand in what the legacy path has recorded since; how many units.

        To be called again and again while there are runs that were rolled back.
        """
        runs = connection.scalars(_TO_FOLLOW).all()
        return sum(self._hand_in(connection, run, "rolled back").handed_in for run in runs)

    def _hand_in(self, connection: sa.Connection, run: str, reason: str) -> RolledBack:
        waiting = self._give_back(connection, run, reason)
        state = connection.execute(_STATE, {"run": run}).one()
        if not state.recorded:
            return RolledBack(run=run, waiting=len(waiting))
        if state.handed_back and not waiting:
            return RolledBack(run=run)
        units = {*waiting} if state.handed_back else {*waiting, *_passed_over(connection, run)}
        for outcomes in _chunks(_recorded(connection, run, sorted(units))):
            self._act(connection, run, "legacy", outcomes)
        connection.execute(_HANDED_BACK, {"run": run})
        return RolledBack(run=run, handed_in=len(units))


def _passed_over(connection: sa.Connection, run: str) -> Iterator[str]:
    """The units which the legacy path has recorded and did not own then."""
    cohort = frozen_cohort(connection, run)
    units = connection.scalars(_UNITS, {"run": run})
    return (unit for unit in units if cohort.owner(unit) == "event_driven")


def _recorded(connection: sa.Connection, run: str, units: Sequence[str]) -> Iterator[Outcome]:
    """What the legacy path decided for each of these; where it knows nothing of one, that nothing is sent."""
    rows = connection.execute(_DECISIONS, {"run": run, "units": units})
    decided = {row.unit: Outcome(unit=row.unit, decision=row.decision, reason=row.reason) for row in rows}
    for unit in units:
        yield decided.get(unit) or Outcome(unit=unit, decision="skip", reason=NO_LEGACY_OUTCOME)


def _chunks(outcomes: Iterator[Outcome]) -> Iterator[Sequence[Outcome]]:
    while chunk := list(islice(outcomes, CHUNK)):
        yield chunk


_LOCK = sa.text("SELECT rolled_back_at FROM cutover.runs WHERE run = :run FOR NO KEY UPDATE")
"""Shuts out the gate, which shares the row, and not the batch, whose records refer to the row's key."""

_ROLL_BACK = sa.text("UPDATE cutover.runs SET rolled_back_at = clock_timestamp() WHERE run = :run")

_TO_FOLLOW = sa.text("""
    SELECT run FROM cutover.runs WHERE rolled_back_at IS NOT NULL ORDER BY run FOR NO KEY UPDATE SKIP LOCKED
""")
"""One that follows a run is enough."""

_STATE = sa.text("""
    SELECT handed_back_at IS NOT NULL AS handed_back,
           EXISTS (SELECT FROM cutover.path_runs p
                   WHERE p.run = runs.run AND p.path = 'legacy' AND p.finished_at IS NOT NULL) AS recorded
    FROM cutover.runs WHERE run = :run
""")

_UNITS = sa.text("SELECT unit FROM cutover.outcomes WHERE run = :run AND path = 'legacy'")

_DECISIONS = sa.text("""
    SELECT unit, decision, reason FROM cutover.outcomes
    WHERE run = :run AND path = 'legacy' AND unit = ANY(CAST(:units AS text[]))
""")

_HANDED_BACK = sa.text("UPDATE cutover.runs SET handed_back_at = clock_timestamp() WHERE run = :run")
