"""Upkeep: what time alone does to the ledger. Run again and again by the relay's sweep, by any number of them.

`now` is simulated time; without it, the database's own clock counts.
"""

from datetime import datetime

import sqlalchemy as sa

AT_ONCE = 5000


def expire_leases(connection: sa.Connection, *, now: datetime | None = None) -> int:
    """Rows whose sender has not answered within its lease become unconfirmed: it may have sent them. How many."""
    return connection.execute(_EXPIRE, {"limit": AT_ONCE, "now": now}).rowcount


def end_campaigns(connection: sa.Connection, *, now: datetime | None = None) -> int:
    """What is planned when its campaign ends is suppressed, unless it is paused; how many, up to 5,000 a partition."""
    return connection.execute(_END, {"limit": AT_ONCE, "now": now}).rowcount


def due_partitions(connection: sa.Connection, *, now: datetime | None = None) -> list[int]:
    """Partitions in which something is to be sent now."""
    return list(connection.scalars(_DUE, {"now": now}))


_EXPIRE = sa.text("""
    WITH expired AS (
        SELECT run, user_id FROM cutover.send_ledger
        WHERE state = 'sending' AND lease_until < coalesce(CAST(:now AS timestamptz), clock_timestamp())
        ORDER BY run, user_id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE cutover.send_ledger l SET state = 'unconfirmed', reason = 'lease_expired', lease_until = NULL
    FROM expired WHERE l.run = expired.run AND l.user_id = expired.user_id AND l.state = 'sending'
""")

_END = sa.text("""
    WITH late AS (
        SELECT due.run, due.user_id
        FROM (SELECT generate_series(0, partitions - 1) AS partition FROM cutover.log_settings) AS of_log
        CROSS JOIN cutover.campaigns c
        CROSS JOIN LATERAL (
            SELECT l.run, l.user_id FROM cutover.send_ledger l
            WHERE l.state = 'planned' AND l.partition = of_log.partition AND l.run = c.run
            ORDER BY l.user_id LIMIT :limit FOR UPDATE SKIP LOCKED
        ) AS due
        WHERE c.paused_at IS NULL AND c.send_by <= coalesce(CAST(:now AS timestamptz), clock_timestamp())
    )
    UPDATE cutover.send_ledger l SET state = 'suppressed', reason = 'send_by_passed', not_before = NULL
    FROM late WHERE l.run = late.run AND l.user_id = late.user_id AND l.state = 'planned'
""")

_DUE = sa.text("""
    SELECT DISTINCT of_log.partition
    FROM (SELECT generate_series(0, partitions - 1) AS partition FROM cutover.log_settings) AS of_log
    CROSS JOIN cutover.campaigns c
    CROSS JOIN LATERAL (
        SELECT FROM cutover.send_ledger l
        WHERE l.state = 'planned' AND l.partition = of_log.partition AND l.run = c.run
          AND NOT l.held AND (c.rolled_back_at IS NULL OR l.path = 'legacy')
          AND (l.not_before IS NULL OR l.not_before <= coalesce(CAST(:now AS timestamptz), clock_timestamp()))
        LIMIT 1
    ) AS due
    WHERE c.paused_at IS NULL AND c.send_by > coalesce(CAST(:now AS timestamptz), clock_timestamp())
    ORDER BY of_log.partition
""")
