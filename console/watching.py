"""What the relay's sweep does for the migration: follows rolled back runs, watches canaries, judges drills."""

from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa
import structlog

from console.measuring import measured
from console.running import is_over, running_canaries
from events import DrillRecorded, Duty, Nudge, StageChanged, Subscriptions, emit
from handlers.delivery.drill import judge, moved
from reconcile.watch import LIMITS, Limits, breach
from shadow.rollback import Rollback
from shadow.runs import open_begun_runs
from shadow.stage import standing

log = structlog.get_logger()

WATCH = "watch"
"""Who rolls back where nobody did."""


def migration_duties(subscriptions: Subscriptions, rollback: Rollback) -> tuple[Duty, ...]:
    """The duties, in this order."""

    def follow(connection: sa.Connection) -> Iterable[Nudge]:
        rollback.follow(connection)
        return ()

    def watch(connection: sa.Connection) -> Iterable[Nudge]:
        watch_canaries(connection, subscriptions, rollback)
        return ()

    def drills(connection: sa.Connection) -> Iterable[Nudge]:
        record_drills(connection)
        return ()

    return (follow, watch, drills)


def watch_canaries(
    connection: sa.Connection, subscriptions: Subscriptions, rollback: Rollback, limits: Limits = LIMITS
) -> str | None:
    """Roll every running canary back if one has crossed a limit, and the stage to shadow; the limit, with its figure.

    Only what the event-driven path sent counts as its failures. Once: a run that was rolled back is not watched.
    """
    open_begun_runs(connection)
    runs = running_canaries(connection)
    if not runs or standing(connection).stage != "canary":
        return None
    found = (breach(measured(connection, subscriptions, run, path="event_driven"), limits) for run in runs)
    crossed = next((each for each in found if each), None)
    if crossed is None:
        return None
    now = datetime.now(UTC)
    done = [run for run in runs if rollback(connection, run, by=WATCH, why=crossed, at=now)]
    if done:
        emit(connection, StageChanged(stage="shadow", percent=0, by=WATCH, why=crossed, occurred_at=now))
        log.error("canary_rolled_back", runs=done, why=crossed)
    return crossed


def record_drills(connection: sa.Connection) -> None:
    """Judge every drill that is over and was not judged, and tell the result."""
    for run in connection.scalars(_DRILLS).all():
        if not is_over(connection, run) or (found := moved(connection, run)) is None:
            continue
        judged = judge(found)
        recorded = DrillRecorded(
            run=run,
            passed=judged.passed,
            moved=judged.moved,
            by=WATCH,
            why=judged.found,
            occurred_at=datetime.now(UTC),
        )
        emit(connection, recorded)
        log.info("drill_recorded", run=run, passed=judged.passed, why=judged.found)


_DRILLS = sa.text("""
    SELECT r.run FROM cutover.runs r
    JOIN cutover.events e ON e.event_id = 'RunRolledBack:' || r.run AND CAST(e.data ->> 'drill' AS boolean)
    WHERE r.rolled_back_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM cutover.events WHERE event_id = 'DrillRecorded:' || r.run)
      AND NOT EXISTS (SELECT FROM cutover.outbox WHERE event_id = 'DrillRecorded:' || r.run)
    ORDER BY r.run FOR UPDATE OF r SKIP LOCKED
""")
"""Of two relays one judges."""
