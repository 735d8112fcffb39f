"""Tastes in single precision: half the bytes to read where a product changes, and enough for what they are read for."""

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

AT_ONCE = 10_000

READ = sa.text("""
    SELECT user_id, direction FROM cutover.recommendations
    WHERE direction IS NOT NULL AND user_id > :after ORDER BY user_id LIMIT :at_once
""")

WRITE = sa.text("""
    UPDATE cutover.recommendations AS r SET direction = became.direction
    FROM unnest(CAST(:user_ids AS text[]), CAST(:directions AS bytea[])) AS became (user_id, direction)
    WHERE r.user_id = became.user_id
""")


def upgrade() -> None:
    _each("<f8", "<f4")


def downgrade() -> None:
    """What a rounded number was before is gone: `cutover rebuild` tells it again."""
    _each("<f4", "<f8")


def _each(was: str, becomes: str) -> None:
    connection, after = op.get_bind(), ""
    while rows := connection.execute(READ, {"after": after, "at_once": AT_ONCE}).all():
        connection.execute(WRITE, _written(rows, was, becomes))
        after = rows[-1].user_id


def _written(rows: Sequence[sa.Row[str, bytes]], was: str, becomes: str) -> dict[str, object]:
    return {
        "user_ids": [user_id for user_id, _ in rows],
        "directions": [np.frombuffer(direction, was).astype(becomes).tobytes() for _, direction in rows],
    }
