"""A reconciliation plan: what a job hands in so that its runs can be compared and explained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from reconcile.judgement import Judgement
from reconcile.policy import Policy
from reconcile.replay import Replayer
from reconcile.stage_gate import Ahead
from shadow.job import Job


@dataclass(frozen=True, kw_only=True)
class ReconciliationPlan:
    """What reconciliation must know of one job.

    `influences` maps the name of each input to the types of the events that can change it; an input it does not name is
    never explained by an event. `shared_inputs` are those that an event of *any* unit can change. `creates` are the
    types of the events that bring a unit into being: only such an event, come late, explains that the event-driven path
    has no outcome for it. `eligibility` are the reasons for skipping that say the unit may not get anything. `due`
    counts the units that must have an outcome in a run; without it, those that have one. `replayer` computes outcomes
    anew; without it no mismatch is explained. `configuration` is what the judged system is set to, by name.
    `ahead` says, of a judgement and what puts it in doubt, which move is next and what keeps it from being made.
    `show_unit` is the command which shows one pair in full, with `{run}` and `{unit}` to be filled in; `reproduce` the
    one that varies one `{suspect}`; `sign_off` the one that signs the report of this `{digest}`, empty
    where there is nothing to sign.
    """

    job: Job
    policy: Policy
    influences: Mapping[str, frozenset[str]] = field(default_factory=dict)
    shared_inputs: frozenset[str] = frozenset()
    creates: frozenset[str] = frozenset()
    eligibility: frozenset[str] = frozenset()
    due: Callable[[sa.Connection, str], int] | None = None
    replayer: Replayer | None = None
    configuration: Mapping[str, str] = field(default_factory=dict)
    ahead: Callable[[sa.Connection, Judgement, Sequence[str]], Ahead | None] | None = None
    show_unit: str = "cutover explain {run} {unit}"
    reproduce: str = "cutover explain {run} {unit} --suspect {suspect}"
    sign_off: str = 'cutover sign-off {digest} --why "..."'
