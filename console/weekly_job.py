"""Weekly recommendations as a job: how its outcomes are recorded, normalised, compared and explained."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from handlers.delivery import ledger, reassignment
from handlers.emails import PlannedEmail
from reconcile import FieldRule, Policy, ReconciliationPlan
from shadow.gate import Act, Gate
from shadow.job import Job
from shadow.outcome import Fields, Outcome, Path
from shadow.rollback import Rollback

SEND_WITHIN = 7200.0

_STYLES = re.compile(r"<style\b.*?</style>|\s(?:style|class)=\"[^\"]*\"", re.DOTALL | re.IGNORECASE)
_SPACE_AROUND_TAGS = re.compile(r"\s*(<[^>]*>)\s*")


def normalise(fields: Fields) -> Fields:
    """The fields without what docs/rule.md says is no difference: styles, and white space between elements."""
    html = fields.get("html")
    if not isinstance(html, str):
        return fields
    return {**fields, "html": _SPACE_AROUND_TAGS.sub(r"\1", _STYLES.sub("", html))}


JOB = Job(name="weekly recommendations", normalise=normalise)

POLICY = Policy(
    name="weekly recommendations",
    fields=(
        FieldRule(field="items", show="list", identity="product_id", ordered=True),
        FieldRule(field="subject", show="text"),
        FieldRule(field="html", show="html"),
        FieldRule(field="text", show="text"),
    ),
)

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
)


def plan_in(database: str | None) -> ReconciliationPlan:
    """The plan, with commands in its reports that look into this database (None: the one the settings name)."""
    return replace(PLAN, show_unit=f"{PLAN.show_unit} --database {database}") if database else PLAN


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
        self._gate(connection, run, "event_driven", [_outcome(plan) for plan in planned])


def _outcome(plan: PlannedEmail) -> Outcome:
    fields: Fields = {}
    if plan.email is not None:
        fields = {
            "items": [{"product_id": product_id, "score": score} for product_id, score in plan.items],
            "subject": plan.email.subject,
            "html": plan.email.html,
            "text": plan.email.text,
        }
    return Outcome(
        unit=plan.user_id,
        decision="send" if plan.email is not None else "skip",
        reason=plan.reason,
        fields=fields,
        inputs=plan.inputs,
        milliseconds=plan.milliseconds,
    )


def names_in_shop(connection: sa.Connection, user_ids: Sequence[str]) -> Mapping[str, str]:
    """Names by user id, read from the shop at the moment of writing to them."""
    statement = sa.text("SELECT user_id, name FROM shop.users WHERE user_id = ANY(:user_ids)")
    return {row.user_id: row.name for row in connection.execute(statement, {"user_ids": list(user_ids)})}
