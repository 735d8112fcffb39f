"""The measures of the weekly job, as they are at this moment."""

import sqlalchemy as sa

from console.lag import waiting
from events import Subscriptions, lagging
from handlers.delivery.campaign import campaigns
from handlers.delivery.vitals import Vitals, vitals
from reconcile.stage_measures import Measures
from shadow.outcome import Path


def measured(
    connection: sa.Connection, subscriptions: Subscriptions, run: str | None = None, *, path: Path | None = None
) -> Measures:
    """The measures of a run, of the newest one that sends if none is given; failures of one path only, if it is."""
    run = run or next(iter(campaigns(connection, 1)), "")
    found = vitals(connection, run, path)
    newest = connection.execute(_WORST_RECONCILIATION, {"run": run}).one_or_none()
    behind = lagging(connection, subscriptions)
    old = waiting(connection, subscriptions, longer_than=0.0) if behind else ()
    return Measures(
        run=run,
        failures=found.failures,
        sent=found.sent,
        deadline_met=_deadline_met(run, found),
        seconds_late=found.seconds_late,
        lag_events=max(behind.values(), default=0),
        lag_seconds=max((each.seconds for each in old), default=0),
        unexplained=newest.unexplained if newest else 0,
        reconciled=newest.run if newest else "",
    )


def _deadline_met(run: str, found: Vitals) -> bool | None:
    return None if not run or found.open else not found.given_up


_WORST_RECONCILIATION = sa.text("""
    SELECT run, CAST(coalesce(c.totals ->> 'unexplained', c.totals ->> 'mismatch') AS int) AS unexplained
    FROM cutover.reconciliations c JOIN cutover.runs r USING (run)
    WHERE r.scheduled_at >= coalesce((SELECT scheduled_at FROM cutover.runs WHERE run = :run), '-infinity')
    ORDER BY unexplained DESC, r.scheduled_at DESC LIMIT 1
""")
