"""A drill, judged: whether a campaign that was rolled back on purpose came to a good end."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What ledger and log say of a campaign that was rolled back and is over, in numbers of users.

    `left_out`: were moved, and the legacy path did not hand them in, or it was too late when it did.
    """

    planned: int
    settled: int
    moved: int
    left_out: int
    twice: int


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Whether a drill has passed, and in a sentence what was found."""

    passed: bool
    moved: int
    found: str


def judge(drill: Moved) -> Judged:
    """Passed if some were moved, the legacy path handled those, all are settled, and nobody was accepted twice."""
    problems: Sequence[str] = [
        *(["nobody was left to be moved, so that nothing was tried"] if not drill.moved else []),
        *([f"{drill.left_out:,} of those moved were not handled by the legacy path in time"] if drill.left_out else []),
        *([f"{drill.planned - drill.settled:,} are not settled"] if drill.settled != drill.planned else []),
        *([f"{drill.twice:,} were accepted more than once"] if drill.twice else []),
    ]
    good = f"{drill.moved:,} of {drill.planned:,} changed hands, all are settled, nobody was sent two"
    return Judged(passed=not problems, moved=drill.moved, found="; ".join(problems) or good)


def moved(connection: sa.Connection, run: str) -> Moved | None:
    """What there is to judge; None while the log does not hold all of it yet."""
    if connection.scalar(_UNTOLD, {"run": run}):
        return None
    return Moved(**connection.execute(_MOVED, {"run": run}).one()._mapping)


_UNTOLD = sa.text("SELECT EXISTS (SELECT FROM cutover.outbox WHERE type LIKE 'Email%' AND data ->> 'run' = :run)")

_MOVED = sa.text("""
    WITH told AS (
        SELECT e.type, e.data ->> 'user_id' AS user_id FROM cutover.events e
        WHERE e.type IN ('EmailReassigned', 'EmailAccepted') AND e.data ->> 'run' = :run
    ), moved AS (
        SELECT DISTINCT user_id FROM told WHERE type = 'EmailReassigned'
    ), accepted AS (
        SELECT user_id, count(*) AS times FROM told WHERE type = 'EmailAccepted' GROUP BY user_id
    )
    SELECT count(*) AS planned,
           count(*) FILTER (WHERE l.state IN ('accepted', 'failed', 'suppressed', 'unconfirmed')) AS settled,
           count(moved.user_id) AS moved,
           count(moved.user_id) FILTER (WHERE l.path <> 'legacy' OR l.held OR l.reason = 'send_by_passed') AS left_out,
           count(*) FILTER (WHERE accepted.times > 1) AS twice
    FROM cutover.send_ledger l LEFT JOIN moved USING (user_id) LEFT JOIN accepted USING (user_id)
    WHERE l.run = :run
""")
