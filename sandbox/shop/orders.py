"""Orders of the shop: place, cancel, return."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from events import ItemsReturned, Line, OrderCancelled, OrderId, OrderPlaced, ProductId, UserId, emit
from sandbox.shop.actions import OrderLines
from sandbox.shop.catalogue import check_on_sale
from sandbox.shop.customers import known_user
from sandbox.shop.errors import (
    BadQuantity,
    NoLines,
    NotBought,
    OrderExists,
    OrderIsCancelled,
    ReturnExists,
    TooManyReturned,
    UnknownOrder,
)
from sandbox.shop.schema import order_lines, orders, returns
from sandbox.shop.transaction import Transaction, not_before, utc


def place_order(session: Transaction, order_id: str, user_id: str, lines: OrderLines, at: datetime) -> None:
    """A user buys something; lines for the same product are added up.

    Raises NoLines, BadQuantity, UnknownUser, UnknownProduct, ProductIsRetired, OrderExists.
    """
    at = utc(at)
    pieces = pieces_of(lines, "order", order_id)
    known_user(session, user_id, at, f"order {order_id!r}")
    check_on_sale(session, list(pieces))
    order = {"order_id": order_id, "user_id": user_id, "placed_at": at}
    placed = session.execute(insert(orders).values(order).on_conflict_do_nothing().returning(orders.c.order_id))
    if placed.first() is None:
        raise OrderExists(order_id=order_id)
    rows = [{"order_id": order_id, "product_id": id_, "quantity": count} for id_, count in pieces.items()]
    session.execute(sa.insert(order_lines), rows)
    event = OrderPlaced(order_id=OrderId(order_id), user_id=UserId(user_id), lines=event_lines(pieces), occurred_at=at)
    emit(session, event)


def cancel_order(session: Transaction, order_id: str, user_id: str, at: datetime) -> None:
    """A whole order becomes void. Raises UnknownOrder, OrderIsCancelled."""
    at = utc(at)
    _standing_order(session, order_id, user_id, at, f"cancelling order {order_id!r}")
    session.execute(sa.update(orders).where(orders.c.order_id == order_id).values(cancelled_at=at))
    emit(session, OrderCancelled(order_id=OrderId(order_id), user_id=UserId(user_id), occurred_at=at))


def return_items(
    session: Transaction, return_id: str, order_id: str, user_id: str, lines: OrderLines, at: datetime
) -> None:
    """So many pieces of an order come back.

    Raises NoLines, BadQuantity, UnknownOrder, OrderIsCancelled, ReturnExists, NotBought, TooManyReturned.
    """
    at = utc(at)
    pieces = pieces_of(lines, "return", return_id)
    _standing_order(session, order_id, user_id, at, f"return {return_id!r}")
    _check_returnable(session, return_id, order_id, pieces)
    keys = {"return_id": return_id, "order_id": order_id, "returned_at": at}
    rows = [keys | {"product_id": product_id, "quantity": count} for product_id, count in pieces.items()]
    session.execute(sa.insert(returns), rows)
    session.execute(_TAKE_BACK, {"return": return_id, "order": order_id})
    event = ItemsReturned(
        return_id=return_fact_id(return_id, order_id),
        order_id=OrderId(order_id),
        user_id=UserId(user_id),
        lines=event_lines(pieces),
        occurred_at=at,
    )
    emit(session, event)


def return_fact_id(return_id: str, order_id: str) -> str:
    """What a return is called in the log, where a return of several orders is several facts."""
    return f"{return_id.replace('%', '%25').replace('/', '%2F')}/{order_id}"


def event_lines(pieces: Mapping[str, int]) -> tuple[Line, ...]:
    """The same lines as an event has them."""
    return tuple(Line(ProductId(product_id), quantity) for product_id, quantity in pieces.items())


def pieces_of(lines: OrderLines, what: str, id_: str) -> Mapping[str, int]:
    """Pieces by product. Raises NoLines, BadQuantity."""
    if not lines:
        raise NoLines(what=what, id=id_)
    pieces: Counter[str] = Counter()
    for product_id, quantity in lines:
        if quantity < 1:
            raise BadQuantity(product_id=product_id, quantity=quantity)
        pieces[product_id] += quantity
    return pieces


_ORDER = sa.select(orders).where(orders.c.order_id == sa.bindparam("id")).with_for_update(key_share=True)
_LINES = sa.select(order_lines.c.product_id, (order_lines.c.quantity - order_lines.c.returned).label("left")).where(
    order_lines.c.order_id == sa.bindparam("order")
)
_RETURN = sa.select(sa.literal(1)).where(
    returns.c.return_id == sa.bindparam("return"), returns.c.order_id == sa.bindparam("order")
)
_TAKE_BACK = (
    sa.update(order_lines)
    .values(returned=order_lines.c.returned + returns.c.quantity)
    .where(
        returns.c.return_id == sa.bindparam("return"),
        returns.c.order_id == sa.bindparam("order"),
        order_lines.c.order_id == returns.c.order_id,
        order_lines.c.product_id == returns.c.product_id,
    )
)


def _standing_order(session: Transaction, order_id: str, user_id: str, at: datetime, what: str) -> sa.Row[Any]:
    order = session.execute(_ORDER, {"id": order_id}).first()
    if order is None or order.user_id != user_id:
        raise UnknownOrder(order_id=order_id, user_id=user_id)
    if order.cancelled_at is not None:
        raise OrderIsCancelled(order_id=order_id, cancelled_at=order.cancelled_at)
    not_before(order.placed_at, at, what, f"placing order {order_id!r}")
    return order


def _check_returnable(session: Transaction, return_id: str, order_id: str, pieces: Mapping[str, int]) -> None:
    keys = {"return": return_id, "order": order_id}
    if session.execute(_RETURN, keys).first() is not None:
        raise ReturnExists(return_id=return_id, order_id=order_id)
    left = {row.product_id: row.left for row in session.execute(_LINES, {"order": order_id})}
    for product_id, quantity in pieces.items():
        if product_id not in left:
            raise NotBought(order_id=order_id, product_id=product_id, bought=", ".join(sorted(left)))
        if quantity > left[product_id]:
            raise TooManyReturned(order_id=order_id, product_id=product_id, quantity=quantity, left=left[product_id])
