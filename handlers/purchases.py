"""Purchases: folds orders, cancellations and returns, in whatever order they are told, and reads histories back."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from events import Event, ItemsReturned, OrderCancelled, OrderPlaced
from handlers.catalogue import Catalogue
from handlers.taste import Histories


def fold(connection: sa.Connection, partition: int, events: Sequence[Event]) -> set[str]:
    """Write what these events say of one partition's purchases; the users whose purchases changed."""
    placed = [event for event in events if isinstance(event, OrderPlaced)]
    returned = [event for event in events if isinstance(event, ItemsReturned)]
    cancelled = [event for event in events if isinstance(event, OrderCancelled)]
    _place(connection, partition, placed)
    _return(connection, partition, returned)
    _cancel(connection, cancelled, placed)
    return {event.user_id for kind in (placed, returned, cancelled) for event in kind}


def _place(connection: sa.Connection, partition: int, events: Iterable[OrderPlaced]) -> None:
    rows = [
        (event.user_id, event.order_id, line.product_id, event.occurred_at, line.quantity)
        for event in events
        for line in event.lines
    ]
    if rows:
        connection.execute(_PLACE, {"partition": partition, **_columns(rows)})


def _return(connection: sa.Connection, partition: int, events: Iterable[ItemsReturned]) -> None:
    rows = [
        (event.user_id, event.order_id, line.product_id, None, line.quantity)
        for event in events
        for line in event.lines
    ]
    if rows:
        connection.execute(_RETURN, {"partition": partition, **_columns(rows)})


def _cancel(connection: sa.Connection, events: Sequence[OrderCancelled], placed: Sequence[OrderPlaced]) -> None:
    """Remember the cancelled orders; mark the purchases of those, and of just placed ones cancelled earlier."""
    if events:
        parameters = {"user_ids": [e.user_id for e in events], "order_ids": [e.order_id for e in events]}
        connection.execute(_REMEMBER_CANCELLED, parameters)
    touched = {(str(event.user_id), str(event.order_id)) for event in events}
    touched |= {(str(event.user_id), str(event.order_id)) for event in placed}
    order_ids = {order_id for _, order_id in touched}
    found = connection.execute(_CANCELLED, {"order_ids": list(order_ids)}) if touched else ()
    cancelled = [(row.user_id, row.order_id) for row in found if (row.user_id, row.order_id) in touched]
    if cancelled:
        user_ids, cancelled_ids = (list(column) for column in zip(*cancelled, strict=True))
        connection.execute(_MARK_CANCELLED, {"user_ids": user_ids, "order_ids": cancelled_ids})


def _columns(rows: Sequence[tuple[str, str, str, datetime | None, int]]) -> dict[str, list[object]]:
    names = ("user_ids", "order_ids", "product_ids", "placed_at", "quantities")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def histories(
    connection: sa.Connection, catalogue: Catalogue, users: Iterable[str], since: datetime | None
) -> Histories:
    """The histories of these users: what counts of their purchases placed at or after `since`.

    Users without one are not in the answer.
    """
    return histories_of(catalogue, connection.execute(_HISTORIES, {"users": sorted(users), "since": since or EVER}))


def histories_of(catalogue: Catalogue, found: Iterable[sa.Row[Any]]) -> Histories:
    """Histories from rows of user id, product id and the microseconds since 1970, in the order of `Histories`."""
    rows = list(found)
    owners = [row.user_id for row in rows]
    starts = [n for n, owner in enumerate(owners) if n == 0 or owners[n - 1] != owner]
    return Histories(
        users=[owners[start] for start in starts],
        starts=np.array(starts, dtype=np.int64),
        products=catalogue.rows([row.product_id for row in rows]),
        placed_at=np.array([row.placed_at for row in rows], dtype=np.int64),
    )


def users_leaving(connection: sa.Connection, partition: int, since: datetime | None, upto: datetime) -> set[str]:
    """Users with a purchase which no longer counts when the horizon moves from `since` to `upto`."""
    parameters = {"partition": partition, "since": since or EVER, "upto": upto}
    return set(connection.scalars(_LEAVING, parameters))


def buyers(connection: sa.Connection, partition: int, product_ids: Sequence[str]) -> set[str]:
    """Users of the partition who ever bought one of these products."""
    return set(connection.scalars(_BUYERS, {"partition": partition, "product_ids": list(product_ids)}))


EVER = datetime.fromisoformat("0001-01-02T00:00:00+00:00")

_PLACE = sa.text("""
    INSERT INTO cutover.purchases AS p
        (user_id, order_id, product_id, partition, placed_at, bought, returned, cancelled)
    SELECT user_id, order_id, product_id, :partition, placed_at, quantity, 0, false
    FROM unnest(CAST(:user_ids AS text[]), CAST(:order_ids AS text[]), CAST(:product_ids AS text[]),
                CAST(:placed_at AS timestamptz[]), CAST(:quantities AS bigint[]))
        AS line (user_id, order_id, product_id, placed_at, quantity)
    ON CONFLICT (user_id, order_id, product_id)
        DO UPDATE SET placed_at = excluded.placed_at, bought = p.bought + excluded.bought
""")

_RETURN = sa.text("""
    INSERT INTO cutover.purchases AS p
        (user_id, order_id, product_id, partition, placed_at, bought, returned, cancelled)
    SELECT user_id, order_id, product_id, :partition, min(placed_at), 0, sum(quantity), false
    FROM unnest(CAST(:user_ids AS text[]), CAST(:order_ids AS text[]), CAST(:product_ids AS text[]),
                CAST(:placed_at AS timestamptz[]), CAST(:quantities AS bigint[]))
        AS line (user_id, order_id, product_id, placed_at, quantity)
    GROUP BY user_id, order_id, product_id
    ON CONFLICT (user_id, order_id, product_id) DO UPDATE SET returned = p.returned + excluded.returned
""")

_REMEMBER_CANCELLED = sa.text("""
    INSERT INTO cutover.cancelled_orders (user_id, order_id)
    SELECT * FROM unnest(CAST(:user_ids AS text[]), CAST(:order_ids AS text[]))
    ON CONFLICT DO NOTHING
""")

_CANCELLED = sa.text("SELECT user_id, order_id FROM cutover.cancelled_orders WHERE order_id = ANY(:order_ids)")

_MARK_CANCELLED = sa.text("""
    UPDATE cutover.purchases SET cancelled = true
    WHERE user_id = ANY(:user_ids) AND order_id = ANY(:order_ids) AND NOT cancelled
      AND (user_id, order_id) IN
          (SELECT user_id, order_id FROM cutover.cancelled_orders WHERE order_id = ANY(:order_ids))
""")

_HISTORIES = sa.text("""
    SELECT user_id, product_id, (extract(epoch FROM placed_at) * 1000000)::bigint AS placed_at
    FROM cutover.purchases
    WHERE user_id = ANY(:users) AND placed_at >= :since AND bought > returned AND NOT cancelled
    ORDER BY user_id, purchases.placed_at, order_id, product_id
""")

_LEAVING = sa.text("""
    SELECT DISTINCT user_id FROM cutover.purchases
    WHERE partition = :partition AND placed_at >= :since AND placed_at < :upto
""")

_BUYERS = sa.text("""
    SELECT DISTINCT user_id FROM cutover.purchases
    WHERE product_id = ANY(:product_ids) AND partition = :partition
""")
