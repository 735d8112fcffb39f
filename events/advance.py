"""Advance: the one way anything consumes the log.

Lock the checkpoint, read the partition's next events in order, fold them, write the effects and the checkpoint in one
transaction. Order, effects exactly once, parallelism and the barrier all come from this.
"""

import sys
from dataclasses import dataclass

import sqlalchemy as sa

from events.log import head, read
from events.subscription import Batch, Subscription, Subscriptions

AT_ONCE = 25_000
"""Events of one transaction, unless told otherwise. Whoever is far behind refreshes a user once for all of them."""


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """What one step did. `held`: another worker is at this partition. `more`: there is more to read right now."""

    events: int = 0
    position: int = 0
    held: bool = False
    more: bool = False


def open_checkpoints(connection: sa.Connection, subscriptions: Subscriptions, partitions: int) -> None:
    """Give every partition of every subscription its checkpoint, at 0 when it is new."""
    rows = [
        {"subscription": subscription.name, "partition": partition}
        for subscription in subscriptions
        for partition in subscription.partitions(partitions)
    ]
    connection.execute(_OPEN, rows)


def advance(
    engine: sa.Engine, subscriptions: Subscriptions, name: str, partition: int, limit: int = AT_ONCE
) -> Advanced:
    """Let one partition of the subscription called `name` fold up to `limit` more events.

    Raises UnknownSubscription; whatever the reaction raises; BadEvent for an event this code cannot read. Then nothing
    has happened, and the next attempt starts at the same checkpoint.
    """
    subscription = subscriptions[name]
    with engine.begin() as connection:
        position = connection.scalar(_LOCK, {"subscription": name, "partition": partition})
        if position is None:
            return Advanced(held=True)
        end = _end(connection, subscriptions, subscription, partition)
        if end <= position:
            return Advanced(position=position)
        batch = _next_batch(connection, subscription, partition, position, end, limit)
        if batch.events:
            subscription.reaction(connection, batch)
        connection.execute(_MOVE, {"subscription": name, "partition": partition, "position": batch.upto})
    return Advanced(events=len(batch.events), position=batch.upto, more=batch.upto < end)


def advance_to_end(
    engine: sa.Engine, subscriptions: Subscriptions, name: str, partition: int, *, most: int = sys.maxsize
) -> int:
    """Advance one partition until nothing is left or another worker holds it; how many events were folded.

    Stops after about `most` events, for callers who must not take long.
    """
    events = 0
    more = True
    while more and events < most:
        step = advance(engine, subscriptions, name, partition)
        events, more = events + step.events, step.more
    return events


def _end(connection: sa.Connection, subscriptions: Subscriptions, follower: Subscription, partition: int) -> int:
    """How far the follower may read: the head, but not past what those before it still have to fold.

    Between two partitioned subscriptions only the same partition counts.
    """
    end = head(connection)
    for name in follower.after:
        before = subscriptions[name]
        parameters = {
            "name": name,
            "types": list(before.types),
            "partition": partition if before.partitioned and follower.partitioned else None,
            "end": end,
        }
        pending = connection.scalar(_FIRST_PENDING, parameters)
        if pending is not None:
            end = min(end, pending - 1)
    return end


def _next_batch(
    connection: sa.Connection, subscription: Subscription, partition: int, after: int, end: int, limit: int
) -> Batch:
    found = read(
        connection,
        types=subscription.types,
        partition=partition if subscription.partitioned else None,
        after=after,
        upto=end,
        limit=limit,
    )
    upto = found[-1].position if len(found) == limit else end
    return Batch(partition=partition, events=found, upto=upto)


_OPEN = sa.text("""
    INSERT INTO cutover.checkpoints (subscription, partition) VALUES (:subscription, :partition)
    ON CONFLICT DO NOTHING
""")

_LOCK = sa.text("""
    SELECT position FROM cutover.checkpoints
    WHERE subscription = :subscription AND partition = :partition
    FOR UPDATE SKIP LOCKED
""")

_MOVE = sa.text("""
    UPDATE cutover.checkpoints SET position = :position, advanced_at = clock_timestamp()
    WHERE subscription = :subscription AND partition = :partition
""")

_FIRST_PENDING = sa.text("""
    SELECT min(pending.position)
    FROM (SELECT min(position) AS position FROM cutover.checkpoints
          WHERE subscription = :name AND (CAST(:partition AS smallint) IS NULL OR partition = :partition)) AS folded
    CROSS JOIN unnest(CAST(:types AS text[])) AS read (type)
    CROSS JOIN (SELECT generate_series(-1, partitions - 1) AS partition FROM cutover.log_settings) AS of_log
    CROSS JOIN LATERAL (
        SELECT e.position FROM cutover.events e
        WHERE e.type = read.type AND e.partition = of_log.partition
          AND e.position > folded.position AND e.position <= :end
        ORDER BY e.position LIMIT 1
    ) AS pending
    WHERE CAST(:partition AS smallint) IS NULL OR of_log.partition IN (-1, :partition)
""")
"""One step down an index for each type and partition, however far the checkpoint lies back."""
