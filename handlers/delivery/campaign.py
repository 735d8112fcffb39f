"""A campaign: the sending of one run, which a person can pause, resume, and give more time."""

from datetime import datetime

import sqlalchemy as sa


def pause(connection: sa.Connection, run: str, *, by: str) -> bool:
    """Claim nothing more of this run; what is in flight comes home. False if there is no such campaign."""
    return bool(connection.execute(_PAUSE, {"run": run, "by": by}).rowcount)


def resume(connection: sa.Connection, run: str) -> bool:
    """Go on. False if there is no such campaign."""
    return bool(connection.execute(_RESUME, {"run": run}).rowcount)


def extend(connection: sa.Connection, run: str, seconds: float) -> datetime | None:
    """Let the campaign end no earlier than so many seconds from now; when it ends. None if there is none."""
    ends: datetime | None = connection.scalar(_EXTEND, {"run": run, "seconds": seconds})
    return ends


def campaigns(connection: sa.Connection, limit: int = 5) -> list[str]:
    """The newest runs that send, newest first."""
    return list(connection.scalars(_NEWEST, {"limit": limit}))


_PAUSE = sa.text("""
    UPDATE cutover.campaigns SET paused_at = coalesce(paused_at, clock_timestamp()), paused_by = :by WHERE run = :run
""")

_RESUME = sa.text("""
    UPDATE cutover.campaigns
    SET send_by = send_by + coalesce(clock_timestamp() - paused_at, interval '0'), paused_at = NULL, paused_by = NULL
    WHERE run = :run
""")
"""The time a person held it up is not the campaign's."""

_EXTEND = sa.text("""
    UPDATE cutover.campaigns
    SET send_by = greatest(send_by, clock_timestamp() + make_interval(secs => :seconds))
    WHERE run = :run RETURNING send_by
""")

_NEWEST = sa.text("SELECT run FROM cutover.campaigns ORDER BY opened_at DESC LIMIT :limit")
