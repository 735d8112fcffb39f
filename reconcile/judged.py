"""Judged pairs: the rows in which verdicts are kept until they no longer hold, and what they add up to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, bindparam, delete, select, text, update

from reconcile.explanation import Sealed
from reconcile.finding import Finding
from reconcile.kinds import Kind
from reconcile.pair import Pair, Recorded
from reconcile.schema import comparisons
from reconcile.seal import Seal
from reconcile.totals import CauseTotal, Tally
from reconcile.verdict import Causes, Verdict
from runtime.database import copy_rows


def keep(connection: Connection, run: str, judged_by: str, judged: Sequence[tuple[Pair, Verdict]]) -> None:
    """Write these verdicts in place of earlier ones."""
    if judged:
        forget(connection, run, [pair.unit for pair, _ in judged])
        rows = [_row(run, judged_by, pair, verdict) for pair, verdict in judged]
        copy_rows(connection, "cutover.comparisons", [*rows[0]], map(_copied, rows))


def forget(connection: Connection, run: str, units: Iterable[str]) -> None:
    """Remove what was said of these units."""
    connection.execute(
        text("DELETE FROM cutover.comparisons WHERE run = :run AND unit = ANY(:units)"), {"run": run, "units": [*units]}
    )


def forget_others(connection: Connection, run: str, judged_by: str) -> int:
    """Remove what was judged by others; how many verdicts."""
    others = delete(comparisons).where(comparisons.c.run == run, comparisons.c.judged_by != judged_by)
    return connection.execute(others).rowcount


def unexamined(connection: Connection, run: str) -> list[tuple[Sealed, Verdict]]:
    """The pairs on which replay has not had its say."""
    rows = connection.execute(
        select(comparisons).where(comparisons.c.run == run, ~comparisons.c.examined).order_by(comparisons.c.unit)
    )
    return [(_sealed(row), verdict_of(row)) for row in rows]


def amend(connection: Connection, run: str, said: Sequence[tuple[str, Verdict]]) -> None:
    """Write down what became of these verdicts after replay."""
    if said:
        rows = [{"of_unit": unit, **_told(verdict)} for unit, verdict in said]
        where = comparisons.c.run == run, comparisons.c.unit == bindparam("of_unit")
        changed: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "of_unit"}
        connection.execute(update(comparisons).where(*where).values(changed), rows)


def tallied(connection: Connection, run: str) -> Tally:
    """What the stored verdicts of a run add up to."""
    tally = Tally()
    for row in connection.execute(_RULINGS, {"run": run}):
        tally.add(row.verdict, row.kind, row.because, row.accepted, row.pairs)
    for row in connection.execute(_FIELDS, {"run": run}):
        tally.fields[row.field] = row.pairs
    for row in connection.execute(_TOLERATED, {"run": run}):
        tally.tolerated[row.field] = row.pairs
    for row in connection.execute(_CAUSES, {"run": run}):
        tally.causes.append(CauseTotal(path=row.path, suspect=row.suspect, says=row.says, units=row.units))
    tally.unexplained = connection.scalar(_UNEXPLAINED, {"run": run}) or 0
    return tally


def verdict_of(row: Any) -> Verdict:  # noqa: ANN401 - a row of comparisons
    """The verdict a row holds."""
    return Verdict(
        ruling=row.verdict,
        kind=Kind(row.kind) if row.kind else None,
        fields=tuple(row.fields),
        causes=msgspec.convert(row.causes, Causes),
        tolerated=tuple(row.tolerated),
        because=row.because,
        accepted=row.accepted,
        findings=tuple(msgspec.convert(row.findings, list[Finding])),
        examined=row.examined,
    )


def _row(run: str, judged_by: str, pair: Pair, verdict: Verdict) -> dict[str, object]:
    return {"run": run, "unit": pair.unit, "judged_by": judged_by, **_told(verdict), **_digests(pair)}


def _copied(row: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(Jsonb(value) if name in ("causes", "findings") else value for name, value in row.items())


def _told(verdict: Verdict) -> dict[str, object]:
    return {
        "verdict": verdict.ruling,
        "kind": verdict.kind,
        "fields": list(verdict.fields),
        "causes": msgspec.to_builtins(verdict.causes),
        "tolerated": list(verdict.tolerated),
        "because": verdict.because,
        "accepted": verdict.accepted,
        "findings": msgspec.to_builtins(verdict.findings),
        "examined": verdict.examined,
    }


def _digests(pair: Pair) -> dict[str, object]:
    return {**_side("legacy", pair.legacy), **_side("event_driven", pair.event_driven)}


def _side(path: str, side: Recorded | None) -> dict[str, object]:
    return {
        f"{path}_digest": bytes.fromhex(side.digest) if side else None,
        f"{path}_fingerprint": bytes.fromhex(side.fingerprint) if side else None,
    }


def _sealed(row: Any) -> Sealed:  # noqa: ANN401 - a row of comparisons
    return Sealed(
        unit=row.unit,
        legacy=_seal(row.legacy_digest, row.legacy_fingerprint),
        event_driven=_seal(row.event_driven_digest, row.event_driven_fingerprint),
    )


def _seal(outcome: bytes | None, inputs: bytes | None) -> Seal | None:
    return None if outcome is None or inputs is None else Seal(outcome=outcome, inputs=inputs)


_RULINGS = text("""
    SELECT verdict, kind, because, accepted, count(*) AS pairs FROM cutover.comparisons
    WHERE run = :run GROUP BY 1, 2, 3, 4
""")

_FIELDS = text("""
    SELECT field, count(*) AS pairs FROM cutover.comparisons, unnest(fields) AS field
    WHERE run = :run AND verdict = 'mismatch' GROUP BY 1 ORDER BY 2 DESC, 1
""")

_TOLERATED = text("""
    SELECT field, count(*) AS pairs FROM cutover.comparisons, unnest(tolerated) AS field
    WHERE run = :run GROUP BY 1 ORDER BY 2 DESC, 1
""")

_CAUSES = text("""
    SELECT found ->> 'path' AS path, found ->> 'suspect' AS suspect, found ->> 'says' AS says, count(*) AS units
    FROM cutover.comparisons, jsonb_array_elements(findings) AS found
    WHERE run = :run AND verdict = 'mismatch' GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3
""")

_UNEXPLAINED = text("""
    SELECT count(*) FROM cutover.comparisons
    WHERE run = :run AND verdict = 'mismatch'
      AND (kind LIKE 'missing%' OR findings = '[]'
           OR EXISTS (SELECT FROM jsonb_array_elements(findings) AS f WHERE f ->> 'suspect' = ''))
""")
