"""A reconciliation plan: what a job hands in so that its runs can be compared and explained."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconcile.policy import Policy
from shadow.job import Job


@dataclass(frozen=True, kw_only=True)
class ReconciliationPlan:
    """What reconciliation must know of one job.

    `influences` maps the name of each input to the types of the events that can change it; an input it does
    not name is never explained by an event. `shared_inputs` are those that an event of *any* unit can change.
    `creates` are the types of the events that bring a unit into being: only such an event, come late,
    explains that the event-driven path has no outcome for it. `show_unit` is the command which shows one pair in
    full, with `{run}` and `{unit}` to be filled in.
    """

    job: Job
    policy: Policy
    influences: Mapping[str, frozenset[str]] = field(default_factory=dict)
    shared_inputs: frozenset[str] = frozenset()
    creates: frozenset[str] = frozenset()
    show_unit: str = "cutover explain {run} {unit}"
