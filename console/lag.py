"""What has been waiting for long: events that a subscription should have folded by now."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from events import Subscription, Subscriptions


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """So many partitions of a subscription wait, the first at `position`; the oldest event for `seconds`."""

    subscription: Subscription
    partitions: int
    position: int
    seconds: int


def waiting(connection: sa.Connection, subscriptions: Subscriptions, *, longer_than: float) -> Iterator[Waiting]:
    """The subscriptions with an event that was logged more than so many seconds ago and is not folded."""
    for subscription in subscriptions:
        parameters = {
            "name": subscription.name,
            "types": list(subscription.types),
            "partitioned": subscription.partitioned,
            "old": longer_than,
        }
        for row in connection.execute(_WAITING, parameters):
            yield Waiting(
                subscription=subscription, partitions=row.partitions, position=row.position, seconds=row.seconds
            )


_WAITING = sa.text("""
    SELECT c.subscription, count(*) AS partitions, min(oldest.position) AS position,
           max(extract(epoch FROM clock_timestamp() - oldest.recorded_at))::int AS seconds
    FROM cutover.checkpoints c
    CROSS JOIN LATERAL (
        SELECT pending.* FROM unnest(CAST(:types AS text[])) AS read (type)
        CROSS JOIN (SELECT generate_series(-1, partitions - 1) AS partition FROM cutover.log_settings) AS of_log
        CROSS JOIN LATERAL (
            SELECT e.position, e.recorded_at FROM cutover.events e
            WHERE e.type = read.type AND e.partition = of_log.partition AND e.position > c.position
            ORDER BY e.position LIMIT 1
        ) AS pending
        WHERE NOT :partitioned OR of_log.partition IN (-1, c.partition)
        ORDER BY pending.position LIMIT 1
    ) AS oldest
    WHERE c.subscription = :name AND oldest.recorded_at < clock_timestamp() - make_interval(secs => :old)
    GROUP BY c.subscription
""")
