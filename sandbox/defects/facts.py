"""Facts taken wrongly: substitutes for folding, counting and reading purchases, and for the age of the catalogue."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
import sqlalchemy as sa

from events import Event, Line, OrderPlaced
from handlers import purchases
from handlers.catalogue import Catalogue
from handlers.popularity import orders_by_product
from handlers.subscriptions import FACTS, RUNS
from handlers.taste import Histories


def without(event_type: str) -> frozenset[str]:
    """All types of facts but one. Raises ValueError for one that is none."""
    if event_type not in FACTS:
        raise ValueError(f"{event_type!r} is no fact; expected one of: {', '.join(sorted(FACTS))}")
    return FACTS - {event_type}


def orders_folded_twice(
    connection: sa.Connection, partition: int, events: Sequence[Event], *, first: bool = False
) -> set[str]:
    """Folds what was bought twice, and so doubles the pieces of every purchase."""
    users = purchases.fold(connection, partition, events, first=first)
    purchases.fold(connection, partition, [event for event in events if isinstance(event, OrderPlaced)])
    return users


def counted_with_double_pieces(events: Iterable[Event]) -> Counter[str]:
    """Counts orders as if twice as many pieces had been bought in each of them."""
    return orders_by_product(_doubled(event) if isinstance(event, OrderPlaced) else event for event in events)


def _doubled(order: OrderPlaced) -> OrderPlaced:
    return msgspec.structs.replace(order, lines=tuple(Line(line.product_id, 2 * line.quantity) for line in order.lines))


def aged_twice_as_fast(
    connection: sa.Connection, catalogue: Catalogue, users: Iterable[str], since: datetime | None
) -> Histories:
    """Histories in which all time spans are doubled, so that weights halve in six weeks and not in twelve."""
    found = purchases.histories(connection, catalogue, users, since)
    return replace(found, placed_at=found.placed_at * 2)


def weighed_by_pieces(
    connection: sa.Connection, catalogue: Catalogue, users: Iterable[str], since: datetime | None
) -> Histories:
    """Histories in which a purchase of n pieces weighs n times as much as one of a single piece.

    It is moved towards the present by as many half-lives as it takes: log2(n).
    """
    parameters = {"users": sorted(users), "since": since or purchases.EVER}
    return purchases.histories_of(catalogue, connection.execute(_WEIGHED, parameters).all())


def as_of_the_run_before(connection: sa.Connection, position: int) -> int:
    """The barrier of the last run before `position`; while there was none, `position` itself."""
    barrier: int | None = connection.scalar(_RUN_BEFORE, {"runs": sorted(RUNS), "position": position})
    return position if barrier is None else barrier


_WEIGHED = sa.text("""
    SELECT user_id, string_agg(product_id, E'\\n' ORDER BY placed_at, order_id, product_id) AS product_ids,
           string_agg(timestamptz_send(placed_at + log(2.0, bought) * interval '12 weeks'), ''
                      ORDER BY placed_at, order_id, product_id) AS placed_at
    FROM cutover.purchases
    WHERE user_id = ANY(:users) AND placed_at >= :since AND bought > returned AND NOT cancelled
    GROUP BY user_id ORDER BY user_id
""")

_RUN_BEFORE = sa.text("""
    SELECT max(position) FROM cutover.events WHERE type = ANY(:runs) AND position < :position
""")
