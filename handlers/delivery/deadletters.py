"""Dead letters: e-mails that failed for good, grouped by what the provider said, and sent again on demand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa


@dataclass(frozen=True, kw_only=True)
class DeadLetters:
    """All of one run that failed for one reason."""

    run: str
    reason: str
    user_ids: Sequence[str]
    first_at: datetime
    last_at: datetime


def dead_letters(
    connection: sa.Connection, *, run: str | None = None, reason: str | None = None, user_ids: Sequence[str] = ()
) -> Sequence[DeadLetters]:
    """Those that failed, largest group first; of one run, with `reason` in their reason, of these users only."""
    parameters = {"run": run, "reason": reason, "user_ids": list(user_ids)}
    return [DeadLetters(**row._mapping) for row in connection.execute(_GROUPS, parameters)]


def replay(connection: sa.Connection, letters: DeadLetters, *, by: str, why: str) -> int:
    """Plan them anew; how many. They get mail only if they still want it, as everybody."""
    parameters = {"run": letters.run, "user_ids": list(letters.user_ids), "by": by, "why": why}
    return connection.execute(_REPLAY, parameters).rowcount


_GROUPS = sa.text("""
    SELECT run, reason, array_agg(user_id ORDER BY user_id) AS user_ids,
           min(changed_at) AS first_at, max(changed_at) AS last_at
    FROM cutover.send_ledger
    WHERE state = 'failed' AND (CAST(:run AS text) IS NULL OR run = :run)
      AND (CAST(:reason AS text) IS NULL OR position(lower(:reason) IN lower(reason)) > 0)
      AND (cardinality(CAST(:user_ids AS text[])) = 0 OR user_id = ANY(CAST(:user_ids AS text[])))
    GROUP BY run, reason ORDER BY count(*) DESC, run, reason
""")

_REPLAY = sa.text("""
    UPDATE cutover.send_ledger SET state = 'planned', decided_by = :by, reason = :why
    WHERE run = :run AND user_id = ANY(CAST(:user_ids AS text[])) AND state = 'failed'
""")
