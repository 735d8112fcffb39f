"""Popular products: what was sold in the four weeks before a run, read from the log itself at the run's barrier."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from events import Batch, Event, ItemsReturned, OrderCancelled, OrderPlaced, RunEvent, recorded
from handlers import schema
from handlers.catalogue import Catalogue
from handlers.inputs import short_digest

WINDOW = timedelta(weeks=4)
SALES = frozenset({"OrderPlaced", "OrderCancelled", "ItemsReturned"})

OrderCounter = Callable[[Iterable[Event]], Counter[str]]


def orders_by_product(events: Iterable[Event]) -> Counter[str]:
    """For each product the number of orders in which some of it was bought and kept."""
    events = list(events)
    cancelled = {(event.user_id, event.order_id) for event in events if isinstance(event, OrderCancelled)}
    returned: Counter[tuple[str, str, str]] = Counter()
    for event in events:
        if isinstance(event, ItemsReturned):
            for line in event.lines:
                returned[event.user_id, event.order_id, line.product_id] += line.quantity
    return Counter(
        str(line.product_id)
        for event in events
        if isinstance(event, OrderPlaced) and (event.user_id, event.order_id) not in cancelled
        for line in event.lines
        if line.quantity > returned[event.user_id, event.order_id, line.product_id]
    )


def digest(orders: Counter[str]) -> str:
    """The digest of input `popularity` (docs/rule.md, "Inputs")."""
    return short_digest(f"{product_id}|{count}" for product_id, count in sorted(orders.items()))


class PopularityReaction:
    """The reaction of subscription `popularity`: at every run event, what is popular as of its position.

    `sales` are the types of the events that are counted, `span` how far before a run they may lie.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        count: OrderCounter = orders_by_product,
        sales: frozenset[str] = SALES,
        span: timedelta = WINDOW,
    ) -> None:
        self._catalogue = catalogue
        self._count = count
        self._sales = sales
        self._span = span

    def __call__(self, connection: sa.Connection, batch: Batch) -> None:
        for each in batch.events:
            if isinstance(each.event, RunEvent):
                self._record(connection, each.event, each.position)

    def _record(self, connection: sa.Connection, run: RunEvent, position: int) -> None:
        orders = self._count(_told(connection, self._sales, run.scheduled_at - self._span, position))
        self._catalogue.load(connection)
        view = self._catalogue.at(position)
        rows = zip(orders, self._catalogue.rows(list(orders)), strict=True)
        active = [product_id for product_id, row in rows if row >= 0 and view.active[row]]
        best_first = sorted(active, key=lambda product_id: (-orders[product_id], product_id))
        connection.execute(
            sa.insert(schema.popular_products),
            {
                "run": run.run,
                "product_ids": best_first,
                "orders": [float(orders[product_id]) for product_id in best_first],
                "digest": digest(orders),
            },
        )


def _told(connection: sa.Connection, types: frozenset[str], since: datetime, upto: int) -> Iterable[Event]:
    """Orders placed since then, and what became of them: nothing becomes of an order before it is placed."""
    rows = connection.execute(_SALES, {"types": sorted(types), "since": since, "upto": upto})
    return (each.event for each in recorded(rows))


_SALES = sa.text("""
    SELECT position, type, version, data::text AS data FROM cutover.events
    WHERE type = ANY(:types) AND occurred_at >= :since AND position <= :upto
""")
