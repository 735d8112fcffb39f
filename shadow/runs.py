"""Runs as the log tells them: opened when their event comes by, closed when the path's last subscription is through."""

from collections.abc import Sequence

import sqlalchemy as sa

from events import Batch, RunEvent, Subscription
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


def _runs(batch: Batch) -> list[tuple[int, RunEvent]]:
    return [(each.position, each.event) for each in batch.events if isinstance(each.event, RunEvent)]
