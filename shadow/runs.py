"""Runs as the log tells them: opened when their event comes by, closed when the path's last subscription is through."""

from collections.abc import Sequence

import sqlalchemy as sa

from events import Batch, RunEvent, Subscription, recorded
from shadow.recorder import close_path, open_path, open_run

RUNS = frozenset({"WeekStarted", "DayStarted"})


def run_subscriptions(code_version: str, *, last: Sequence[str], normalisation: str = "") -> list[Subscription]:
    """`runs` opens each run before anything is recorded; `run_ends` closes it behind the subscriptions in `last`."""

    def open_runs(connection: sa.Connection, batch: Batch) -> None:
        for position, event in _runs(batch):
            open_run(connection, event, position)
            open_path(connection, event.run, "event_driven", code_version, normalisation)

    def close_runs(connection: sa.Connection, batch: Batch) -> None:
        for _, event in _runs(batch):
            close_path(connection, event.run, "event_driven")

    return [
        Subscription(name="runs", queue="orchestrator", types=RUNS, partitioned=False, reaction=open_runs),
        Subscription(
            name="run_ends",
            queue="orchestrator",
            types=RUNS,
            partitioned=False,
            after=tuple(last),
            reaction=close_runs,
        ),
    ]


def open_begun_runs(connection: sa.Connection) -> list[str]:
    """Open the weekly runs that have begun by the log and that no worker has come to yet; their names."""
    opened = []
    for each in recorded(connection.execute(_BEGUN)):
        if isinstance(each.event, RunEvent):
            open_run(connection, each.event, each.position)
            opened.append(each.event.run)
    return opened


def _runs(batch: Batch) -> list[tuple[int, RunEvent]]:
    return [(each.position, each.event) for each in batch.events if isinstance(each.event, RunEvent)]


_BEGUN = sa.text("""
    SELECT e.position, e.type, e.version, e.data::text AS data FROM cutover.events e
    WHERE e.type = 'WeekStarted' AND e.partition = -1
      AND NOT EXISTS (SELECT FROM cutover.runs r WHERE r.run = e.data ->> 'run')
    ORDER BY e.position
""")
