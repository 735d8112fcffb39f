"""Reconciliation of a run: count by digest, judge what differs, let replay explain it, add up.

Verdicts are kept as they are found. Interrupted, it goes on where it was; called again, it looks only at what changed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.dialects import postgresql as pg

from reconcile import judged
from reconcile.changed import Changed, Look, changed_since, look
from reconcile.comparison import pairs_of
from reconcile.examination import examined
from reconcile.explanation import Explainer
from reconcile.late import LateEvents, late_events
from reconcile.measures import noise_of, noisy_units, path_timings
from reconcile.plan import ReconciliationPlan
from reconcile.progress import RunProgress, run_progress
from reconcile.schema import reconciliations
from reconcile.totals import Totals
from reconcile.unsettled import Counts, find_unsettled, outdated, unjudged
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
        now = look(snapshot, state, plan.policy.digest(), code_version)
        before = _stored(snapshot, run)
        changed = changed_since(snapshot, run, before[0], now) if before else None
        work = _Work(
            engine=engine,
            snapshot=snapshot,
            plan=plan,
            state=state,
            now=now,
            changed=changed,
            before=before[1] if before and changed else None,
            counts=find_unsettled(snapshot, run, changed.units if changed else None),
            late=late_events(snapshot, run),
        )
        _judge(work, progress or _silently)
        _explain(work, explaining or _silently)
        totals = _totals(work)
        _store(engine, totals, now, plan, code_version)
    return totals


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One reconciliation. Where not all units are looked at: `before` is what it came to earlier, `changed` since."""

    engine: Engine
    snapshot: Connection
    plan: ReconciliationPlan
    state: RunProgress
    now: Look
    changed: Changed | None
    before: Totals | None
    counts: Counts
    late: LateEvents

    @property
    def run(self) -> str:
        return self.state.run

    @property
    def judged_by(self) -> str:
        return self.now.judged_by

    @property
    def units(self) -> Sequence[str] | None:
        """The units that are looked at; None for all of them."""
        return self.changed.units if self.changed else None


def _judge(work: _Work, progress: Progress) -> None:
    """Keep a verdict on every pair that no digest settles and that has none yet."""
    _forget(work)
    noise, done, pairs = noisy_units(work.snapshot, work.run), work.counts.same, work.counts.pairs
    progress(done, pairs)
    with closing(unjudged(work.snapshot, work.run, work.judged_by)) as batches:
        for units in batches:
            _judge_these(work, units, noise)
            done += len(units)
            progress(done, pairs)


def _judge_these(work: _Work, units: Sequence[str], noise: Mapping[str, str]) -> None:
    pairs = pairs_of(work.snapshot, work.run, units).values()
    verdicts = [(pair, judge(work.plan, pair, work.late, work.state.unfinished, noise)) for pair in pairs]
    kept = [(pair, _settled(work.plan, verdict)) for pair, verdict in verdicts]
    with work.engine.begin() as connection:
        judged.keep(connection, work.run, work.judged_by, kept)


def _forget(work: _Work) -> None:
    """Remove what no longer holds, as the snapshot has it: so nothing is missed that is written meanwhile."""
    outworn = outdated(work.snapshot, work.run, work.judged_by, work.units)
    with work.engine.begin() as connection:
        if judged.forget_others(connection, work.run, work.judged_by):
            # Whoever comes next, under whatever code, has nothing left to go on from.
            connection.execute(_FORGET_LOOK, {"run": work.run})
        judged.forget(connection, work.run, outworn)


def _settled(plan: ReconciliationPlan, verdict: Verdict) -> Verdict:
    """Without a replay nobody else has a say in it."""
    return verdict if plan.replayer and not verdict.examined else accepted(plan, replace(verdict, examined=True))


def _explain(work: _Work, explaining: Progress) -> None:
    """Let replay have its say on every pair of which it has had none."""
    with work.engine.connect() as connection:
        open_ones = judged.unexamined(connection, work.run)
    plan = work.plan
    if not open_ones or plan.replayer is None:
        return
    replay = plan.replayer.of_run(work.snapshot, work.run, work.late.ids())
    explainer = Explainer(
        replay, plan.replayer.suspects, plan.policy.normalise, lambda done: explaining(done, len(open_ones))
    )
    timed = frozenset(sealed.unit for sealed, verdict in open_ones if verdict.because == "timing")
    said = explainer([sealed for sealed, _ in open_ones], timed)
    ruled = [
        (sealed.unit, accepted(plan, examined(verdict, sealed, said[sealed.unit]))) for sealed, verdict in open_ones
    ]
    with work.engine.begin() as connection:
        judged.amend(connection, work.run, ruled)


def _totals(work: _Work) -> Totals:
    """What the run came to. After a second look only what changed is counted anew."""
    with work.engine.connect() as connection:
        tally = judged.tallied(connection, work.run)
    tally.accepted.update({each.name: 0 for each in work.plan.policy.accepted})
    before, pairs = work.before, work.counts.pairs
    if before and work.changed:
        pairs = before.pairs + work.changed.new
    due = work.plan.due(work.snapshot, work.run) if work.plan.due and before is None else None
    return tally.totals(
        work.run,
        pairs=pairs,
        due=before.due if before and work.plan.due else (pairs if due is None else due),
        seconds=work.state.seconds,
        unfinished=work.state.unfinished,
        timings=before.timings if before else path_timings(work.snapshot, work.run),
        noise=noise_of(work.snapshot, work.run),
    )


def _stored(connection: Connection, run: str) -> tuple[Look, Totals] | None:
    row = connection.execute(select(reconciliations).where(reconciliations.c.run == run)).one_or_none()
    if row is None or row.seen is None or row.rests_on is None:
        return None
    return Look(seen=row.seen, rests_on=row.rests_on), Totals.from_json(row.totals)


def _store(engine: Engine, totals: Totals, now: Look, plan: ReconciliationPlan, code_version: str) -> None:
    summary = {
        "run": totals.run,
        "policy_digest": plan.policy.digest(),
        "code_version": code_version,
        "totals": totals.to_json(),
        "reconciled_at": datetime.now(UTC),
        "seen": now.seen,
        "rests_on": dict(now.rests_on),
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


def _silently(_done: int, _pairs: int) -> None:
    """No one watches."""


_FORGET_LOOK = text("UPDATE cutover.reconciliations SET seen = NULL WHERE run = :run")
