"""Evidence of a reconciled run: totals, causes and single pairs, as the database holds them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from reconcile.comparison import pairs_of
from reconcile.difference import FieldDifference, differences
from reconcile.errors import NotReconciled
from reconcile.finding import Finding
from reconcile.judged import verdict_of
from reconcile.pair import Pair
from reconcile.plan import ReconciliationPlan
from reconcile.schema import comparisons, reconciliations
from reconcile.totals import Totals
from reconcile.verdict import Because, Causes, Ruling, Verdict
from shadow import schema as shadow
from shadow.outcome import Fields


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """What is stored about the reconciliation itself."""

    totals: Totals
    policy_digest: str
    code_version: str
    reconciled_at: datetime
    outdated: bool


@dataclass(frozen=True, kw_only=True)
class CauseCount:
    """How many explained pairs events of one type account for; `ids` names the first few of them."""

    type: str
    events: int
    units: int
    ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class UnitEvidence:
    """One pair in full. `compared` are the fields of legacy and event-driven side as they were compared: normalised."""

    unit: str
    verdict: Ruling
    kind: str | None
    fields: tuple[str, ...]
    causes: Causes
    because: Because | None
    accepted: str | None
    findings: tuple[Finding, ...]
    pair: Pair
    differences: tuple[FieldDifference, ...]
    compared: tuple[Fields, Fields]


def reconciled_runs(connection: Connection) -> dict[str, datetime]:
    """The runs that were reconciled, in order, and what time each was for."""
    runs = shadow.runs
    query = select(runs.c.run, runs.c.scheduled_at).join(reconciliations, reconciliations.c.run == runs.c.run)
    return {row.run: row.scheduled_at for row in connection.execute(query.order_by(runs.c.scheduled_at, runs.c.run))}


def counted(connection: Connection, run: str) -> dict[str, int]:
    """How many verdicts are stored of each sort, but for matches."""
    query = select(comparisons.c.verdict, func.count()).where(comparisons.c.run == run).group_by(comparisons.c.verdict)
    return {verdict: number for verdict, number in connection.execute(query) if verdict != "match"}


def reconciled(connection: Connection, run: str) -> Reconciled:
    """The stored reconciliation. `outdated` if an outcome was recorded after it. Raises NotReconciled."""
    row = connection.execute(select(reconciliations).where(reconciliations.c.run == run)).one_or_none()
    if row is None:
        raise NotReconciled(run)
    return Reconciled(
        totals=Totals.from_json(row.totals),
        policy_digest=row.policy_digest,
        code_version=row.code_version,
        reconciled_at=row.reconciled_at,
        outdated=bool(connection.scalar(_LATER, {"run": run, "seen": row.seen})),
    )


_LATER = text("""
    SELECT CAST(:seen AS text) IS NULL OR EXISTS (
        SELECT FROM cutover.outcomes
        WHERE run = :run AND recorded_in >= pg_snapshot_xmin(CAST(:seen AS pg_snapshot))::text::bigint
          AND NOT pg_visible_in_snapshot(recorded_in::text::xid8, CAST(:seen AS pg_snapshot)))
""")

_CAUSES = text("""
    SELECT event ->> 'type' AS type, count(DISTINCT event ->> 'id') AS events, count(DISTINCT unit) AS units,
           (array_agg(DISTINCT event ->> 'id'))[1:12] AS ids
      FROM cutover.comparisons, jsonb_array_elements(causes -> 'events') AS event
     WHERE run = :run AND because = 'timing'
     GROUP BY 1 ORDER BY 3 DESC, 1
""")

_FIELDS_BY_KIND = text("""
    SELECT kind, field, count(*) AS pairs
      FROM cutover.comparisons, unnest(fields) AS field
     WHERE run = :run AND verdict = 'mismatch'
     GROUP BY 1, 2 ORDER BY 3 DESC, 2
""")

_UNCOVERED = text("""
    SELECT input, count(*) AS pairs
      FROM cutover.comparisons, jsonb_array_elements_text(causes -> 'uncovered') AS input
     WHERE run = :run AND verdict = 'incomplete'
     GROUP BY 1 ORDER BY 2 DESC, 1
""")

_EXAMPLES = text("""
    SELECT unit
      FROM (SELECT legacy.unit, legacy.decision,
                   row_number() OVER (PARTITION BY legacy.decision, legacy.reason ORDER BY md5(legacy.unit)) AS nth
              FROM cutover.outcomes AS legacy
              JOIN cutover.outcomes AS event_driven USING (run, unit, digest, fingerprint)
             WHERE run = :run AND legacy.path = 'legacy' AND event_driven.path = 'event_driven') AS matching
     ORDER BY nth, decision, unit LIMIT :number
""")


def causes(connection: Connection, run: str) -> tuple[CauseCount, ...]:
    """What explains the run's explained pairs, by event type."""
    rows = connection.execute(_CAUSES, {"run": run})
    return tuple(CauseCount(type=row.type, events=row.events, units=row.units, ids=tuple(row.ids)) for row in rows)


def fields_by_kind(connection: Connection, run: str) -> dict[str, dict[str, int]]:
    """For each kind of mismatch in how many pairs which field differs, the most frequent first."""
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(_FIELDS_BY_KIND, {"run": run}):
        found.setdefault(row.kind, {})[row.field] = row.pairs
    return found


def uncovered_inputs(connection: Connection, run: str) -> dict[str, int]:
    """How many pairs are incomplete because no late event accounts for an input, by input."""
    return {row.input: row.pairs for row in connection.execute(_UNCOVERED, {"run": run})}


def matching_units(connection: Connection, run: str, number: int) -> tuple[str, ...]:
    """Some units that match by digest, of as many decisions and reasons as there are."""
    return tuple(connection.scalars(_EXAMPLES, {"run": run, "number": number}))


def unit_evidence(
    connection: Connection, run: str, units: Sequence[str], plan: ReconciliationPlan
) -> list[UnitEvidence]:
    """These units in full, in the order given. One without a stored comparison is a match."""
    table = comparisons
    rows = connection.execute(select(table).where(table.c.run == run, table.c.unit.in_(units)))
    stored = {row.unit: row for row in rows}
    pairs = pairs_of(connection, run, units)
    return [_evidence(pairs[unit], stored.get(unit), plan) for unit in units if unit in pairs]


def _evidence(pair: Pair, row: object, plan: ReconciliationPlan) -> UnitEvidence:
    found: Iterable[FieldDifference] = ()
    verdict = verdict_of(row) if row is not None else Verdict(ruling="match")
    one, other = (plan.policy.normalise(side.fields) if side else {} for side in (pair.legacy, pair.event_driven))
    if pair.legacy is not None and pair.event_driven is not None:
        found = differences(plan.policy, one, other)
    return UnitEvidence(
        unit=pair.unit,
        verdict=verdict.ruling,
        kind=verdict.kind,
        fields=verdict.fields,
        causes=verdict.causes,
        because=verdict.because,
        accepted=verdict.accepted,
        findings=verdict.findings,
        pair=pair,
        differences=tuple(found),
        compared=(one, other),
    )
