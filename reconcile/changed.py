"""What changed since a run was reconciled: the units whose outcomes were recorded or revised after that look.

A watermark of times or numbers would miss what was written before the look and committed after it. So the look's
snapshot is kept, and asked which transactions it did not see.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, text

from reconcile.progress import RunProgress

_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at a run: its snapshot, and what verdicts rest on beside the outcomes, by name."""

    seen: str
    rests_on: Mapping[str, str]

    @property
    def judged_by(self) -> str:
        """32 hexadecimal characters of BLAKE2b over what verdicts rest on: where it is equal, so are verdicts."""
        return hashlib.blake2b(_encoder.encode(self.rests_on), digest_size=16).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Changed:
    """The `units` that changed since an earlier look; `new` of them were not there at all."""

    units: tuple[str, ...]
    new: int


def look(connection: Connection, progress: RunProgress, policy: str, code_version: str) -> Look:
    """The look that the snapshot of this connection takes."""
    found = connection.execute(_LOOK, {"run": progress.run}).one()
    rests_on = {
        "policy": policy,
        "code": code_version,
        "late events": found.late,
        "noise": found.noise,
        "cluster": found.cluster,  # in another one, transactions are counted anew
        **_began(progress),
    }
    return Look(seen=found.seen, rests_on=rests_on)


def changed_since(connection: Connection, run: str, before: Look, now: Look) -> Changed | None:
    """What changed between two looks; None if everything has to be looked at."""
    if before.rests_on != now.rests_on:
        return None
    rows = connection.execute(_CHANGED, {"run": run, "seen": before.seen}).all()
    return Changed(units=tuple(row.unit for row in rows), new=sum(row.is_new for row in rows))


def _began(progress: RunProgress) -> dict[str, str]:
    """When each path's recording began and ended: begun anew, everything is looked at again."""
    return {
        path: f"{state.started_at.isoformat()} {state.finished_at and state.finished_at.isoformat()}"
        for path, state in progress.paths.items()
    }


_LOOK = text("""
    SELECT pg_current_snapshot()::text AS seen, (SELECT system_identifier::text FROM pg_control_system()) AS cluster,
           (SELECT encode(sha256(convert_to(coalesce(string_agg(
                       jsonb_build_array(event_id, type, unit)::text, E'\\n' ORDER BY event_id COLLATE "C"), ''),
                   'UTF8')), 'hex')
            FROM cutover.late_events WHERE run = :run) AS late,
           (SELECT encode(sha256(convert_to(coalesce(string_agg(
                       jsonb_build_array(unit, encode(digest, 'hex'))::text, E'\\n' ORDER BY unit COLLATE "C"), ''),
                   'UTF8')), 'hex')
            FROM cutover.noise WHERE run = :run) AS noise
""")

_CHANGED = text("""
    WITH written AS (
        SELECT DISTINCT unit FROM cutover.outcomes
        WHERE run = :run AND recorded_in >= pg_snapshot_xmin(CAST(:seen AS pg_snapshot))::text::bigint
          AND NOT pg_visible_in_snapshot(recorded_in::text::xid8, CAST(:seen AS pg_snapshot))
    )
    SELECT unit, bool_and(NOT pg_visible_in_snapshot(o.first_recorded_in::text::xid8, CAST(:seen AS pg_snapshot)))
           AS is_new
    FROM written JOIN cutover.outcomes o USING (unit) WHERE o.run = :run GROUP BY unit
""")
