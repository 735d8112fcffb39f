"""The fold of provider news: into the send ledger, where each only ever adds, and into who cannot be mailed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa

from events import (
    Batch,
    EmailBounced,
    EmailOpened,
    EmailSpamReported,
    Event,
    ProviderEvent,
    Subscription,
    UserResubscribed,
)

COLUMNS: Mapping[str, str] = {
    "EmailProcessed": "processed",
    "EmailDeferred": "deferred",
    "EmailDelivered": "delivered",
    "EmailBounced": "bounced",
    "EmailDropped": "dropped",
    "EmailOpened": "opened",
    "EmailClicked": "clicked",
    "EmailSpamReported": "spam_reported",
    "EmailUnsubscribed": "unsubscribed",
}
NEWS = (*COLUMNS.values(), "machine_opened")


def tracking_subscription() -> Subscription:
    """Folds what the provider tells, partition by partition."""
    return Subscription(
        name="tracking", queue="tracking", types=frozenset({*COLUMNS, "UserResubscribed"}), reaction=fold
    )


def fold(connection: sa.Connection, batch: Batch) -> None:
    """Write down when each kind of news was first true. Order, repetition and batch size make no difference.

    News of an e-mail that we do not know to be accepted proves that it was.
    """
    events = [each.event for each in batch.events]
    first: dict[tuple[str, str], dict[str, datetime]] = defaultdict(dict)
    for event in events:
        if isinstance(event, ProviderEvent):
            known = first[event.run, event.user_id]
            column = _column(event)
            known[column] = min(event.occurred_at, known.get(column, event.occurred_at))
    if first:
        connection.execute(_FOLD, _parameters(first))
    _fold_undeliverable(connection, events, batch.upto)


def _column(event: ProviderEvent) -> str:
    return "machine_opened" if isinstance(event, EmailOpened) and event.machine else COLUMNS[event.type]


def _parameters(first: Mapping[tuple[str, str], Mapping[str, datetime]]) -> dict[str, object]:
    keys = sorted(first)
    return {
        "runs": [run for run, _ in keys],
        "user_ids": [user_id for _, user_id in keys],
        **{name: [first[key].get(name) for key in keys] for name in NEWS},
    }


def _fold_undeliverable(connection: sa.Connection, events: Iterable[Event], upto: int) -> None:
    """Subscribing again lifts what happened before it and not what happens after, whenever it is told by `upto`."""
    for event in events:
        if isinstance(event, EmailSpamReported) or (isinstance(event, EmailBounced) and event.permanent):
            reason = "bounced" if isinstance(event, EmailBounced) else "spam_reported"
            parameters = {"user_id": event.user_id, "reason": reason, "since": event.occurred_at, "upto": upto}
            connection.execute(_UNDELIVERABLE, parameters)
        elif isinstance(event, UserResubscribed):
            connection.execute(_LIFT, {"user_id": event.user_id, "at": event.occurred_at})


_ARRAYS = ", ".join(f"CAST(:{name} AS timestamptz[])" for name in NEWS)
_NAMES = ", ".join(f"{name}_at" for name in NEWS)
_EARLIEST = ", ".join(f"{name}_at = least(l.{name}_at, told.{name}_at)" for name in NEWS)

_FOLD = sa.text(f"""
    WITH told AS (
        SELECT * FROM unnest(CAST(:runs AS text[]), CAST(:user_ids AS text[]), {_ARRAYS})
            AS told (run, user_id, {_NAMES})
    ), held AS (
        SELECT l.run, l.user_id FROM cutover.send_ledger l JOIN told USING (run, user_id)
        ORDER BY l.run, l.user_id FOR UPDATE OF l
    )
    UPDATE cutover.send_ledger l
    SET {_EARLIEST},
        state = 'accepted',
        evidence = coalesce(l.evidence, 'webhook'),
        reason = CASE WHEN l.state = 'accepted' THEN l.reason END,
        lease_until = NULL, not_before = NULL
    FROM told JOIN held USING (run, user_id)
    WHERE l.run = told.run AND l.user_id = told.user_id
""")  # noqa: S608 - the names of our own columns

_UNDELIVERABLE = sa.text("""
    INSERT INTO cutover.undeliverable AS u (user_id, reason, since)
    SELECT :user_id, :reason, :since
    WHERE NOT EXISTS (
        SELECT FROM cutover.events e
        WHERE e.type IN ('UserUnsubscribed', 'UserResubscribed') AND e.data ->> 'user_id' = :user_id
          AND e.type = 'UserResubscribed' AND e.occurred_at >= :since AND e.position <= :upto
    )
    ON CONFLICT (user_id) DO UPDATE SET reason = excluded.reason, since = excluded.since
    WHERE (u.since, u.reason) < (excluded.since, excluded.reason)
""")

_LIFT = sa.text("DELETE FROM cutover.undeliverable WHERE user_id = :user_id AND since <= :at")
