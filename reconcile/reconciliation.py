"""Reconciliation of a run: count by digest, judge what differs, let replay explain it, add up.

Verdicts are kept as they are found. Interrupted, it goes on where it was; called again, it looks only at what changed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeAlias

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.dialects import postgresql as pg

from reconcile import judged
from reconcile.changed import Changed, Look, changed_since, look
from reconcile.comparison import BATCH, Counts, count_pairs, unsettled_pairs
from reconcile.examination import examined
from reconcile.explanation import Explainer
from reconcile.late import late_events
from reconcile.measures import noise_of, noisy_units, path_timings
from reconcile.plan import ReconciliationPlan
from reconcile.progress import RunProgress, run_progress
from reconcile.schema import reconciliations
from reconcile.totals import Totals
from reconcile.verdict import Verdict, accepted, judge

Progress: TypeAlias = Callable[[int, int], None]


def reconcile(
    engine: Engine,
    run: str,
    plan: ReconciliationPlan,
    *,
    code_version: str,
    progress: Progress | None = None,
    explaining: Progress | None = None,
) -> Totals:
    """Compare both paths' outcomes of `run` and store the result in place of an earlier one.

    Reads one consistent snapshot. `progress` is called with pairs done and pairs in all; `explaining` with differences
    explained and differences in all. Another who reconciles the same run waits. Raises UnknownRun, and GrantExpired if
    the policy has outlived something it lets pass.
    """
    plan.policy.refuse_expired(datetime.now(UTC).date())
    with _alone(engine, run), engine.connect().execution_options(isolation_level="REPEATABLE READ") as snapshot:
        state = run_progress(snapshot, run)
        now = look(snapshot, state, f"{plan.policy.digest()} {code_version}")
        before = _stored(snapshot, run)
        changed = changed_since(snapshot, run, before[0], now) if before else None
        counts = count_pairs(snapshot, run, changed.units if changed else None)
        _judge(engine, snapshot, state, plan, now, changed, counts, progress or _silently)
        _explain(engine, snapshot, run, plan, explaining or _silently)
        totals = _totals(engine, snapshot, state, plan, before[1] if before and changed else None, changed, counts)
        _store(engine, totals, now, plan, code_version)
    return totals


def _judge(
    engine: Engine,
    snapshot: Connection,
    state: RunProgress,
    plan: ReconciliationPlan,
    now: Look,
    changed: Changed | None,
    counts: Counts,
    progress: Progress,
) -> None:
    """Keep a verdict on every pair that no digest settles and that has none yet."""
    with engine.begin() as connection:
        if changed is None:
            judged.forget_settled(connection, state.run, now.judged_by)
        else:
            judged.forget(connection, state.run, changed.units)
    late, noise, done = late_events(snapshot, state.run), noisy_units(snapshot, state.run), counts.same
    progress(done, counts.pairs)
    units = changed.units if changed else None
    for batch in unsettled_pairs(snapshot, state.run, now.judged_by, units):
        verdicts = [(pair, judge(plan, pair, late, state.unfinished, noise)) for pair in batch]
        kept = [(pair, _settled(plan, verdict)) for pair, verdict in verdicts]
        with engine.begin() as connection:
            judged.keep(connection, state.run, now.judged_by, kept)
        done += len(batch)
        progress(done, counts.pairs)


def _settled(plan: ReconciliationPlan, verdict: Verdict) -> Verdict:
    """Without a replay nobody else has a say in it."""
    return verdict if plan.replayer and not verdict.examined else accepted(plan, replace(verdict, examined=True))


def _explain(engine: Engine, snapshot: Connection, run: str, plan: ReconciliationPlan, explaining: Progress) -> None:
    """Let replay have its say on every pair of which it has had none."""
    with engine.connect() as connection:
        open_ones = judged.unexamined(connection, run)
    if not open_ones or plan.replayer is None:
        return
    late = late_events(snapshot, run)
    replay = plan.replayer.of_run(snapshot, run, late.ids())
    explainer = Explainer(
        replay, plan.replayer.suspects, plan.policy.normalise, lambda done: explaining(done, len(open_ones))
    )
    timed = frozenset(sealed.unit for sealed, verdict in open_ones if verdict.because == "timing")
    said = explainer([sealed for sealed, _ in open_ones], timed)
    ruled = [
        (sealed.unit, accepted(plan, examined(verdict, sealed, said[sealed.unit]))) for sealed, verdict in open_ones
    ]
    for some in _batches(ruled):
        with engine.begin() as connection:
            judged.amend(connection, run, some)


def _totals(
    engine: Engine,
    snapshot: Connection,
    state: RunProgress,
    plan: ReconciliationPlan,
    before: Totals | None,
    changed: Changed | None,
    counts: Counts,
) -> Totals:
    """What the run came to. After a second look only what changed is counted anew."""
    with engine.connect() as connection:
        tally = judged.tallied(connection, state.run)
    pairs = before.pairs + changed.new if before and changed else counts.pairs
    due = plan.due(snapshot, state.run) if plan.due and before is None else None
    return tally.totals(
        state.run,
        pairs=pairs,
        due=before.due if before else (pairs if due is None else due),
        seconds=state.seconds,
        unfinished=state.unfinished,
        timings=before.timings if before else path_timings(snapshot, state.run),
        noise=noise_of(snapshot, state.run),
    )


def _stored(connection: Connection, run: str) -> tuple[Look, Totals] | None:
    row = connection.execute(select(reconciliations).where(reconciliations.c.run == run)).one_or_none()
    if row is None or row.seen is None:
        return None
    judged_by = f"{row.policy_digest} {row.code_version}"
    return Look(seen=row.seen, judged_by=judged_by, began=row.began), Totals.from_json(row.totals)


def _store(engine: Engine, totals: Totals, now: Look, plan: ReconciliationPlan, code_version: str) -> None:
    summary = {
        "run": totals.run,
        "policy_digest": plan.policy.digest(),
        "code_version": code_version,
        "totals": totals.to_json(),
        "reconciled_at": datetime.now(UTC),
        "seen": now.seen,
        "began": dict(now.began),
    }
    upsert = pg.insert(reconciliations).values(summary)
    with engine.begin() as transaction:
        transaction.execute(upsert.on_conflict_do_update(index_elements=["run"], set_=summary))


@contextmanager
def _alone(engine: Engine, run: str) -> Iterator[None]:
    """Be the only one who reconciles this run."""
    key = {"what": f"reconcile {run}"}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT pg_advisory_lock(hashtextextended(:what, 0))"), key)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:what, 0))"), key)


def _batches(rows: Sequence[tuple[str, Verdict]]) -> Iterator[Sequence[tuple[str, Verdict]]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _silently(_done: int, _pairs: int) -> None:
    """No one watches."""
