"""Looking at a recorded run once and again, and what changes between the looks."""

from typing import TypeAlias

import sqlalchemy as sa

from reconcile import ReconciliationPlan, Totals, reconcile
from reconcile.schema import comparisons, reconciliations
from shadow.outcome import Outcome, Path
from shadow.recorder import revise
from tests.reconcile.recorded_runs import PLAN

RUN = "2026-W47"
Rows: TypeAlias = dict[str, tuple[object, ...]]


def look(database: sa.Engine, run: str = RUN, plan: ReconciliationPlan = PLAN) -> Totals:
    """What reconciling comes to."""
    return reconcile(database, run, plan, code_version="abc")


def rows(database: sa.Engine, run: str = RUN) -> Rows:
    """The stored verdicts, without who judged."""
    columns = [column for column in comparisons.c if column.name not in ("run", "judged_by")]
    with database.connect() as connection:
        return {row.unit: tuple(row) for row in connection.execute(sa.select(*columns).where(comparisons.c.run == run))}


def forget(database: sa.Engine, run: str = RUN) -> None:
    """As if nobody had ever looked."""
    with database.begin() as connection:
        for table in (comparisons, reconciliations):
            connection.execute(sa.delete(table).where(table.c.run == run))


def change(database: sa.Engine, path: Path, *outcomes: Outcome, run: str = RUN) -> int:
    """Revise outcomes; how many say something else now."""
    with database.begin() as connection:
        return revise(connection, PLAN.job, run, path, outcomes)
