"""The report: everything about some reconciled runs that a person signs on, as one page, as JSON and as JUnit XML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, Engine

from reconcile import evidence
from reconcile.answer import Answer, Sum, answer, sum_up
from reconcile.errors import PolicyRefused
from reconcile.evidence import CauseCount, Reconciled, UnitEvidence
from reconcile.found_causes import FoundCause, found_causes
from reconcile.groups import Group
from reconcile.integrity import outcomes_digest, verdicts_digest
from reconcile.judgement import Judgement, judge_statement
from reconcile.late import late_events
from reconcile.plan import ReconciliationPlan
from reconcile.policy import Policy
from reconcile.progress import RunProgress, run_progress
from reconcile.selection import Selection, select_units
from reconcile.stage_gate import StageGate
from reconcile.statement import RunStatement, Statement, store
from reconcile.totals import Totals

MATCHING_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """One run: how it went, what it came to, and the pairs shown of it."""

    run: RunProgress
    reconciled: Reconciled
    late_events: Mapping[str, int]
    causes: tuple[CauseCount, ...]
    found_causes: tuple[FoundCause, ...]
    fields_by_kind: Mapping[str, Mapping[str, int]]
    uncovered_inputs: Mapping[str, int]
    groups: tuple[Group, ...]
    shown: tuple[tuple[UnitEvidence, ...], ...]
    examples: tuple[UnitEvidence, ...]
    statement: RunStatement
    counted: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Some runs of one job, under one policy. `shown` of each run holds for each of its groups the pairs shown.

    `judgement` has the figures over all runs, None if there is no run; `digest` is that of `statement`, which is what a
    sign-off names. `gates` are those of `next_move`, where the migration would go from here.
    """

    digest: str
    job: str
    answer: Answer
    judgement: Judgement | None
    gates: tuple[StageGate, ...]
    next_move: str
    totals: Sum
    runs: tuple[RunReport, ...]
    policy: Policy
    policy_digest: str
    show_unit: str
    reproduce: str
    sign_off: str
    made_at: datetime
    statement: Statement


def make_report(
    engine: Engine,
    runs: Sequence[str],
    plan: ReconciliationPlan,
    *,
    code_version: str = "",
    made_at: datetime | None = None,
) -> Report:
    """The report on reconciled runs, from one consistent snapshot; its statement is stored under its digest.

    Each run counts once, in the order of time, however the runs are listed. Raises UnknownRun and NotReconciled.
    """
    made_at = made_at or datetime.now(UTC)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as snapshot:
        runs = sorted(set(runs), key=lambda run: (run_progress(snapshot, run).scheduled_at, run))
        selection = select_units(snapshot, runs, plan)
        reports = tuple(_run_report(snapshot, run, plan, selection) for run in runs)
        doubts = _doubts(reports, plan, code_version, made_at)
        statement = _statement(reports, plan, code_version, doubts)
        judged = judge_statement(statement, made_at) if reports else None
        ahead = plan.ahead(snapshot, judged, doubts) if judged and plan.ahead else None
    with engine.begin() as connection:
        digest = store(connection, statement, made_at)
    totals = [report.reconciled.totals for report in reports]
    return Report(
        digest=digest,
        job=plan.job.name,
        answer=answer(totals, doubts),
        judgement=judged,
        gates=ahead.gates if ahead else (),
        next_move=ahead.to if ahead else "",
        totals=sum_up(totals),
        runs=reports,
        policy=plan.policy,
        policy_digest=plan.policy.digest(),
        show_unit=plan.show_unit,
        reproduce=plan.reproduce,
        sign_off=plan.sign_off.format(digest=digest[:16]),
        made_at=made_at,
        statement=statement,
    )


def _statement(
    reports: Sequence[RunReport], plan: ReconciliationPlan, code_version: str, doubts: Sequence[str]
) -> Statement:
    return Statement(
        job=plan.job.name,
        runs=tuple(report.statement for report in reports),
        policy=plan.policy.digest(),
        code_version=code_version,
        configuration=dict(plan.configuration),
        doubts=tuple(doubts),
    )


def _run_statement(snapshot: Connection, run: RunProgress, reconciled: Reconciled) -> RunStatement:
    totals = reconciled.totals
    return RunStatement(
        run=run.run,
        scheduled_at=run.scheduled_at,
        position=run.position,
        pairs=totals.pairs,
        due=totals.due,
        match=totals.match,
        explained=totals.explained,
        granted=totals.granted,
        mismatch=totals.mismatch,
        unexplained=totals.unexplained,
        incomplete=totals.incomplete,
        finished=not run.unfinished,
        code_versions={path: state.code_version for path, state in sorted(run.paths.items())},
        reconciled_by=reconciled.code_version,
        outcomes=outcomes_digest(snapshot, run.run),
        verdicts=verdicts_digest(snapshot, run.run),
    )


def as_json(report: Report) -> bytes:
    """The report as JSON, every unit of every group named."""
    return msgspec.json.format(msgspec.json.encode(report, order="deterministic"), indent=1)


def _run_report(snapshot: Connection, run: str, plan: ReconciliationPlan, selection: Selection) -> RunReport:
    examples = evidence.matching_units(snapshot, run, MATCHING_EXAMPLES)
    progress, reconciled = run_progress(snapshot, run), evidence.reconciled(snapshot, run)
    return RunReport(
        run=progress,
        reconciled=reconciled,
        late_events=late_events(snapshot, run).counts(),
        causes=evidence.causes(snapshot, run),
        found_causes=found_causes(snapshot, run),
        fields_by_kind=evidence.fields_by_kind(snapshot, run),
        uncovered_inputs=evidence.uncovered_inputs(snapshot, run),
        groups=selection.groups(run),
        shown=selection.shown(run),
        examples=tuple(evidence.unit_evidence(snapshot, run, examples, plan)),
        statement=_run_statement(snapshot, progress, reconciled),
        counted=evidence.counted(snapshot, run),
    )


def _doubts(reports: Sequence[RunReport], plan: ReconciliationPlan, code_version: str, made_at: datetime) -> list[str]:
    found = [doubt for report in reports for doubt in (*_doubts_of(report, plan), *_of_code(report, code_version))]
    try:
        plan.policy.refuse_expired(made_at.date())
    except PolicyRefused as expired:
        found.append(str(expired))
    return found


def _of_code(report: RunReport, code_version: str) -> list[str]:
    """What a report says of the code that runs now must have been done by that code."""
    name, found, path = report.run.run, [], report.run.paths.get("event_driven")
    if code_version and report.reconciled.code_version != code_version:
        found.append(f"Run {name} was reconciled by other code: reconcile it again.")
    if code_version and path and path.code_version != code_version:
        found.append(f"The event-driven path of run {name} was other code, {path.code_version}.")
    return found


def _doubts_of(report: RunReport, plan: ReconciliationPlan) -> list[str]:
    name, found = report.run.run, []
    if report.reconciled.policy_digest != plan.policy.digest():
        found.append(f"Run {name} was reconciled under another policy: reconcile it again.")
    if report.reconciled.outdated:
        found.append(f"Run {name} has outcomes recorded after it was reconciled: reconcile it again.")
    if report.run.unfinished != report.reconciled.totals.unfinished:
        found.append(f"Run {name} was reconciled before both paths had finished: reconcile it again.")
    strange = {state.normalisation for state in report.run.paths.values()} - {plan.job.normalisation}
    if report.counted != _counted(report.reconciled.totals):
        found.append(f"The verdicts stored of run {name} do not add up to its totals: reconcile it again.")
    if strange:
        found.append(f"Run {name} was recorded under other normalisations than the policy's: record it again.")
    return found


def _counted(totals: Totals) -> Mapping[str, int]:
    """How many verdicts of each kind must be stored for totals like these."""
    counts = {"mismatch": totals.mismatch, "explained": totals.explained, "incomplete": totals.incomplete}
    return {verdict: number for verdict, number in counts.items() if number}
