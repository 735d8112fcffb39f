"""The vitals of a campaign: one query, cheap enough to be asked every second while it runs."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

STEADY = 10.0
"""Seconds, and e-mails, from which on a pace is worth being believed."""


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """How a campaign does. `failures` of `sent` were refused for good; `open` are planned or in flight.

    `given_up`: some were suppressed because the campaign ended. `seconds_late`: by how much it would end after its
    `send_by` at the pace of the last minute, negative when before; None when nobody can say.
    """

    failures: int
    sent: int
    open: int
    given_up: bool
    seconds_late: float | None


def vitals(connection: sa.Connection, run: str, path: str | None = None, *, now: datetime | None = None) -> Vitals:
    """The vitals of a run's campaign; failures and sent of one path's e-mails only, if it is given."""
    row = connection.execute(_VITALS, {"run": run, "path": path, "now": now}).one()
    return Vitals(
        failures=row.failures,
        sent=row.sent,
        open=row.open,
        given_up=row.given_up,
        seconds_late=_seconds_late(row.open, row.lately, row.seconds, row.left),
    )


def _seconds_late(open_: int, lately: int, seconds: float | None, left: float | None) -> float | None:
    if not open_ or left is None or seconds is None or seconds < STEADY or lately < STEADY:
        return None
    return open_ * seconds / lately - left


_VITALS = sa.text("""
    SELECT count(*) FILTER (WHERE l.state = 'failed' AND asked.of_path) AS failures,
           count(*) FILTER (WHERE l.state IN ('accepted', 'failed', 'unconfirmed') AND asked.of_path) AS sent,
           count(*) FILTER (WHERE l.state IN ('planned', 'sending')) AS open,
           coalesce(bool_or(l.state = 'suppressed' AND l.reason = 'send_by_passed'), false) AS given_up,
           count(*) FILTER (WHERE asked.lately) AS lately,
           CAST(extract(epoch FROM max(time.now) - min(l.changed_at) FILTER (WHERE asked.lately)) AS float8) AS seconds,
           CAST(extract(epoch FROM max(c.send_by) FILTER (WHERE c.paused_at IS NULL) - max(time.now)) AS float8) AS left
    FROM (SELECT coalesce(CAST(:now AS timestamptz), clock_timestamp()) AS now) AS time
    CROSS JOIN cutover.send_ledger l LEFT JOIN cutover.campaigns c USING (run)
    CROSS JOIN LATERAL (
        SELECT CAST(:path AS text) IS NULL OR l.path = :path AS of_path,
               l.state = 'accepted' AND l.evidence = 'answer'
                   AND l.changed_at > time.now - interval '1 minute' AS lately
    ) AS asked
    WHERE l.run = :run
""")
