"""Reading the log: its head, and the events of one partition in order."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from events.codec import decode
from events.errors import PartitionsFixed
from events.event import EVERY_PARTITION, Event


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event at its position in the log."""

    position: int
    event: Event


def head(connection: sa.Connection) -> int:
    """The position of the last event; 0 when the log is empty."""
    return connection.scalar(sa.text("SELECT coalesce(max(position), 0) FROM cutover.events")) or 0


def position_of(connection: sa.Connection, event_id: str) -> int | None:
    """Where this event lies in the log; None while it is not there."""
    statement = sa.text("SELECT position FROM cutover.events WHERE event_id = :event_id")
    position: int | None = connection.scalar(statement, {"event_id": event_id})
    return position


def read(
    connection: sa.Connection,
    *,
    types: Iterable[str],
    partition: int | None,
    after: int,
    upto: int,
    limit: int,
) -> Sequence[Recorded]:
    """Up to `limit` events of `types` at positions in (after, upto], in order.

    With a partition: that partition's events and those every partition sees; with None: the whole log's.
    """
    parameters = {
        "types": list(types),
        "after": after,
        "upto": upto,
        "limit": limit,
        "partition": partition,
        "every": EVERY_PARTITION,
    }
    statement = _READ_ALL if partition is None else _READ_PARTITION
    return recorded(connection.execute(statement, parameters).all())


def recorded(rows: Iterable[Sequence[Any]]) -> Sequence[Recorded]:
    """Rows of (position, type, version, data as text) as events. Raises BadEvent for what this code cannot read."""
    return [Recorded(position, decode(type_, version, data)) for position, type_, version, data in rows]


def fix_partitions(connection: sa.Connection, partitions: int) -> None:
    """Write down the number of partitions the log is created with; raises PartitionsFixed if it is another."""
    connection.execute(
        sa.text("INSERT INTO cutover.log_settings (partitions) VALUES (:partitions) ON CONFLICT DO NOTHING"),
        {"partitions": partitions},
    )
    check_partitions(connection, partitions)


def check_partitions(connection: sa.Connection, partitions: int) -> None:
    """Raise PartitionsFixed if a log is there and was created with another number of partitions."""
    if connection.scalar(sa.text("SELECT to_regclass('cutover.log_settings')")) is None:
        return
    logged = connection.scalar(sa.text("SELECT partitions FROM cutover.log_settings"))
    if logged is not None and logged != partitions:
        raise PartitionsFixed(logged, partitions)


_READ_ALL = sa.text("""
    SELECT position, type, version, data::text AS data FROM cutover.events
    WHERE position > :after AND position <= :upto AND type = ANY(:types)
    ORDER BY position LIMIT :limit
""")

_READ_PARTITION = sa.text("""
    SELECT * FROM (
        (SELECT position, type, version, data::text AS data FROM cutover.events
         WHERE partition = :partition AND position > :after AND position <= :upto AND type = ANY(:types)
         ORDER BY position LIMIT :limit)
        UNION ALL
        (SELECT position, type, version, data::text AS data FROM cutover.events
         WHERE partition = :every AND position > :after AND position <= :upto AND type = ANY(:types)
         ORDER BY position LIMIT :limit)
    ) AS both_kinds
    ORDER BY position LIMIT :limit
""")
