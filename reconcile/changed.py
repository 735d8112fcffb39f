"""What changed since a run was reconciled: the units whose outcomes were recorded or revised after that look.

A watermark of times or numbers would miss what was written before the look and committed after it. So the look's
snapshot is kept, and asked which transactions it did not see.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from reconcile.progress import RunProgress


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at a run: its snapshot, who judges, and when each path's recording had begun."""

    seen: str
    judged_by: str
    began: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Changed:
    """The `units` that changed since an earlier look; `new` of them were not there at all."""

    units: tuple[str, ...]
    new: int


def look(connection: Connection, progress: RunProgress, judged_by: str) -> Look:
    """The look that the snapshot of this connection takes."""
    seen = connection.execute(text("SELECT pg_current_snapshot()::text")).scalar_one()
    return Look(seen=seen, judged_by=judged_by, began=_began(progress))


def changed_since(connection: Connection, run: str, before: Look, now: Look) -> Changed | None:
    """What changed between two looks; None if everything has to be looked at."""
    if (before.judged_by, before.began) != (now.judged_by, now.began):
        return None
    rows = connection.execute(_CHANGED, {"run": run, "seen": before.seen}).all()
    return Changed(units=tuple(row.unit for row in rows), new=sum(row.is_new for row in rows))


def _began(progress: RunProgress) -> dict[str, str]:
    return {
        path: f"{state.started_at.isoformat()} {state.finished_at and state.finished_at.isoformat()}"
        for path, state in sorted(progress.paths.items())
    }


_CHANGED = text("""
    WITH written AS (
        SELECT DISTINCT unit FROM cutover.outcomes
        WHERE run = :run AND recorded_in >= pg_snapshot_xmin(CAST(:seen AS pg_snapshot))::text::bigint
          AND NOT pg_visible_in_snapshot(recorded_in::text::xid8, CAST(:seen AS pg_snapshot))
    )
    SELECT unit, bool_and(o.revision = 0 AND NOT pg_visible_in_snapshot(o.recorded_in::text::xid8,
                                                                       CAST(:seen AS pg_snapshot))) AS is_new
    FROM written JOIN cutover.outcomes o USING (unit) WHERE o.run = :run GROUP BY unit
""")
