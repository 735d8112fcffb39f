"""Reconciliation of a run: count by digest, judge what differs, store the verdicts in one transaction."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec
from sqlalchemy import Connection, Engine, delete, insert
from sqlalchemy.dialects import postgresql as pg

from reconcile.comparison import BATCH, count_pairs, unsettled_pairs
from reconcile.late import late_events
from reconcile.plan import ReconciliationPlan
from reconcile.progress import run_progress
from reconcile.schema import comparisons, reconciliations
from reconcile.totals import Tally, Totals
from reconcile.verdict import Verdict, judge

Progress: TypeAlias = Callable[[int, int], None]
Judged: TypeAlias = "tuple[str, Verdict]"


def reconcile(
    engine: Engine,
    run: str,
    plan: ReconciliationPlan,
    *,
    code_version: str,
    progress: Progress | None = None,
) -> Totals:
    """Compare both paths' outcomes of `run` and store the result in place of an earlier one.

    Reads one consistent snapshot. `progress` is called with pairs done and pairs in all. Raises UnknownRun, and
    ToleranceExpired if the policy has outlived a tolerance.
    """
    plan.policy.refuse_expired(datetime.now(UTC).date())
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as snapshot:
        totals, judged = _judge_run(snapshot, run, plan, progress or _silently)
    with engine.begin() as transaction:
        _store(transaction, totals, judged, plan.policy.digest(), code_version)
    return totals


def _judge_run(
    snapshot: Connection, run: str, plan: ReconciliationPlan, progress: Progress
) -> tuple[Totals, list[Judged]]:
    """The totals, and the verdict on every pair that is not a match."""
    state, late, counts = run_progress(snapshot, run), late_events(snapshot, run), count_pairs(snapshot, run)
    tally, judged, done = Tally(), [], counts.same
    progress(done, counts.pairs)
    for batch in unsettled_pairs(snapshot, run):
        for pair in batch:
            verdict = judge(plan, pair, late, state.unfinished)
            tally.add(verdict)
            if verdict.ruling != "match":
                judged.append((pair.unit, verdict))
        done += len(batch)
        progress(done, counts.pairs)
    totals = tally.totals(run, settled=counts.same, seconds=state.seconds, unfinished=state.unfinished)
    return totals, judged


def _store(
    transaction: Connection, totals: Totals, judged: list[Judged], policy_digest: str, code_version: str
) -> None:
    """Replace what is stored of the run. The upsert comes first: its row lock lets one writer in at a time."""
    summary = {
        "run": totals.run,
        "policy_digest": policy_digest,
        "code_version": code_version,
        "totals": totals.to_json(),
        "reconciled_at": datetime.now(UTC),
    }
    upsert = pg.insert(reconciliations).values(summary)
    transaction.execute(upsert.on_conflict_do_update(index_elements=["run"], set_=summary))
    transaction.execute(delete(comparisons).where(comparisons.c.run == totals.run))
    for rows in _batches([_row(totals.run, unit, verdict) for unit, verdict in judged]):
        transaction.execute(insert(comparisons), rows)


def _row(run: str, unit: str, verdict: Verdict) -> dict[str, object]:
    return {
        "run": run,
        "unit": unit,
        "verdict": verdict.ruling,
        "kind": verdict.kind,
        "fields": list(verdict.fields),
        "causes": msgspec.to_builtins(verdict.causes),
    }


def _batches(rows: list[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _silently(_done: int, _pairs: int) -> None:
    """No one watches."""
