"""A shop's process that places orders at a steady rate, each in a transaction of its own that also emits its event."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from typing import NamedTuple

import sqlalchemy as sa

from events import Line, OrderId, OrderPlaced, ProductId, UserId, encode
from runtime.database import create_engine
from runtime.memory import freeze
from sandbox.shop.orders import place_order

SHOPS = 4
FAST = 200
"""Above so many orders a second the shop speaks SQL itself: Python's own share would take the machine."""
LINES = 3

Place = Callable[[sa.Connection, str, str, list[str], datetime], None]


class Placed(NamedTuple):
    """An order and when its commit returned, on the machine's monotonic clock."""

    order_id: str
    committed: float


def place_orders(
    url: str, rate: int, numbers: Iterable[int], ready: Barrier, go: Event, told: "Queue[list[Placed]]"
) -> None:
    """Place the orders of these numbers, `rate` a second over all shops; late ones follow at once."""
    engine = create_engine(url)
    with engine.connect() as connection:
        users = list(connection.scalars(sa.text("SELECT user_id FROM shop.users ORDER BY user_id")))
        products = list(connection.scalars(sa.text("SELECT product_id FROM shop.products WHERE retired_at IS NULL")))
        place: Place = in_sql if rate > FAST else in_python
        placed: list[Placed] = []
        connection.commit()
        freeze()
        ready.wait()
        go.wait()
        began = time.monotonic()
        for number in numbers:
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            order_id = f"{rate}-{number}"
            bought = list({products[(number * step + step) % len(products)] for step in range(1, LINES + 1)})
            place(connection, order_id, users[number * 7919 % len(users)], bought, datetime.now(UTC))
            connection.commit()
            placed.append(Placed(order_id, time.monotonic()))
    engine.dispose()
    told.put(placed)


def in_python(connection: sa.Connection, order_id: str, user_id: str, products: list[str], at: datetime) -> None:
    """As the sandbox's shop does it."""
    place_order(connection, order_id, user_id, tuple((product, 1) for product in products), at)


def in_sql(connection: sa.Connection, order_id: str, user_id: str, products: list[str], at: datetime) -> None:
    """The same rows in one statement, as a shop in another language would write them."""
    lines = tuple(Line(ProductId(product)) for product in products)
    event = OrderPlaced(order_id=OrderId(order_id), user_id=UserId(user_id), lines=lines, occurred_at=at)
    parameters = {
        "order_id": order_id,
        "user_id": user_id,
        "placed_at": at,
        "products": products,
        "event_id": event.event_id,
        "version": event.version,
        "data": encode(event),
    }
    connection.execute(_PLACE, parameters)


_PLACE = sa.text("""
    WITH placed AS (
        INSERT INTO shop.orders (order_id, user_id, placed_at) VALUES (:order_id, :user_id, :placed_at)
        RETURNING order_id
    ), bought AS (
        INSERT INTO shop.order_lines (order_id, product_id, quantity)
        SELECT placed.order_id, product, 1 FROM placed, unnest(CAST(:products AS text[])) AS product
    )
    INSERT INTO cutover.outbox (event_id, type, version, data)
    VALUES (:event_id, 'OrderPlaced', :version, CAST(:data AS jsonb))
""")
