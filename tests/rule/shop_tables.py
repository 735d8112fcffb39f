"""A small shop as the main app's tables hold it, and those tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

T = datetime(2026, 11, 16, 9, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.users (
    user_id text PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    registered_at timestamptz NOT NULL,
    unsubscribed_at timestamptz
);
CREATE TABLE shop.products (
    product_id text PRIMARY KEY,
    name text NOT NULL,
    price integer NOT NULL,
    added_at timestamptz NOT NULL,
    retired_at timestamptz,
    revision integer NOT NULL
);
CREATE TABLE shop.orders (
    order_id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES shop.users,
    placed_at timestamptz NOT NULL,
    cancelled_at timestamptz
);
CREATE TABLE shop.order_lines (
    order_id text NOT NULL,
    product_id text NOT NULL,
    quantity integer NOT NULL,
    returned integer NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, product_id)
);
"""


@dataclass(frozen=True, kw_only=True)
class User:
    user_id: str
    name: str = "Ann"
    subscribed: bool = True

    @property
    def email(self) -> str:
        return f"{self.user_id.encode().hex()}@example.com"


@dataclass(frozen=True, kw_only=True)
class Product:
    product_id: str
    name: str
    price: int = 1205
    active: bool = True


@dataclass(frozen=True, kw_only=True)
class Line:
    product_id: str
    quantity: int = 1
    returned: int = 0


@dataclass(frozen=True, kw_only=True)
class Order:
    order_id: str
    user_id: str
    lines: tuple[Line, ...]
    placed_at: datetime = T
    cancelled: bool = False


@dataclass(frozen=True, kw_only=True)
class Shop:
    users: tuple[User, ...] = ()
    products: tuple[Product, ...] = ()
    orders: tuple[Order, ...] = ()


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    """A connection to a database whose URL may be in SQLAlchemy's form; rolled back in the end."""
    with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
        yield connection
        connection.rollback()


def prepare(url: str, shop: Shop) -> None:
    """Create the tables in an empty database and fill them, for good."""
    with connected(url) as connection:
        connection.execute(TABLES)
        fill(connection, shop)
        connection.commit()


def fill(connection: psycopg.Connection, shop: Shop) -> None:
    """Insert the whole shop within the connection's transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO shop.users VALUES (%s, %s, %s, %s, %s)",
            [(u.user_id, u.name, u.email, LONG_AGO, None if u.subscribed else T) for u in shop.users],
        )
        cursor.executemany(
            "INSERT INTO shop.products VALUES (%s, %s, %s, %s, %s, 1)",
            [(p.product_id, p.name, p.price, LONG_AGO, None if p.active else T) for p in shop.products],
        )
        cursor.executemany(
            "INSERT INTO shop.orders VALUES (%s, %s, %s, %s)",
            [(o.order_id, o.user_id, o.placed_at, T if o.cancelled else None) for o in shop.orders],
        )
        cursor.executemany(
            "INSERT INTO shop.order_lines VALUES (%s, %s, %s, %s)",
            [(o.order_id, n.product_id, n.quantity, n.returned) for o in shop.orders for n in o.lines],
        )
