"""Weekly recommendations as a job: how its outcomes are recorded, normalised, compared and explained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from console.weekly_outcome import outcome_of
from console.weekly_policy import POLICY
from console.weekly_replay import WeeklyReplayer
from console.weekly_users import names_in_shop, registered_users
from handlers.delivery import ledger
from handlers.emails import PlannedEmail
from reconcile import ReconciliationPlan
from shadow.gate import Gate
from shadow.job import Job
from shadow.outcome import Outcome, Path

SEND_WITHIN = 7200.0

JOB = Job(name="weekly recommendations", normalise=POLICY.normalise, normalisation=POLICY.normalisation_digest())

_PURCHASES = frozenset({"OrderPlaced", "OrderCancelled", "ItemsReturned"})

PLAN = ReconciliationPlan(
    job=JOB,
    policy=POLICY,
    influences={
        "history": _PURCHASES,
        "popularity": _PURCHASES,
        "catalogue": frozenset({"ProductAdded", "ProductChanged", "ProductRetired"}),
        "profile": frozenset({"UserRegistered", "UserUnsubscribed", "UserResubscribed"}),
    },
    shared_inputs=frozenset({"popularity", "catalogue"}),
    creates=frozenset({"UserRegistered"}),
    eligibility=frozenset({"unsubscribed", "unknown_user"}),
    due=registered_users,
    replayer=WeeklyReplayer(names_in_shop),
)


def plan_in(database: str | None, configuration: Mapping[str, str] | None = None) -> ReconciliationPlan:
    """The plan for a system of this configuration, with commands in its reports that look into this database.

    Without a database: the one the settings name.
    """
    plan = replace(PLAN, configuration=configuration or {})
    if not database:
        return plan
    where = f" --database {database}"
    return replace(plan, show_unit=plan.show_unit + where, reproduce=plan.reproduce + where)


def weekly_gate(partitions: int, send_within: float = SEND_WITHIN) -> Gate:
    """The gate of both paths: whoever owns a user enters their e-mail, or why there is none, in the send ledger.

    `send_within` is in seconds, from the run's first plan on.
    """

    def enter(connection: sa.Connection, run: str, path: Path, outcomes: Sequence[Outcome]) -> None:
        planned = [(outcome.unit, outcome.reason) for outcome in outcomes]
        ledger.plan(connection, run, path, planned, partitions=partitions, send_within=send_within)

    return Gate(JOB, enter)


class GateMailer:
    """The mailer of the event-driven path: hands what was composed to the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def deliver(self, connection: sa.Connection, run: str, planned: Sequence[PlannedEmail]) -> None:
        """Hand over, in the transaction that composed the e-mails."""
        self._gate(connection, run, "event_driven", [outcome_of(plan) for plan in planned])
