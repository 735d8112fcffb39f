"""The send ledger: plan, claim, settle. Every change is one statement, and the database refuses an illegal one.

`now` is simulated time; without it, the database's own clock counts.

A claim is committed before the provider is called. Its attempt number is the fencing token: an answer is taken only
from the attempt that asked for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from events import partition_of
from handlers.delivery.reassignment import hand_in
from handlers.delivery.settlement import Settlement


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to send one user's e-mail of one run, once, until the lease runs out."""

    run: str
    user_id: str
    path: str
    send_id: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """What claiming came to: `claims` to be sent, `suppressed` rows, and whether more rows may be due behind `last`."""

    claims: Sequence[Claim] = ()
    suppressed: int = 0
    last: tuple[str, str] = ("", "")
    more: bool = False


def plan(
    connection: sa.Connection,
    run: str,
    path: str,
    planned: Sequence[tuple[str, str | None]],
    *,
    partitions: int,
    send_within: float,
) -> None:
    """Enter users with the reason why they get no e-mail, None for those who do. Whoever is in the ledger stays as is.

    Except those who were reassigned to this path and wait for it: they become due, or are suppressed for the reason.
    The run's first plan opens its campaign, which ends `send_within` seconds later.
    """
    with connection.engine.begin() as at_once:
        # Committed by itself: the other path plans the same run, and must not wait for this transaction.
        at_once.execute(_OPEN_CAMPAIGN, {"run": run, "send_within": send_within})
    parameters = {
        "run": run,
        "path": path,
        "user_ids": [user_id for user_id, _ in planned],
        "reasons": [reason for _, reason in planned],
        "partitions": [partition_of(user_id, partitions) for user_id, _ in planned],
    }
    connection.execute(_PLAN, parameters)
    hand_in(connection, run, path, planned)


def claim(
    connection: sa.Connection,
    partition: int,
    limit: int,
    *,
    lease: float,
    after: tuple[str, str] = ("", ""),
    run: str | None = None,
    now: datetime | None = None,
) -> Claimed:
    """Claim up to `limit` due rows of a partition behind `after`, for `lease` seconds; to be committed before sending.

    Whoever does not want mail any more by what log and outbox say at this moment, or cannot be reached, is suppressed
    instead.
    """
    parameters = {
        "partition": partition,
        "limit": limit,
        "lease": lease,
        "after_run": after[0],
        "after_user": after[1],
        "only": run,
        "now": now,
    }
    # The database returns them as they come; departures follow the order of their keys, whatever it was.
    rows = sorted(connection.execute(_CLAIM, parameters), key=lambda row: (row.run, row.user_id))
    claims = [
        Claim(run=row.run, user_id=row.user_id, path=row.path, send_id=row.send_id, attempt=row.attempt)
        for row in rows
        if row.state == "sending"
    ]
    last = max(((row.run, row.user_id) for row in rows), default=after)
    return Claimed(claims=claims, suppressed=len(rows) - len(claims), last=last, more=len(rows) == limit)


def due(
    connection: sa.Connection,
    partition: int,
    limit: int,
    *,
    after: tuple[str, str] = ("", ""),
    run: str | None = None,
    now: datetime | None = None,
) -> int:
    """How many rows of a partition behind `after` are due, up to `limit`."""
    parameters = {
        "partition": partition,
        "limit": limit,
        "after_run": after[0],
        "after_user": after[1],
        "only": run,
        "now": now,
    }
    return connection.scalar(_COUNT_DUE, parameters) or 0


def settle(
    connection: sa.Connection, settlements: Sequence[tuple[Claim, Settlement]], *, now: datetime | None = None
) -> int:
    """Write down what came of claims; how many rows took it.

    A row that was settled by better evidence meanwhile, or claimed again by another, does not. That the provider
    accepted it is the best evidence there is: it counts as long as nobody has claimed the row again.
    """
    if not settlements:
        return 0
    parameters = {
        "runs": [claim.run for claim, _ in settlements],
        "user_ids": [claim.user_id for claim, _ in settlements],
        "attempts": [claim.attempt for claim, _ in settlements],
        "states": [settlement.state for _, settlement in settlements],
        "reasons": [settlement.reason for _, settlement in settlements],
        "evidence": [settlement.evidence for _, settlement in settlements],
        "message_ids": [settlement.message_id for _, settlement in settlements],
        "delays": [settlement.delay for _, settlement in settlements],
        "now": now,
    }
    return connection.execute(_SETTLE, parameters).rowcount


_OPEN_CAMPAIGN = sa.text("""
    INSERT INTO cutover.campaigns (run, send_by)
    SELECT :run, clock_timestamp() + make_interval(secs => :send_within)
    WHERE NOT EXISTS (SELECT FROM cutover.campaigns WHERE run = :run) ON CONFLICT DO NOTHING
""")
"""Looks first, because an insert would wait for whoever is changing the row, and that may be our own caller."""

_PLAN = sa.text("""
    INSERT INTO cutover.send_ledger (run, user_id, partition, path, state, reason)
    SELECT :run, user_id, partition, :path, CASE WHEN reason IS NULL THEN 'planned' ELSE 'suppressed' END, reason
    FROM unnest(CAST(:user_ids AS text[]), CAST(:partitions AS smallint[]), CAST(:reasons AS text[]))
        AS planned (user_id, partition, reason)
    ON CONFLICT (run, user_id) DO NOTHING
""")

_DUE = """
        SELECT l.run, l.user_id FROM cutover.send_ledger l JOIN cutover.campaigns c USING (run)
        WHERE l.state = 'planned' AND l.partition = :partition AND (l.run, l.user_id) > (:after_run, :after_user)
          AND (CAST(:only AS text) IS NULL OR l.run = :only)
          AND NOT l.held AND (c.rolled_back_at IS NULL OR l.path = 'legacy')
          AND c.paused_at IS NULL AND c.send_by > coalesce(CAST(:now AS timestamptz), clock_timestamp())
          AND (l.not_before IS NULL OR l.not_before <= coalesce(CAST(:now AS timestamptz), clock_timestamp()))
        ORDER BY l.run, l.user_id LIMIT :limit"""

_COUNT_DUE = sa.text(f"SELECT count(*) FROM ({_DUE}) AS due")  # noqa: S608 - our own text

_CLAIM = sa.text(f"""
    WITH due AS ({_DUE} FOR UPDATE OF l SKIP LOCKED
    ), asked AS (
        SELECT due.run, due.user_id,
               CASE WHEN wish.type = 'UserUnsubscribed' THEN 'unsubscribed' ELSE u.reason END AS refusal
        FROM due
        LEFT JOIN LATERAL (
            SELECT told.type FROM (
                SELECT e.type, e.occurred_at, 0 AS emitted, e.position AS number FROM cutover.events e
                WHERE e.type IN ('UserUnsubscribed', 'UserResubscribed') AND e.data ->> 'user_id' = due.user_id
                UNION ALL
                SELECT o.type,
                       CASE WHEN pg_input_is_valid(o.data ->> 'occurred_at', 'timestamptz')
                            THEN CAST(o.data ->> 'occurred_at' AS timestamptz)
                            WHEN o.type = 'UserUnsubscribed' THEN 'infinity' ELSE '-infinity' END,
                       1, o.id
                FROM cutover.outbox o
                WHERE o.type IN ('UserUnsubscribed', 'UserResubscribed') AND o.data ->> 'user_id' = due.user_id
            ) AS told
            ORDER BY told.occurred_at DESC, told.emitted DESC, told.number DESC LIMIT 1
        ) AS wish ON true
        LEFT JOIN cutover.undeliverable u ON u.user_id = due.user_id
    )
    UPDATE cutover.send_ledger l
    SET state = CASE WHEN asked.refusal IS NULL THEN 'sending' ELSE 'suppressed' END,
        reason = asked.refusal,
        attempt = l.attempt + (asked.refusal IS NULL)::int,
        lease_until = CASE WHEN asked.refusal IS NULL
                           THEN coalesce(CAST(:now AS timestamptz), clock_timestamp()) + make_interval(secs => :lease)
                      END,
        not_before = NULL
    FROM asked
    WHERE l.run = asked.run AND l.user_id = asked.user_id
    RETURNING l.run, l.user_id, l.path, l.send_id, l.attempt, l.state
""")  # noqa: S608 - our own text
"""Rows are claimed by whoever locks them first; nobody waits for a row that another claims.

In a run that was rolled back the event-driven path's rows are nobody's to claim: they change hands, and wait until the
legacy path has handed them in.

What the user wants is asked of the log and the outbox themselves, so that no projection can lag behind; of several
wishes the latest counts. A row that cannot be read counts as the wish for no mail, until the sequencer has refused it.
"""

_SETTLE = sa.text("""
    WITH told AS (
        SELECT * FROM unnest(
            CAST(:runs AS text[]), CAST(:user_ids AS text[]), CAST(:attempts AS int[]), CAST(:states AS text[]),
            CAST(:reasons AS text[]), CAST(:evidence AS text[]), CAST(:message_ids AS text[]), CAST(:delays AS float8[])
        ) AS told (run, user_id, attempt, state, reason, evidence, message_id, delay)
    ), held AS (
        SELECT l.run, l.user_id FROM cutover.send_ledger l JOIN told USING (run, user_id)
        WHERE l.attempt = told.attempt
          AND (l.state IN ('sending', 'unconfirmed') OR told.state = 'accepted')
        ORDER BY l.run, l.user_id FOR UPDATE OF l
    )
    UPDATE cutover.send_ledger l
    SET state = told.state,
        reason = CASE WHEN l.state = 'accepted' THEN l.reason ELSE told.reason END,
        evidence = CASE WHEN l.state = 'accepted' THEN l.evidence ELSE told.evidence END,
        message_id = coalesce(told.message_id, l.message_id),
        decided_by = CASE WHEN l.state = 'unconfirmed' AND told.state = 'planned' THEN 'late answer'
                          ELSE l.decided_by END,
        lease_until = NULL,
        not_before = coalesce(CAST(:now AS timestamptz), clock_timestamp()) + make_interval(secs => told.delay)
    FROM told JOIN held USING (run, user_id)
    WHERE l.run = told.run AND l.user_id = told.user_id AND l.attempt = told.attempt
      AND (l.state IN ('sending', 'unconfirmed') OR told.state = 'accepted')
""")
"""Rows are locked in the order of their keys, as everywhere, so that two who settle the same ones do not deadlock."""
