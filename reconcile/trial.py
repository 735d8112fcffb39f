"""Trials: one unit replayed with one suspect at a time, held against what each path recorded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from reconcile.comparison import pairs_of
from reconcile.late import late_events
from reconcile.pair import Recorded
from reconcile.plan import ReconciliationPlan
from reconcile.replay import Suspect
from reconcile.seal import seal
from shadow.outcome import Outcome, Path


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a replay came to; `suspect` None is the rule itself. `outcome` None: none at all.

    `brings_about` are the paths whose recorded outcome it equals.
    """

    suspect: Suspect | None
    outcome: Outcome | None
    brings_about: tuple[Path, ...]


def trials(
    connection: Connection, run: str, unit: str, plan: ReconciliationPlan, suspects: Sequence[Suspect]
) -> Iterator[Trial]:
    """The rule itself, then each suspect. Nothing if the job has no replayer, or neither path knows the unit."""
    pair = pairs_of(connection, run, [unit]).get(unit)
    if plan.replayer is None or pair is None:
        return
    replay = plan.replayer.of_run(connection, run, late_events(connection, run).ids())
    sides: tuple[tuple[Path, Recorded | None], ...] = (("legacy", pair.legacy), ("event_driven", pair.event_driven))
    for suspect in (None, *suspects):
        outcome = replay.outcomes([unit], suspect).get(unit)
        digest = seal(outcome, plan.policy.normalise).outcome.hex() if outcome else None
        matching = tuple(path for path, side in sides if (side.digest if side else None) == digest)
        yield Trial(suspect=suspect, outcome=outcome, brings_about=matching)
