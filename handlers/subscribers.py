"""Subscribers: who is registered, and who wants mail, folded from the log."""

from collections.abc import Sequence

import sqlalchemy as sa

from events import Event, UserRegistered, UserResubscribed, UserUnsubscribed
from handlers.columns import column


def fold(connection: sa.Connection, partition: int, events: Sequence[Event]) -> None:
    """Write what these events say of one partition's users. Of two changes of mind the later one stands."""
    registered = [event.user_id for event in events if isinstance(event, UserRegistered)]
    if registered:
        connection.execute(_REGISTER, {"partition": partition, "user_ids": column(registered)})
    latest: dict[str, UserUnsubscribed | UserResubscribed] = {}
    for event in events:
        if isinstance(event, UserUnsubscribed | UserResubscribed):
            known = latest.get(event.user_id)
            if known is None or known.occurred_at <= event.occurred_at:
                latest[event.user_id] = event
    if latest:
        parameters = {
            "partition": partition,
            "user_ids": column(latest),
            "subscribed": column([str(isinstance(event, UserResubscribed)) for event in latest.values()]),
            "changed_at": column([event.occurred_at.isoformat() for event in latest.values()]),
        }
        connection.execute(_CHANGE, parameters)


_REGISTER = sa.text("""
    INSERT INTO cutover.subscribers (user_id, partition, registered, subscribed)
    SELECT unnest(string_to_array(:user_ids, E'\\n')), :partition, true, true
    ON CONFLICT (user_id) DO UPDATE SET registered = true
""")

_CHANGE = sa.text("""
    INSERT INTO cutover.subscribers AS s (user_id, partition, registered, subscribed, changed_at)
    SELECT user_id, :partition, false, subscribed, changed_at
    FROM unnest(string_to_array(:user_ids, E'\\n'), CAST(string_to_array(:subscribed, E'\\n') AS boolean[]),
                CAST(string_to_array(:changed_at, E'\\n') AS timestamptz[]))
        AS change (user_id, subscribed, changed_at)
    ON CONFLICT (user_id) DO UPDATE SET subscribed = excluded.subscribed, changed_at = excluded.changed_at
    WHERE s.changed_at IS NULL OR s.changed_at <= excluded.changed_at
""")
