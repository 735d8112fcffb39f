"""The warehouse's application: its tables, and what happens in them, told to the log in the same transaction."""

from collections.abc import Mapping
from datetime import UTC, datetime

import sqlalchemy as sa

from events import (
    ItemsReturned,
    Line,
    OrderCancelled,
    OrderId,
    OrderPlaced,
    ProductAdded,
    ProductId,
    ProductRetired,
    UserId,
    emit,
)

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)
BUYER = UserId("buyer")
DELIVERED = 10
"""Pieces that come with a new article."""


def create_tables(connection: sa.Connection) -> None:
    """The warehouse, where its orders to suppliers are written down, and what the event-driven path holds."""
    connection.execute(sa.text("CREATE SCHEMA warehouse"))
    connection.execute(sa.text("CREATE TABLE warehouse.articles (article text PRIMARY KEY, gone bool NOT NULL)"))
    connection.execute(sa.text("CREATE TABLE warehouse.movements (article text, pieces int, cause text)"))
    connection.execute(sa.text("CREATE TABLE warehouse.held (stock jsonb NOT NULL)"))
    connection.execute(sa.text("INSERT INTO warehouse.held VALUES ('{}')"))
    connection.execute(sa.text("CREATE TABLE warehouse.supplies (run text, article text, path text, pieces int)"))


def stock(connection: sa.Connection, *articles: str) -> None:
    """New articles, with the pieces that come with them."""
    for article in articles:
        _keep(connection, article, gone=False)
        _move(connection, {article: DELIVERED}, "delivery")
        emit(
            connection,
            ProductAdded(product_id=ProductId(article), revision=1, name=article, price=100, occurred_at=AT),
        )


def withdraw(connection: sa.Connection, article: str) -> None:
    """The article is no longer sold."""
    _keep(connection, article, gone=True)
    emit(connection, ProductRetired(product_id=ProductId(article), revision=2, name=article, price=100, occurred_at=AT))


def sell(connection: sa.Connection, order: str, pieces: Mapping[str, int]) -> None:
    """Somebody buys."""
    _move(connection, {article: -number for article, number in pieces.items()}, order)
    emit(
        connection,
        OrderPlaced(order_id=OrderId(order), user_id=BUYER, lines=_lines(pieces), occurred_at=AT),
    )


def take_back(connection: sa.Connection, order: str, pieces: Mapping[str, int]) -> None:
    """Some of an order comes back."""
    _move(connection, pieces, f"{order} returned")
    emit(
        connection,
        ItemsReturned(
            return_id=f"{order}-r", order_id=OrderId(order), user_id=BUYER, lines=_lines(pieces), occurred_at=AT
        ),
    )


def cancel(connection: sa.Connection, order: str) -> None:
    """The whole order is void."""
    connection.execute(sa.text("DELETE FROM warehouse.movements WHERE cause = :order"), {"order": order})
    emit(connection, OrderCancelled(order_id=OrderId(order), user_id=BUYER, occurred_at=AT))


def _keep(connection: sa.Connection, article: str, *, gone: bool) -> None:
    connection.execute(
        sa.text(
            "INSERT INTO warehouse.articles VALUES (:article, :gone) ON CONFLICT (article) DO UPDATE SET gone = :gone"
        ),
        {"article": article, "gone": gone},
    )


def _move(connection: sa.Connection, pieces: Mapping[str, int], cause: str) -> None:
    rows = [{"article": article, "pieces": number, "cause": cause} for article, number in pieces.items()]
    connection.execute(sa.text("INSERT INTO warehouse.movements VALUES (:article, :pieces, :cause)"), rows)


def _lines(pieces: Mapping[str, int]) -> tuple[Line, ...]:
    return tuple(Line(ProductId(article), number) for article, number in pieces.items())
