"""Runs that are under way: those in which the event-driven path still has something to act on."""

import sqlalchemy as sa


def running_canaries(connection: sa.Connection) -> list[str]:
    """Runs in which the event-driven path owns somebody, that were not rolled back and are not over, oldest first."""
    return list(connection.scalars(_RUNNING))


def is_over(connection: sa.Connection, run: str) -> bool:
    """Whether both paths have handed in all they have, and nothing of it is planned or in flight any more."""
    return bool(connection.scalar(_OVER, {"run": run}))


_OPEN = """
    (SELECT count(*) < 2 FROM cutover.path_runs p WHERE p.run = r.run AND p.finished_at IS NOT NULL)
     OR EXISTS (SELECT FROM cutover.send_ledger l WHERE l.run = r.run AND l.state = 'planned')
     OR EXISTS (SELECT FROM cutover.send_ledger l WHERE l.run = r.run AND l.state = 'sending')
"""

_RUNNING = sa.text(f"""
    SELECT r.run FROM cutover.runs r LEFT JOIN cutover.campaigns c USING (run)
    WHERE r.sends AND r.event_driven_percent > 0 AND r.rolled_back_at IS NULL
      AND (c.run IS NULL OR c.paused_at IS NOT NULL OR c.send_by > clock_timestamp()) AND ({_OPEN})
    ORDER BY r.scheduled_at
""")  # noqa: S608 - our own text
"""A campaign that has ended holds nothing to be rolled back, whatever a path may still hand in."""

_OVER = sa.text(f"""
    SELECT NOT ({_OPEN})
       OR EXISTS (SELECT FROM cutover.campaigns c WHERE c.run = r.run AND c.send_by < clock_timestamp()
                  AND NOT EXISTS (SELECT FROM cutover.send_ledger l
                                  WHERE l.run = r.run AND l.state IN ('planned', 'sending')))
    FROM cutover.runs r WHERE r.run = :run
""")  # noqa: S608 - our own text
