"""Writes every held taste another way, some at a time."""

from collections.abc import Callable

import sqlalchemy as sa

AT_ONCE = 10_000

READ = sa.text("""
    SELECT user_id, direction FROM cutover.recommendations
    WHERE octet_length(direction) = :bytes AND user_id > :after ORDER BY user_id LIMIT :at_once
""")

WRITE = sa.text("""
    UPDATE cutover.recommendations AS r SET direction = became.direction
    FROM unnest(CAST(:user_ids AS text[]), CAST(:directions AS bytea[])) AS became (user_id, direction)
    WHERE r.user_id = became.user_id
""")


def rewrite(connection: sa.Connection, became: Callable[[bytes], bytes], *, of_bytes: int) -> None:
    """Replace each taste that has so many bytes by what became of it, while nobody reads or writes any.

    Readers, too: one that wants to write next would wait for the migration, and whatever alters the table for it.
    """
    connection.execute(sa.text("LOCK TABLE cutover.recommendations IN ACCESS EXCLUSIVE MODE"))
    after = ""
    while rows := connection.execute(READ, {"after": after, "at_once": AT_ONCE, "bytes": of_bytes}).all():
        written = {
            "user_ids": [row.user_id for row in rows],
            "directions": [became(bytes(row.direction)) for row in rows],
        }
        connection.execute(WRITE, written)
        after = rows[-1].user_id
