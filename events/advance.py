"""Advance: the one way anything consumes the log.

Lock the checkpoint, read the partition's next events in order, fold them, write the effects and the checkpoint in one
transaction. Order, effects exactly once, parallelism and the barrier all come from this.
"""

import sys
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from events.log import read
from events.subscription import Batch, Subscription, Subscriptions

AT_ONCE = 50_000
"""Events of one transaction, unless told otherwise. Whoever is far behind refreshes a user once for all of them."""


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """What one step did, and with events of which types.

    `held`: another worker is at this partition, or a rebuild has just been. `more`: there is more to read right now.
    """

    events: int = 0
    types: frozenset[str] = frozenset()
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
        mine = _lock(connection, subscriptions, subscription, partition)
        if mine is None:
            return Advanced(held=True)
        position, end = mine
        if end <= position:
            return Advanced(position=position)
        batch = _next_batch(connection, subscription, partition, position, end, limit)
        if batch.events:
            subscription.reaction(connection, batch)
        connection.execute(_MOVE, {"subscription": name, "partition": partition, "position": batch.upto})
    types = frozenset(each.event.type for each in batch.events)
    return Advanced(events=len(batch.events), types=types, position=batch.upto, more=batch.upto < end)


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


def _lock(
    connection: sa.Connection, subscriptions: Subscriptions, follower: Subscription, partition: int
) -> tuple[int, int] | None:
    """Hold the checkpoint: where it stands, and how far it may read. None where another worker holds it.

    It may read to the head, but not past what those before it still have to fold. Between two partitioned
    subscriptions only the same partition counts. Each partition is asked for what it reads itself: one that has nothing
    to read does not hold anybody up.

    Position and end come of one statement, whose snapshot can be older than the lock. As log and checkpoints only grow,
    an old end is too early, never too late, unless a rebuild has rewound them meanwhile. A rebuild writes every
    checkpoint: one that is newer than the snapshot counts as held, and the next look sees all of it.
    """
    before = [subscriptions[name] for name in follower.after]
    parameters = {
        "names": [each.name for each in before],
        "together": [each.partitioned and follower.partitioned for each in before],
        "partitioned": [each.partitioned for each in before],
        "types": [type_ for each in before for type_ in sorted(each.types)],
        "read_by": [each.name for each in before for _ in each.types],
        "subscription": follower.name,
        "partition": partition,
    }
    mine = connection.execute(_LOCK, parameters).one_or_none()
    return None if mine is None else (mine.position, mine.end)


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
    return Batch(partition=partition, after=after, events=found, upto=upto)


_OPEN = sa.text("""
    INSERT INTO cutover.checkpoints (subscription, partition) VALUES (:subscription, :partition)
    ON CONFLICT DO NOTHING
""")

_MOVE = sa.text("""
    UPDATE cutover.checkpoints SET position = :position, advanced_at = clock_timestamp()
    WHERE subscription = :subscription AND partition = :partition
""")

_LOCK = sa.text("""
    WITH mine AS MATERIALIZED (
        SELECT position, xmin AS version FROM cutover.checkpoints
        WHERE subscription = :subscription AND partition = :partition
        FOR UPDATE SKIP LOCKED
    ), head AS (
        SELECT coalesce(max(position), 0) AS position FROM cutover.events
    ), followed AS (
        SELECT each.name, each.partitioned, c.partition, c.position
        FROM unnest(CAST(:names AS text[]), CAST(:together AS boolean[]), CAST(:partitioned AS boolean[]))
            AS each (name, together, partitioned)
        JOIN cutover.checkpoints c ON c.subscription = each.name AND (NOT each.together OR c.partition = :partition)
    )
    SELECT mine.position, least(head.position, (
        SELECT min(pending.position) - 1
        FROM followed
        JOIN unnest(CAST(:read_by AS text[]), CAST(:types AS text[])) AS read (name, type) USING (name)
        CROSS JOIN (
            SELECT CAST(generate_series(-1, partitions - 1) AS smallint) AS partition FROM cutover.log_settings
        ) AS of_log
        CROSS JOIN LATERAL (
            SELECT e.position FROM cutover.events e
            WHERE e.type = read.type
              AND (e.partition, e.position) > (of_log.partition, followed.position) AND e.partition <= of_log.partition
            ORDER BY e.partition, e.position LIMIT 1
        ) AS pending
        WHERE NOT followed.partitioned OR of_log.partition IN (-1, followed.partition)
    )) AS "end"
    FROM mine, head, cutover.checkpoints AS seen
    WHERE seen.subscription = :subscription AND seen.partition = :partition AND mine.version = seen.xmin
""").bindparams(
    *(sa.bindparam(name, type_=ARRAY(sa.Text), literal_execute=True) for name in ("names", "types", "read_by")),
    *(sa.bindparam(name, type_=ARRAY(sa.Boolean), literal_execute=True) for name in ("together", "partitioned")),
)
"""One step down an index for each type and partition, however far the checkpoint lies back.

Rows are compared where the partition could simply be equal: then PostgreSQL may go through all positions of the log
instead, in the hope that the partition and the type soon fit.

What a subscription follows is written into the statement: with it as parameters PostgreSQL thinks that another plan may
do for others, and plans anew each time, which takes longer than the rest.
"""
