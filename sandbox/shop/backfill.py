"""Backfill: what the tables hold becomes events, while the app keeps running. Told twice, it is logged once.

Every fact gets the id which the live shop gave it or will give it. What the tables no longer show (an earlier price,
a subscription that came back) is not told; what happens after the snapshot, the live shop tells.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by

from events import (
    Event,
    ItemsReturned,
    OrderCancelled,
    OrderPlaced,
    ProductAdded,
    ProductRetired,
    UserRegistered,
    UserUnsubscribed,
    emit_many,
)
from sandbox.shop.orders import event_lines, return_fact_id
from sandbox.shop.schema import order_lines, orders, products, returns, users


def backfill(
    bind: sa.Engine | sa.Connection, *, chunk: int = 5000, progress: Callable[[int], None] | None = None
) -> int:
    """Write what the shop's tables hold to the outbox, `chunk` events a transaction; returns how many.

    Reads one repeatable-read snapshot by server-side cursors and locks nothing. Interrupted, it can be run again from
    the start. `progress` is called after every chunk with the number of events written so far. A connection stands
    for its engine: both connections used here are new ones.
    """
    told = 0
    with _snapshot(bind.engine, chunk) as snapshot, bind.engine.connect() as outbox:
        facts = _facts(snapshot)
        while events := list(islice(facts, chunk)):
            told += emit_many(outbox, events)
            outbox.commit()
            if progress:
                progress(told)
    return told


def _snapshot(engine: sa.Engine, chunk: int) -> sa.Connection:
    return engine.connect().execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True, yield_per=chunk
    )


def _facts(snapshot: sa.Connection) -> Iterator[Event]:
    """All facts of the snapshot: what others refer to first."""
    kinds = (
        (_PRODUCTS, _product_facts),
        (_USERS, _user_facts),
        (_ORDERS, _order_placed),
        (_RETURNS, _items_returned),
        (_CANCELLATIONS, _order_cancelled),
    )
    return chain.from_iterable(facts(row) for query, facts in kinds for row in snapshot.execute(query))


def _product_facts(row: sa.Row[Any]) -> Iterator[Event]:
    """A retired product was added one revision earlier; at revision 1 it was never anything but retired."""
    entry = {"product_id": row.product_id, "name": row.name, "price": row.price}
    added = row.revision if row.retired_at is None else row.revision - 1
    if added >= 1:
        yield ProductAdded(**entry, revision=added, occurred_at=_utc(row.added_at))
    if row.retired_at is not None:
        yield ProductRetired(**entry, revision=row.revision, occurred_at=_utc(row.retired_at))


def _user_facts(row: sa.Row[Any]) -> Iterator[Event]:
    yield UserRegistered(user_id=row.user_id, occurred_at=_utc(row.registered_at))
    if row.unsubscribed_at is not None:
        yield UserUnsubscribed(user_id=row.user_id, occurred_at=_utc(row.unsubscribed_at))


def _order_placed(row: sa.Row[Any]) -> Iterator[Event]:
    yield OrderPlaced(
        order_id=row.order_id,
        user_id=row.user_id,
        lines=event_lines(dict(zip(row.product_ids, row.quantities, strict=True))),
        occurred_at=_utc(row.placed_at),
    )


def _items_returned(row: sa.Row[Any]) -> Iterator[Event]:
    yield ItemsReturned(
        return_id=return_fact_id(row.return_id, row.order_id),
        order_id=row.order_id,
        user_id=row.user_id,
        lines=event_lines(dict(zip(row.product_ids, row.quantities, strict=True))),
        occurred_at=_utc(row.returned_at),
    )


def _order_cancelled(row: sa.Row[Any]) -> Iterator[Event]:
    yield OrderCancelled(order_id=row.order_id, user_id=row.user_id, occurred_at=_utc(row.cancelled_at))


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _lines(table: sa.Table) -> tuple[sa.Label[Any], sa.Label[Any]]:
    product_id, quantity = table.c.product_id, table.c.quantity
    return (
        sa.func.array_agg(aggregate_order_by(product_id, product_id)).label("product_ids"),
        sa.func.array_agg(aggregate_order_by(quantity, product_id)).label("quantities"),
    )


_PRODUCTS = sa.select(products).order_by(products.c.added_at, products.c.product_id)
_USERS = sa.select(users).order_by(users.c.registered_at, users.c.user_id)
_ORDERS = (
    sa.select(orders.c.order_id, orders.c.user_id, orders.c.placed_at, *_lines(order_lines))
    .join(order_lines, order_lines.c.order_id == orders.c.order_id)
    .group_by(orders.c.order_id)
    .order_by(orders.c.placed_at, orders.c.order_id)
)
_RETURNED_AT = sa.func.min(returns.c.returned_at).label("returned_at")
_RETURNS = (
    sa.select(returns.c.return_id, returns.c.order_id, orders.c.user_id, _RETURNED_AT, *_lines(returns))
    .join(orders, orders.c.order_id == returns.c.order_id)
    .group_by(returns.c.return_id, returns.c.order_id, orders.c.user_id)
    .order_by(_RETURNED_AT, returns.c.return_id, returns.c.order_id)
)
_CANCELLATIONS = (
    sa.select(orders.c.order_id, orders.c.user_id, orders.c.cancelled_at)
    .where(orders.c.cancelled_at.is_not(None))
    .order_by(orders.c.cancelled_at, orders.c.order_id)
)
