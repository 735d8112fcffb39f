"""The report: everything about some reconciled runs that a person signs on, as one page and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, Engine

from reconcile import evidence
from reconcile.answer import Answer, Sum, answer, sum_up
from reconcile.errors import PolicyRefused
from reconcile.evidence import CauseCount, Group, Reconciled, UnitEvidence
from reconcile.late import late_events
from reconcile.plan import ReconciliationPlan
from reconcile.policy import Policy
from reconcile.progress import RunProgress, run_progress
from reconcile.selection import Selection, select_units

MATCHING_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """One run: how it went, what it came to, and the pairs shown of it."""

    run: RunProgress
    reconciled: Reconciled
    late_events: Mapping[str, int]
    causes: tuple[CauseCount, ...]
    fields_by_kind: Mapping[str, Mapping[str, int]]
    uncovered_inputs: Mapping[str, int]
    groups: tuple[Group, ...]
    shown: tuple[tuple[UnitEvidence, ...], ...]
    examples: tuple[UnitEvidence, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Some runs of one job, under one policy. `shown` of each run holds for each of its groups the pairs shown."""

    job: str
    answer: Answer
    totals: Sum
    runs: tuple[RunReport, ...]
    policy: Policy
    policy_digest: str
    show_unit: str
    made_at: datetime


def make_report(engine: Engine, runs: Sequence[str], plan: ReconciliationPlan) -> Report:
    """The report on reconciled runs, from one consistent snapshot. Raises UnknownRun and NotReconciled."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as snapshot:
        selection = select_units(snapshot, runs, plan)
        reports = tuple(_run_report(snapshot, run, plan, selection) for run in runs)
    totals = [report.reconciled.totals for report in reports]
    made_at = datetime.now(UTC)
    return Report(
        job=plan.job.name,
        answer=answer(totals, _doubts(reports, plan.policy, made_at)),
        totals=sum_up(totals),
        runs=reports,
        policy=plan.policy,
        policy_digest=plan.policy.digest(),
        show_unit=plan.show_unit,
        made_at=made_at,
    )


def as_json(report: Report) -> bytes:
    """The report as JSON, every unit of every group named."""
    return msgspec.json.format(msgspec.json.encode(report, order="deterministic"), indent=1)


def _run_report(snapshot: Connection, run: str, plan: ReconciliationPlan, selection: Selection) -> RunReport:
    examples = evidence.matching_units(snapshot, run, MATCHING_EXAMPLES)
    return RunReport(
        run=run_progress(snapshot, run),
        reconciled=evidence.reconciled(snapshot, run),
        late_events=late_events(snapshot, run).counts(),
        causes=evidence.causes(snapshot, run),
        fields_by_kind=evidence.fields_by_kind(snapshot, run),
        uncovered_inputs=evidence.uncovered_inputs(snapshot, run),
        groups=selection.groups(run),
        shown=selection.shown(run),
        examples=tuple(evidence.unit_evidence(snapshot, run, examples, plan)),
    )


def _doubts(reports: Sequence[RunReport], policy: Policy, made_at: datetime) -> list[str]:
    doubts = []
    for report in reports:
        name = report.run.run
        if report.reconciled.policy_digest != policy.digest():
            doubts.append(f"Run {name} was reconciled under another policy: reconcile it again.")
        if report.reconciled.outdated:
            doubts.append(f"Run {name} has outcomes recorded after it was reconciled: reconcile it again.")
        if report.run.unfinished != report.reconciled.totals.unfinished:
            doubts.append(f"Run {name} was reconciled before both paths had finished: reconcile it again.")
    try:
        policy.refuse_expired(made_at.date())
    except PolicyRefused as expired:
        doubts.append(str(expired))
    return doubts
