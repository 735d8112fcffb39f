"""The books of a run: how many e-mails are in which state, and when it will be done at the pace it has now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

STATES = ("planned", "sending", "accepted", "failed", "suppressed", "unconfirmed")
NEWS = (
    "processed",
    "deferred",
    "delivered",
    "opened",
    "machine_opened",
    "clicked",
    "bounced",
    "dropped",
    "spam_reported",
    "unsubscribed",
)


@dataclass(frozen=True, kw_only=True)
class Books:
    """One run. `states` and `reasons` count rows; `news` counts e-mails of which the provider told this, ever.

    `pace` is in e-mails a second over the last minute; None when nothing was accepted in it.
    """

    run: str
    states: Mapping[str, int]
    reasons: Mapping[str, Mapping[str, int]]
    news: Mapping[str, int]
    pace: float | None
    send_by: datetime | None
    paused_at: datetime | None
    paused_by: str | None

    @property
    def total(self) -> int:
        """All rows: each is in one state."""
        return sum(self.states.values())

    @property
    def open(self) -> int:
        """E-mails that are neither sent nor given up."""
        return self.states["planned"] + self.states["sending"]

    def finish(self, now: datetime) -> datetime | None:
        """When the rest is sent if the pace stays; None when nobody can say, or nothing is left."""
        if not self.open or not self.pace or self.paused_at is not None:
            return None
        return now + timedelta(seconds=self.open / self.pace)


def books(connection: sa.Connection, run: str) -> Books:
    """The books of a run; all zero for one that sends nothing."""
    states = dict.fromkeys(STATES, 0)
    reasons: dict[str, dict[str, int]] = {}
    for row in connection.execute(_STATES, {"run": run}):
        states[row.state] += row.rows
        if row.reason is not None:
            reasons.setdefault(row.state, {})[row.reason] = row.rows
    news = connection.execute(_NEWS, {"run": run}).mappings().one()
    campaign = connection.execute(_CAMPAIGN, {"run": run}).one_or_none()
    return Books(
        run=run,
        states=states,
        reasons=reasons,
        news=dict(news),
        pace=connection.scalar(_PACE, {"run": run}),
        send_by=campaign.send_by if campaign else None,
        paused_at=campaign.paused_at if campaign else None,
        paused_by=campaign.paused_by if campaign else None,
    )


def unsettled(connection: sa.Connection, run: str) -> bool:
    """Whether e-mails of this run are neither sent nor given up. Far cheaper than the books, however large the run."""
    return bool(connection.scalar(_UNSETTLED, {"run": run}))


_UNSETTLED = sa.text("""
    SELECT EXISTS (SELECT FROM cutover.send_ledger WHERE state = 'planned' AND run = :run)
        OR EXISTS (SELECT FROM cutover.send_ledger WHERE state = 'sending' AND run = :run)
""")

_STATES = sa.text("""
    SELECT state, CASE WHEN state IN ('failed', 'suppressed', 'unconfirmed') THEN reason END AS reason, count(*) AS rows
    FROM cutover.send_ledger WHERE run = :run GROUP BY 1, 2 ORDER BY rows DESC
""")

_COUNTS = ", ".join(f"count({name}_at) AS {name}" for name in NEWS)

_NEWS = sa.text(f"SELECT {_COUNTS} FROM cutover.send_ledger WHERE run = :run")  # noqa: S608 - our own columns

_CAMPAIGN = sa.text("SELECT send_by, paused_at, paused_by FROM cutover.campaigns WHERE run = :run")

_PACE = sa.text("""
    SELECT count(*) / nullif(extract(epoch FROM clock_timestamp() - min(changed_at)), 0)::float8
    FROM cutover.send_ledger
    WHERE run = :run AND state = 'accepted' AND evidence = 'answer'
      AND changed_at > clock_timestamp() - interval '1 minute'
""")
