"""Purchases: folds orders, cancellations and returns, in whatever order they are told, and reads histories back."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import Any

import numpy as np
import sqlalchemy as sa

from events import Event, ItemsReturned, OrderCancelled, OrderPlaced
from handlers.catalogue import Catalogue
from handlers.columns import column
from handlers.taste import Histories
from runtime.database import copy_rows


def fold(connection: sa.Connection, partition: int, events: Sequence[Event], *, first: bool = False) -> set[str]:
    """Write what these events say of one partition's purchases; the users whose purchases changed.

    `first`: nothing of this partition was folded before. Orders meet no purchase and no cancellation, and are copied.
    """
    placed = [event for event in events if isinstance(event, OrderPlaced)]
    returned = [event for event in events if isinstance(event, ItemsReturned)]
    cancelled = [event for event in events if isinstance(event, OrderCancelled)]
    rest = _copy_new(connection, partition, placed, first=first) if len(placed) >= MANY else placed
    _place(connection, partition, rest)
    _return(connection, partition, returned)
    _cancel(connection, cancelled)
    return {event.user_id for kind in (placed, returned, cancelled) for event in kind}


def _copy_new(
    connection: sa.Connection, partition: int, events: Sequence[OrderPlaced], *, first: bool
) -> Sequence[OrderPlaced]:
    """Copy the orders of which nothing is known yet, which is faster than looking for each of their lines; the rest."""
    known = set() if first else _known(connection, events)
    new = [event for event in events if (event.user_id, event.order_id) not in known]
    copy_rows(connection, "cutover.purchases", COLUMNS, _as_rows(partition, new))
    return [event for event in events if (event.user_id, event.order_id) in known]


def _known(connection: sa.Connection, events: Sequence[OrderPlaced]) -> set[tuple[str, str]]:
    """Those of these orders which something was told of: a return, a cancellation, or they themselves."""
    orders = _orders((event.user_id, event.order_id) for event in events)
    return {(user_id, order_id) for user_id, order_id in connection.execute(_KNOWN, orders)}


def _as_rows(partition: int, events: Sequence[OrderPlaced]) -> Iterator[tuple[str, ...]]:
    """A row for each line, in the order of the key, so that one goes where the last one went in its index."""
    in_partition = str(partition)
    for event in sorted(events, key=lambda event: (event.user_id, event.order_id)):
        placed_at = event.occurred_at.isoformat()
        for line in event.lines:
            bought = str(line.quantity)
            yield event.user_id, event.order_id, line.product_id, in_partition, placed_at, bought, "0", "false"


def _place(connection: sa.Connection, partition: int, events: Sequence[OrderPlaced]) -> None:
    if events:
        moments = (repeat(event.occurred_at.isoformat(), len(event.lines)) for event in events)
        placed_at = column(chain.from_iterable(moments))
        connection.execute(_PLACE, {"partition": partition, "placed_at": placed_at, **_lines(events)})


def _return(connection: sa.Connection, partition: int, events: Sequence[ItemsReturned]) -> None:
    if events:
        connection.execute(_RETURN, {"partition": partition, **_lines(events)})


def _cancel(connection: sa.Connection, events: Sequence[OrderCancelled]) -> None:
    """Remember the cancelled orders, for when they are told later, and mark the purchases of those told already."""
    if events:
        orders = _orders((event.user_id, event.order_id) for event in events)
        connection.execute(_REMEMBER_CANCELLED, orders)
        connection.execute(_MARK_CANCELLED, orders)


def _orders(orders: Iterable[Sequence[str]]) -> dict[str, str]:
    user_ids, order_ids = zip(*orders, strict=True)
    return {"user_ids": column(user_ids), "order_ids": column(order_ids)}


def _lines(events: Sequence[OrderPlaced | ItemsReturned]) -> dict[str, str]:
    return {
        "user_ids": column([event.user_id for event in events for _ in event.lines]),
        "order_ids": column([event.order_id for event in events for _ in event.lines]),
        "product_ids": column([line.product_id for event in events for line in event.lines]),
        "quantities": column([str(line.quantity) for event in events for line in event.lines]),
    }


def histories(
    connection: sa.Connection, catalogue: Catalogue, users: Iterable[str], since: datetime | None
) -> Histories:
    """The histories of these users: what counts of their purchases placed at or after `since`.

    Users without one are not in the answer.
    """
    parameters = {"users": column(sorted(users)), "since": since or EVER}
    return histories_of(catalogue, connection.execute(_HISTORIES, parameters).all())


def histories_of(catalogue: Catalogue, found: Sequence[sa.Row[Any]]) -> Histories:
    """Histories from a row for each user, in the order of `Histories`: id, column of products, column of times.

    Times are what `timestamptz_send` makes of them, one after the other: microseconds since 2000.
    """
    products = [row.product_ids.split("\n") for row in found]
    counts = np.array([len(each) for each in products], dtype=np.int64)
    since_2000 = np.frombuffer(b"".join(row.placed_at for row in found), ">i8").astype(np.int64)
    return Histories(
        users=[row.user_id for row in found],
        starts=np.cumsum(counts) - counts,
        products=catalogue.rows([product_id for each in products for product_id in each]),
        placed_at=since_2000 + MICROSECONDS_TO_2000,
    )


def users_leaving(connection: sa.Connection, partition: int, since: datetime | None, upto: datetime) -> set[str]:
    """Users with a purchase which no longer counts when the horizon moves from `since` to `upto`."""
    parameters = {"partition": partition, "since": since or EVER, "upto": upto}
    return set(connection.scalars(_LEAVING, parameters))


def buyers(connection: sa.Connection, partition: int, product_ids: Sequence[str]) -> set[str]:
    """Users of the partition who ever bought one of these products."""
    return set(connection.scalars(_BUYERS, {"partition": partition, "product_ids": list(product_ids)}))


MICROSECONDS_TO_2000 = 946_684_800_000_000
EVER = datetime.fromisoformat("0001-01-02T00:00:00+00:00")

MANY = 1_000
"""Orders at once from which on copying is worth asking first which of them are known."""

COLUMNS = ("user_id", "order_id", "product_id", "partition", "placed_at", "bought", "returned", "cancelled")

_PLACE = sa.text("""
    INSERT INTO cutover.purchases AS p
        (user_id, order_id, product_id, partition, placed_at, bought, returned, cancelled)
    SELECT user_id, order_id, product_id, :partition, placed_at, quantity, 0, c.order_id IS NOT NULL
    FROM unnest(string_to_array(:user_ids, E'\\n'), string_to_array(:order_ids, E'\\n'),
                string_to_array(:product_ids, E'\\n'), CAST(string_to_array(:placed_at, E'\\n') AS timestamptz[]),
                CAST(string_to_array(:quantities, E'\\n') AS bigint[]))
        AS line (user_id, order_id, product_id, placed_at, quantity)
    LEFT JOIN cutover.cancelled_orders c USING (user_id, order_id)
    ORDER BY user_id COLLATE "C", order_id COLLATE "C"
    ON CONFLICT (user_id, order_id, product_id)
        DO UPDATE SET placed_at = excluded.placed_at, bought = p.bought + excluded.bought,
                      cancelled = p.cancelled OR excluded.cancelled
""")

_RETURN = sa.text("""
    INSERT INTO cutover.purchases AS p
        (user_id, order_id, product_id, partition, placed_at, bought, returned, cancelled)
    SELECT user_id, order_id, product_id, :partition, NULL, 0, sum(quantity), false
    FROM unnest(string_to_array(:user_ids, E'\\n'), string_to_array(:order_ids, E'\\n'),
                string_to_array(:product_ids, E'\\n'), CAST(string_to_array(:quantities, E'\\n') AS bigint[]))
        AS line (user_id, order_id, product_id, quantity)
    GROUP BY user_id, order_id, product_id
    ON CONFLICT (user_id, order_id, product_id) DO UPDATE SET returned = p.returned + excluded.returned
""")

_ORDERS = "unnest(string_to_array(:user_ids, E'\\n'), string_to_array(:order_ids, E'\\n')) AS told (user_id, order_id)"

_KNOWN = sa.text(f"""
    SELECT user_id, order_id FROM {_ORDERS}
    WHERE (SELECT true FROM cutover.purchases p
           WHERE p.user_id = told.user_id AND p.order_id = told.order_id LIMIT 1)
       OR (SELECT true FROM cutover.cancelled_orders c
           WHERE c.user_id = told.user_id AND c.order_id = told.order_id LIMIT 1)
""")  # noqa: S608 - put together from our own text
"""One step down each index an order, however PostgreSQL guesses: asked for many, it would rather read all purchases."""

_REMEMBER_CANCELLED = sa.text(f"""
    INSERT INTO cutover.cancelled_orders (user_id, order_id) SELECT user_id, order_id FROM {_ORDERS}
    ON CONFLICT DO NOTHING
""")  # noqa: S608 - put together from our own text

_MARK_CANCELLED = sa.text(f"""
    UPDATE cutover.purchases AS p SET cancelled = true
    FROM {_ORDERS} WHERE p.user_id = told.user_id AND p.order_id = told.order_id AND NOT p.cancelled
""")  # noqa: S608 - put together from our own text

_HISTORIES = sa.text("""
    SELECT told.user_id, history.product_ids, history.placed_at
    FROM unnest(string_to_array(:users, E'\\n')) AS told (user_id)
    CROSS JOIN LATERAL (
        SELECT string_agg(product_id, E'\\n' ORDER BY placed_at, order_id, product_id) AS product_ids,
               string_agg(timestamptz_send(placed_at), '' ORDER BY placed_at, order_id, product_id) AS placed_at
        FROM cutover.purchases p
        WHERE p.user_id = told.user_id AND placed_at >= :since AND bought > returned AND NOT cancelled
    ) AS history
    WHERE history.product_ids IS NOT NULL
""")
"""User by user: only one history is sorted at a time, and asked for many users PostgreSQL cannot read all purchases."""

_LEAVING = sa.text("""
    SELECT DISTINCT user_id FROM cutover.purchases
    WHERE partition = :partition AND placed_at >= :since AND placed_at < :upto
""")

_BUYERS = sa.text("""
    SELECT DISTINCT user_id FROM cutover.purchases
    WHERE product_id = ANY(:product_ids) AND partition = :partition
""")
