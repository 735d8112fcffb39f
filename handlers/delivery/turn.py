"""A turn: one sender at a time works on a partition, so that two do not ask for slots that only one can use."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

LOOK_UP = -1
"""In place of a partition: whoever searches the provider's records, which take few questions a second."""
_SPACE = 0x73656E64  # "send": the first half of the lock's key, the second one is the partition


@contextmanager
def turn(engine: sa.Engine, partition: int) -> Iterator[bool]:
    """Whether it is ours now. This spares work and guards nothing: the ledger alone decides who sends what."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"space": _SPACE, "partition": partition}
        ours = bool(connection.scalar(_TAKE, key))
        try:
            yield ours
        finally:
            if ours:
                _leave(connection, key)


def _leave(connection: sa.Connection, key: dict[str, int]) -> None:
    try:
        connection.execute(_LEAVE, key)
    except sa.exc.DBAPIError:
        # The session is gone, and the lock with it; or it is not sure, and then the session has to go.
        connection.invalidate()


_TAKE = sa.text("SELECT pg_try_advisory_lock(:space, :partition)")
_LEAVE = sa.text("SELECT pg_advisory_unlock(:space, :partition)")
