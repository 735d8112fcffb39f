"""Weekly recommendations as a job: how its outcomes are recorded, normalised, compared and explained."""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from console.weekly_outcome import outcome_of
from console.weekly_policy import POLICY
from console.weekly_replay import WeeklyReplayer
from console.weekly_users import names_in_shop, registered_users
from handlers.delivery import ledger, reassignment
from handlers.emails import PlannedEmail
from handlers.popularity import SALES
from reconcile import ReconciliationPlan
from shadow.gate import Act, Gate
from shadow.job import Job
from shadow.outcome import Outcome, Path
from shadow.rollback import Rollback

SEND_WITHIN = 7200.0

JOB = Job(name="weekly recommendations", normalise=POLICY.normalise, normalisation=POLICY.normalisation_digest())

PLAN = ReconciliationPlan(
    job=JOB,
    policy=POLICY,
    influences={
        "history": SALES,
        "popularity": SALES,
        "catalogue": frozenset({"ProductAdded", "ProductChanged", "ProductRetired"}),
        "profile": frozenset({"UserRegistered", "UserUnsubscribed", "UserResubscribed"}),
    },
    shared_inputs=frozenset({"popularity", "catalogue"}),
    creates=frozenset({"UserRegistered"}),
    eligibility=frozenset({"unsubscribed", "unknown_user"}),
    due=registered_users,
    replayer=WeeklyReplayer(names_in_shop),
)


def plan_in(database: str | None) -> ReconciliationPlan:
    """The plan, with commands in its reports that look into this database (None: the one the settings name)."""
    if not database:
        return PLAN
    where = f" --database {database}"
    return replace(
        PLAN, show_unit=PLAN.show_unit + where, reproduce=PLAN.reproduce + where, sign_off=PLAN.sign_off + where
    )


def weekly_gate(partitions: int, send_within: float = SEND_WITHIN) -> Gate:
    """The gate of both paths: whoever owns a user enters their e-mail, or why there is none, in the send ledger.

    `send_within` is in seconds, from the run's first plan on.
    """
    return Gate(JOB, _enter(partitions, send_within))


def weekly_rollback(partitions: int, send_within: float = SEND_WITHIN) -> Rollback:
    """What rolls a weekly run back: e-mails nobody has claimed go to the legacy path."""

    def give_back(connection: sa.Connection, run: str, reason: str) -> Sequence[str]:
        reassignment.reassign(connection, run, reason)
        return reassignment.waiting(connection, run)

    return Rollback(_enter(partitions, send_within), give_back)


def _enter(partitions: int, send_within: float) -> Act:
    def enter(connection: sa.Connection, run: str, path: Path, outcomes: Sequence[Outcome]) -> None:
        planned = [(outcome.unit, outcome.reason) for outcome in outcomes]
        ledger.plan(connection, run, path, planned, partitions=partitions, send_within=send_within)

    return enter


class GateMailer:
    """The mailer of the event-driven path: hands what was composed to the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def deliver(self, connection: sa.Connection, run: str, planned: Sequence[PlannedEmail]) -> None:
        """Hand over, in the transaction that composed the e-mails."""
        self._gate(connection, run, "event_driven", [outcome_of(plan) for plan in planned])
