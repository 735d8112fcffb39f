"""Subscribers: who is registered, and who wants mail, folded from the log."""

from collections.abc import Sequence

import sqlalchemy as sa

from events import Event, UserRegistered, UserResubscribed, UserUnsubscribed


def fold(connection: sa.Connection, partition: int, events: Sequence[Event]) -> None:
    """Write what these events say of one partition's users. Of two changes of mind the later one stands."""
    registered = [event.user_id for event in events if isinstance(event, UserRegistered)]
    if registered:
        connection.execute(_REGISTER, {"partition": partition, "user_ids": registered})
    changes = [
        {
            "user_id": event.user_id,
            "partition": partition,
            "subscribed": isinstance(event, UserResubscribed),
            "changed_at": event.occurred_at,
        }
        for event in events
        if isinstance(event, UserUnsubscribed | UserResubscribed)
    ]
    if changes:
        connection.execute(_CHANGE, changes)


_REGISTER = sa.text("""
    INSERT INTO cutover.subscribers (user_id, partition, registered, subscribed)
    SELECT unnest(CAST(:user_ids AS text[])), :partition, true, true
    ON CONFLICT (user_id) DO UPDATE SET registered = true
""")

_CHANGE = sa.text("""
    INSERT INTO cutover.subscribers AS s (user_id, partition, registered, subscribed, changed_at)
    VALUES (:user_id, :partition, false, :subscribed, :changed_at)
    ON CONFLICT (user_id) DO UPDATE SET subscribed = excluded.subscribed, changed_at = excluded.changed_at
    WHERE s.changed_at IS NULL OR s.changed_at <= excluded.changed_at
""")
