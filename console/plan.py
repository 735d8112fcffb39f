"""The reconciliation plan of a running system: the job's own, what the system is set to, and what is ahead of it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from console.configuration import configuration
from console.migration import gates_ahead
from console.weekly_job import plan_in
from reconcile import ReconciliationPlan

if TYPE_CHECKING:
    from console.wiring import System


def plan_of(system: "System", database: str | None = None) -> ReconciliationPlan:
    """The plan for this system. With `database`, commands in its reports look into that one."""
    return replace(
        plan_in(database),
        configuration=configuration(system),
        stage_gates=lambda connection, judged, doubts: gates_ahead(system, connection, judged, doubts),
    )
