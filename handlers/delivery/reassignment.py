"""Reassignment: in a run that is rolled back, e-mails nobody has claimed go to the legacy path.

They wait until the legacy path hands them in (by `ledger.plan`), so that whoever sends them finds what it would send.
"""

from collections.abc import Sequence

import sqlalchemy as sa


def reassign(connection: sa.Connection, run: str, reason: str) -> int:
    """Give every planned e-mail of the event-driven path to the legacy one, for `reason`; how many.

    From its commit on, none of the event-driven path's rows of this run is claimed. What is being sent stays where it
    is; if it comes back as planned, calling this again moves it. Waits for those who are claiming at this moment.
    """
    connection.execute(_STOP, {"run": run})
    return connection.execute(_REASSIGN, {"run": run, "reason": reason}).rowcount


def waiting(connection: sa.Connection, run: str) -> Sequence[str]:
    """The users whose e-mails wait for the legacy path to hand them in, by id."""
    return list(connection.scalars(_WAITING, {"run": run}))


def hand_in(connection: sa.Connection, run: str, path: str, planned: Sequence[tuple[str, str | None]]) -> None:
    """Let those of these users who wait for this path be due, or suppress them for the reason that is given."""
    parameters = {
        "run": run,
        "path": path,
        "user_ids": [user_id for user_id, _ in planned],
        "reasons": [reason for _, reason in planned],
    }
    connection.execute(_HAND_IN, parameters)


_STOP = sa.text("""
    UPDATE cutover.campaigns SET rolled_back_at = clock_timestamp() WHERE run = :run AND rolled_back_at IS NULL
""")

_OF_RUN = """
    FROM (SELECT generate_series(0, partitions - 1)::smallint AS partition FROM cutover.log_settings) AS of_log
    JOIN cutover.send_ledger l ON l.partition = of_log.partition AND l.run = :run AND l.state = 'planned'
"""
"""By partition, as the index of planned rows has it: this is asked every second while a run is rolled back."""

_REASSIGN = sa.text(f"""
    WITH unclaimed AS (
        SELECT l.run, l.user_id {_OF_RUN}
        WHERE l.path = 'event_driven' ORDER BY l.run, l.user_id FOR UPDATE OF l
    )
    UPDATE cutover.send_ledger l SET path = 'legacy', held = true, reason = :reason
    FROM unclaimed
    WHERE l.run = unclaimed.run AND l.user_id = unclaimed.user_id AND l.state = 'planned' AND l.path = 'event_driven'
""")  # noqa: S608 - our own text
"""Rows are locked in the order of their keys, as everywhere."""

_WAITING = sa.text(f"SELECT l.user_id {_OF_RUN} WHERE l.held ORDER BY l.user_id")

_HAND_IN = sa.text("""
    WITH planned AS (
        SELECT * FROM unnest(CAST(:user_ids AS text[]), CAST(:reasons AS text[])) AS planned (user_id, reason)
    ), waiting AS (
        SELECT l.user_id FROM cutover.send_ledger l JOIN planned USING (user_id)
        WHERE l.run = :run AND l.path = :path AND l.held AND l.state = 'planned'
          AND EXISTS (SELECT FROM cutover.campaigns c WHERE c.run = :run AND c.rolled_back_at IS NOT NULL)
        ORDER BY l.user_id FOR UPDATE OF l
    )
    UPDATE cutover.send_ledger l
    SET held = false,
        state = CASE WHEN planned.reason IS NULL THEN 'planned' ELSE 'suppressed' END,
        reason = coalesce(planned.reason, l.reason),
        not_before = CASE WHEN planned.reason IS NULL THEN l.not_before END
    FROM planned JOIN waiting USING (user_id)
    WHERE l.run = :run AND l.user_id = planned.user_id AND l.state = 'planned'
""")
