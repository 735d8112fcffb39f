"""A judgement: what a stored report says that a stage of the migration may rest on, and whether it still holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from reconcile.days import days_in_a_row
from reconcile.errors import UnknownReport
from reconcile.integrity import outcomes_digest, verdicts_digest
from reconcile.statement import RunStatement, Statement, matching, newest, stored
from reconcile.statistics import lasting_bound

Digest = str
"""64 hexadecimal characters of BLAKE2b."""

SHORTEST_PREFIX = 12
"""Characters of a digest that are enough to name a report."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The figures of one report, by its digest.

    `runs` are the runs it compared; `days` how many consecutive days up to the last one were compared; `coverage` the
    pairs compared over the pairs due, from 0 to 1; `bound` the upper bound of the mismatch rate, from 0 to 1, with
    95 % confidence however often one looked. `code_version`, `policy` and `configuration` say what was judged.
    """

    report: Digest
    runs: tuple[str, ...]
    days: int
    pairs: int
    coverage: float
    mismatches: int
    unexplained: int
    bound: float
    code_version: str
    policy: str
    configuration: str
    last_run_at: datetime
    made_at: datetime
    outcomes: Mapping[str, Digest]


def judge_statement(statement: Statement, made_at: datetime) -> Judgement:
    """The figures of a statement. It must be of at least one run."""
    runs = statement.runs
    compared = [run for run in runs if _says_something(run)]
    judged = sum(_judged(run) for run in runs)
    due = sum(max(run.due, run.pairs) for run in runs)
    mismatches = sum(run.mismatch for run in runs)
    return Judgement(
        report=statement.digest(),
        runs=tuple(run.run for run in runs),
        days=days_in_a_row(run.scheduled_at for run in compared),
        pairs=sum(run.pairs for run in runs),
        coverage=sum(run.pairs - run.incomplete for run in runs) / due if due else 0.0,
        mismatches=mismatches,
        unexplained=sum(run.unexplained for run in runs),
        bound=lasting_bound(mismatches, judged),
        code_version=statement.code_version,
        policy=statement.policy,
        configuration=statement.configuration_digest(),
        last_run_at=max(run.scheduled_at for run in compared or runs),
        made_at=made_at,
        outcomes={run.run: run.outcomes for run in runs},
    )


def _says_something(run: RunStatement) -> bool:
    """Whether pairs of the run were compared, and not most of them explained by unequal inputs."""
    return run.finished and _judged(run) > 0 and (run.explained - run.granted) * 2 <= run.pairs


def _judged(run: RunStatement) -> int:
    """Pairs with equal inputs on which there is a verdict."""
    return run.match + run.mismatch + run.granted


def judgement(connection: Connection, report: str) -> Judgement:
    """The judgement of a stored report, by its digest or the beginning of it. Raises UnknownReport."""
    found = matching(connection, report) if len(report) >= SHORTEST_PREFIX else []
    kept = stored(connection, found[0]) if len(found) == 1 else None
    if kept is None:
        raise UnknownReport(report, found)
    return judge_statement(*kept)


def newest_judgement(connection: Connection) -> Judgement | None:
    """The judgement of the report that was made last; None if there is none that can be read."""
    digest = newest(connection)
    kept = stored(connection, digest) if digest else None
    return judge_statement(*kept) if kept else None


def doubts(connection: Connection, judged: Judgement) -> tuple[str, ...]:
    """Why the evidence of a report is no longer what it was: one sentence each; empty if it still is."""
    kept = stored(connection, judged.report)
    if kept is None:
        return (f"Report {judged.report[:SHORTEST_PREFIX]} is gone, or was edited after it was made.",)
    statement, _ = kept
    found = [doubt for run in statement.runs for doubt in _of_run(connection, run)]
    first = min(run.scheduled_at for run in statement.runs)
    others = connection.execute(_OTHERS, {"since": first, "upto": judged.last_run_at, "runs": list(judged.runs)})
    found += [row.doubt for row in others]
    return (*statement.doubts, *found)


def _of_run(connection: Connection, run: RunStatement) -> list[str]:
    found = []
    if outcomes_digest(connection, run.run) != run.outcomes:
        found.append(f"Outcomes of run {run.run} are no longer those that were judged.")
    if verdicts_digest(connection, run.run) != run.verdicts:
        found.append(f"Verdicts of run {run.run} are no longer those that were reported.")
    return found


_OTHERS = text("""
    SELECT CASE WHEN c.run IS NULL THEN format('Run %s lies among those of the report and was not reconciled.', r.run)
                ELSE format('Run %s, which is not in the report, has %s mismatches and %s incomplete pairs.', r.run,
                            c.totals ->> 'mismatch', c.totals ->> 'incomplete') END AS doubt
    FROM cutover.runs r LEFT JOIN cutover.reconciliations c USING (run)
    WHERE r.scheduled_at >= :since AND NOT r.run = ANY(:runs)
      AND CASE WHEN c.run IS NULL THEN r.scheduled_at <= :upto
               ELSE CAST(c.totals ->> 'mismatch' AS bigint) > 0
                    OR (CAST(c.totals ->> 'incomplete' AS bigint) > 0 AND r.scheduled_at <= :upto) END
    ORDER BY r.scheduled_at
""")
"""Nobody chooses the runs that suit them."""
