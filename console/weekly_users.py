"""The users of the weekly job, as the shop's tables and the log know them."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa


def names_in_shop(connection: sa.Connection, user_ids: Sequence[str]) -> Mapping[str, str]:
    """Names by user id, read from the shop at the moment of writing to them."""
    statement = sa.text("SELECT user_id, name FROM shop.users WHERE user_id = ANY(:user_ids)")
    return {row.user_id: row.name for row in connection.execute(statement, {"user_ids": list(user_ids)})}


def registered_users(connection: sa.Connection, run: str) -> int:
    """How many users were registered at the run's barrier: that many must have an outcome."""
    return connection.scalar(_REGISTERED, {"run": run}) or 0


_REGISTERED = sa.text("""
    SELECT count(*) FROM cutover.events
    WHERE type = 'UserRegistered' AND position <= (SELECT position FROM cutover.runs WHERE run = :run)
""")
