"""I1 and I4 after a storm: the log is whole, tells what the shop's tables hold, and gives the lists that are held."""

from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa

from events import Event, RunEvent, head, lagging
from tests.chaos.arena import Arena
from tests.handlers.from_scratch import World
from tests.handlers.test_incremental import lists_of, logged, plan_of

_SAME = {
    "orders that are not in the log, or twice": """
        SELECT order_id FROM shop.orders FULL JOIN
            (SELECT data ->> 'order_id' AS order_id, count(*) AS times FROM cutover.events
             WHERE type = 'OrderPlaced' GROUP BY 1) AS told USING (order_id)
        WHERE placed_at IS NULL OR times IS DISTINCT FROM 1""",
    "cancelled orders that are not in the log, or twice": """
        SELECT order_id FROM (SELECT order_id FROM shop.orders WHERE cancelled_at IS NOT NULL) AS cancelled FULL JOIN
            (SELECT data ->> 'order_id' AS order_id, count(*) AS times FROM cutover.events
             WHERE type = 'OrderCancelled' GROUP BY 1) AS told USING (order_id)
        WHERE cancelled.order_id IS NULL OR times IS DISTINCT FROM 1""",
    "users who are subscribed in the shop or in the log, but not in both": """
        SELECT user_id FROM shop.users LEFT JOIN
            (SELECT DISTINCT ON (data ->> 'user_id') data ->> 'user_id' AS user_id, type FROM cutover.events
             WHERE type IN ('UserUnsubscribed', 'UserResubscribed')
             ORDER BY data ->> 'user_id', occurred_at DESC, position DESC) AS mind USING (user_id)
        WHERE (unsubscribed_at IS NOT NULL) <> (coalesce(type, '') = 'UserUnsubscribed')""",
    "products whose revision the log does not tell": """
        SELECT product_id FROM shop.products LEFT JOIN
            (SELECT data ->> 'product_id' AS product_id, max((data ->> 'revision')::int) AS revision, count(*) AS times
             FROM cutover.events WHERE data ? 'revision' GROUP BY 1) AS told USING (product_id)
        WHERE told.revision IS DISTINCT FROM products.revision OR times <> products.revision""",
    "events that were refused": "SELECT event_id FROM cutover.refused_events",
    "events that are still in the outbox": "SELECT event_id FROM cutover.outbox",
    "users who bought something other than what the log tells": """
        SELECT coalesce(told.user_id, held.user_id) FROM
            (SELECT DISTINCT e.data ->> 'user_id' AS user_id, e.data ->> 'order_id' AS order_id FROM cutover.events e
             WHERE e.type = 'OrderPlaced') AS told
        FULL JOIN (SELECT DISTINCT user_id, order_id FROM cutover.purchases) AS held USING (user_id, order_id)
        WHERE told.user_id IS NULL OR held.user_id IS NULL""",
}
"""What must find nothing."""


class LogCheck:
    """Reads everything once; `wrong` is what does not hold."""

    def __init__(self, arena: Arena) -> None:
        self._subscriptions = arena.playground.system.subscriptions
        with arena.playground.engine.connect() as connection:
            self.head = head(connection)
            self.facts: Counter[str] = self._counted(connection)
            self.wrong = [*self._whole(connection), *self._lag(connection), *self._lists(connection)]

    def _counted(self, connection: sa.Connection) -> Counter[str]:
        rows = connection.execute(sa.text("SELECT type, count(*) AS events FROM cutover.events GROUP BY type"))
        return Counter({row.type: row.events for row in rows})

    def _whole(self, connection: sa.Connection) -> Iterator[str]:
        gaps = "SELECT count(*), min(position), max(position), count(DISTINCT event_id) FROM cutover.events"
        events, first, last, facts = connection.execute(sa.text(gaps)).one()
        if not (first == 1 and events == last == facts):
            yield f"I1: the log has {events} events of {facts} facts at positions {first} to {last}"
        for what, statement in _SAME.items():
            found = list(connection.scalars(sa.text(statement)))
            if found:
                yield f"I1: {what}: {len(found)}, such as {found[:3]}"

    def _lag(self, connection: sa.Connection) -> Iterator[str]:
        for nudge in lagging(connection, self._subscriptions):
            yield f"partition {nudge.partition} of {nudge.subscription} has not come to the log's end"

    def _lists(self, connection: sa.Connection) -> Iterator[str]:
        """What was planned in each run, and the lists that are held at the end, as a fold from nothing gives them."""
        world = World()
        for event in logged(connection):
            world.tell(event)
            if isinstance(event, RunEvent):
                yield from self._plan(connection, world, event)
        held, computed = lists_of(connection), world.lists()
        if held.keys() != computed.keys():
            yield f"I4: lists of {len(held.keys() ^ computed.keys())} users are there once only"
        different = [user for user in held.keys() & computed.keys() if held[user] != computed[user]]
        if different:
            yield f"I4: the lists of {len(different)} users are not what the log gives"

    def _plan(self, connection: sa.Connection, world: World, event: Event) -> Iterator[str]:
        assert isinstance(event, RunEvent)
        held, computed = plan_of(connection, event.run), world.plan(event)
        different = [user for user in held.keys() | computed.keys() if held.get(user) != computed.get(user)]
        if different:
            yield f"I4: run {event.run} planned something else than the log gives for {len(different)} users"
