"""The reconciliation plan of a running system: the job's own, what the system is set to, and what is ahead of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from console.configuration import configuration
from console.migration import ahead
from console.weekly_job import plan_in
from reconcile import ReconciliationPlan
from reconcile.judgement import Judgement
from reconcile.stage_gate import Ahead

if TYPE_CHECKING:
    from console.wiring import System


def plan_of(system: "System", database: str | None = None, *, in_event_time: bool = False) -> ReconciliationPlan:
    """The plan for this system. With `database`, commands in its reports look into that one.

    `in_event_time`: a rehearsal, whose report is looked at right after its last run, whenever that is said to have
    been, and which nobody signs.
    """

    def next_move(connection: sa.Connection, judged: Judgement, doubts: Sequence[str]) -> Ahead | None:
        now = judged.last_run_at if in_event_time else datetime.now(UTC)
        return ahead(system, connection, judged, doubts, now)

    plan = replace(plan_in(database), configuration=configuration(system), ahead=next_move)
    return replace(plan, sign_off="") if in_event_time else plan
