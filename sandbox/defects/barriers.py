"""Barriers that are wrong: substitutes for what happens when a run begins."""

import time
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from events import Event, OrderPlaced, RunEvent, head, position_of, read
from handlers import purchases, weekly
from handlers.catalogue import CatalogueView
from shadow.recorder import finished

LEGACY_PATIENCE = 60.0
PATIENCE = 3.0
"""Seconds to wait for an event behind the barrier: in a quiet shop there may be none."""
QUIET = 0.2
AT_MOST = 10_000


def without_last_user(
    connection: sa.Connection, partition: int, run: RunEvent, catalogue: CatalogueView, since: datetime
) -> None:
    """Freezes the lists, and forgets the last user of the partition."""
    weekly.freeze(connection, partition, run, catalogue, since)
    connection.execute(_FORGET_LAST, {"run": run.run, "partition": partition})


def without_popular_products(
    connection: sa.Connection, partition: int, run: RunEvent, catalogue: CatalogueView, since: datetime
) -> None:
    """Freezes the lists, and has nothing to recommend to users without a taste."""
    weekly.freeze(connection, partition, run, catalogue, since)
    connection.execute(_SKIP_IMPERSONAL, {"run": run.run, "partition": partition})


def with_orders_behind_the_barrier(
    connection: sa.Connection, partition: int, events: Sequence[Event], *, first: bool = False
) -> set[str]:
    """Folds purchases, and at a barrier also the orders that lie behind it.

    It waits for some: without them there is no difference. When their turn comes they are not folded again.
    """
    last = events[-1]
    behind = _orders_behind(connection, partition, last) if isinstance(last, RunEvent) else []
    return purchases.fold(connection, partition, [*_not_yet_folded(connection, events), *behind], first=first)


def _orders_behind(connection: sa.Connection, partition: int, run: RunEvent) -> list[Event]:
    barrier = position_of(connection, run.event_id) or 0
    _await_legacy(connection, run)
    end = _await_more(connection, barrier)
    found = read(connection, types=["OrderPlaced"], partition=partition, after=barrier, upto=end, limit=AT_MOST)
    return [each.event for each in found]


def _await_legacy(connection: sa.Connection, run: RunEvent) -> None:
    """Wait until the legacy path has seen what it will see: what comes later is behind the barrier for both."""
    deadline = time.monotonic() + LEGACY_PATIENCE
    while not finished(connection, run.run, "legacy") and time.monotonic() < deadline:
        time.sleep(0.05)


def _await_more(connection: sa.Connection, barrier: int) -> int:
    """Wait until the log has grown behind the barrier and grows no more; its head."""
    deadline = time.monotonic() + PATIENCE
    before, now = barrier, head(connection)
    while now != before or (now == barrier and time.monotonic() < deadline):
        time.sleep(QUIET)
        before, now = now, head(connection)
    return now


def _not_yet_folded(connection: sa.Connection, events: Sequence[Event]) -> list[Event]:
    orders = {event.order_id: event for event in events if isinstance(event, OrderPlaced)}
    known = set(connection.scalars(_KNOWN_ORDERS, {"order_ids": list(orders)}))
    return [event for event in events if not (isinstance(event, OrderPlaced) and event.order_id in known)]


_FORGET_LAST = sa.text("""
    DELETE FROM cutover.planned_emails
    WHERE run = :run AND partition = :partition AND user_id =
        (SELECT max(user_id) FROM cutover.planned_emails WHERE run = :run AND partition = :partition)
""")

_SKIP_IMPERSONAL = sa.text("""
    UPDATE cutover.planned_emails SET reason = 'nothing_to_recommend', product_ids = '{}', scores = '{}'
    WHERE run = :run AND partition = :partition AND NOT personal AND reason IS NULL
""")

_KNOWN_ORDERS = sa.text(
    "SELECT DISTINCT order_id FROM cutover.purchases WHERE order_id = ANY(:order_ids) AND bought > 0"
)
