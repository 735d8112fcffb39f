"""Trials: one unit replayed with one suspect at a time, held against what each path recorded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from reconcile.comparison import pairs_of
from reconcile.late import late_events
from reconcile.pair import Pair, Recorded
from reconcile.plan import ReconciliationPlan
from reconcile.progress import PATHS
from reconcile.replay import Suspect
from reconcile.seal import Seal, seal
from shadow.outcome import Outcome, Path


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a replay came to; `suspect` None is the rule itself. `outcome` None: none at all.

    `brings_about` are the paths whose recorded outcome it equals; or, where both are what the rule says and the
    event-driven path computed its own from something else, whether it saw the same inputs.
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

    def sealed(suspect: Suspect | None) -> tuple[Outcome | None, Seal | None]:
        outcome = replay.outcomes([unit], suspect).get(unit)
        return outcome, seal(outcome, plan.policy.normalise) if outcome else None

    outcome, rule = sealed(None)
    misread = _misread(pair, rule)
    done = tuple(path for path in _done(pair, rule) if path not in misread)
    yield Trial(suspect=None, outcome=outcome, brings_about=done)
    for suspect in suspects:
        outcome, found = sealed(suspect)
        done = _reads_the_same(pair, found) if misread else _done(pair, found)
        yield Trial(suspect=suspect, outcome=outcome, brings_about=done)


def _done(pair: Pair, found: Seal | None) -> tuple[Path, ...]:
    """The paths whose recorded outcome is this one."""
    digest = found.outcome.hex() if found else None
    sides: tuple[tuple[Path, Recorded | None], ...] = (("legacy", pair.legacy), ("event_driven", pair.event_driven))
    return tuple(path for path, side in sides if (side.digest if side else None) == digest)


def _misread(pair: Pair, rule: Seal | None) -> tuple[Path, ...]:
    """The event-driven path where both did what the rule says, and it did so from something else than the log says."""
    if len(_done(pair, rule)) < len(PATHS) or rule is None or _reads_the_same(pair, rule):
        return ()
    return ("event_driven",)


def _reads_the_same(pair: Pair, found: Seal | None) -> tuple[Path, ...]:
    """The event-driven path if its outcome was computed from what this one was computed from."""
    side = pair.event_driven
    return ("event_driven",) if found and side and side.fingerprint == found.inputs.hex() else ()
