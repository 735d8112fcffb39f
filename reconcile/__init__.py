"""Compare what the two paths did: pairs of outcomes, verdicts, totals and the report a person signs on."""

from reconcile.answer import Answer, answer, mostly_unequal
from reconcile.difference import FieldDifference, differences, kinds
from reconcile.errors import GrantExpired, NotReconciled, PolicyRefused, ReconcileError, UnknownRun
from reconcile.evidence import UnitEvidence, reconciled_runs, unit_evidence
from reconcile.grants import AcceptedDifference, Tolerance
from reconcile.kinds import Kind
from reconcile.normalisation import Normalisation
from reconcile.page import as_html
from reconcile.plan import ReconciliationPlan
from reconcile.policy import FieldRule, Policy
from reconcile.reconciliation import reconcile
from reconcile.report import Report, as_json, make_report
from reconcile.totals import Totals
from reconcile.verdict import Verdict, judge
from reconcile.writing import write, write_report

__all__ = [
    "AcceptedDifference",
    "Answer",
    "FieldDifference",
    "FieldRule",
    "GrantExpired",
    "Kind",
    "Normalisation",
    "NotReconciled",
    "Policy",
    "PolicyRefused",
    "ReconcileError",
    "ReconciliationPlan",
    "Report",
    "Tolerance",
    "Totals",
    "UnitEvidence",
    "UnknownRun",
    "Verdict",
    "answer",
    "as_html",
    "as_json",
    "differences",
    "judge",
    "kinds",
    "make_report",
    "mostly_unequal",
    "reconcile",
    "reconciled_runs",
    "unit_evidence",
    "write",
    "write_report",
]
