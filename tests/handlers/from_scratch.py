"""The state of the weekly recommendations after some events, computed from nothing, one user after the other.

Shares with the handlers only what must agree bit for bit: product vectors, the direction of a taste, and the exact
score of one pair. Everything incremental (folding, refreshing, freezing, the index) is done in the plainest way here.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from events import (
    Event,
    ItemsReturned,
    OrderCancelled,
    OrderPlaced,
    ProductEvent,
    ProductRetired,
    RunEvent,
    UserRegistered,
    UserResubscribed,
    UserUnsubscribed,
)
from handlers.ranking import exact_scores
from handlers.taste import Histories, directions
from handlers.vectors import from_name

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

Listed = tuple[list[str], list[float], bytes | None]
Planned = tuple[str | None, bool, list[str], list[float]]


@dataclass
class World:
    """What some events say, taken together."""

    products: dict[str, ProductEvent] = field(default_factory=dict)
    orders: dict[str, OrderPlaced] = field(default_factory=dict)
    cancelled: set[tuple[str, str]] = field(default_factory=set)
    returned: Counter[tuple[str, str]] = field(default_factory=Counter)
    registered: set[str] = field(default_factory=set)
    minds: dict[str, tuple[datetime, bool]] = field(default_factory=dict)
    since: datetime | None = None

    def tell(self, event: Event) -> None:
        """Take one event into account."""
        match event:
            case ProductEvent():
                known = self.products.get(event.product_id)
                if known is None or event.revision > known.revision:
                    self.products[event.product_id] = event
            case OrderPlaced():
                self.orders[event.order_id] = event
            case OrderCancelled():
                self.cancelled.add((event.user_id, event.order_id))
            case ItemsReturned():
                for line in event.lines:
                    self.returned[event.order_id, line.product_id] += line.quantity
            case UserRegistered():
                self.registered.add(event.user_id)
            case UserUnsubscribed() | UserResubscribed():
                mind = self.minds.get(event.user_id)
                if mind is None or event.occurred_at >= mind[0]:
                    self.minds[event.user_id] = (event.occurred_at, isinstance(event, UserResubscribed))
            case RunEvent():
                self.since = event.scheduled_at - timedelta(days=364)

    def purchases(self) -> list[tuple[str, datetime, str, str]]:
        """(user, placed at, order, product) of everything bought and kept, whenever that was."""
        return [
            (order.user_id, order.occurred_at, order.order_id, line.product_id)
            for order in self.orders.values()
            if (order.user_id, order.order_id) not in self.cancelled
            for line in order.lines
            if line.quantity > self.returned[order.order_id, line.product_id]
        ]

    def active(self) -> list[str]:
        """Products that can be recommended, by id."""
        return sorted(id_ for id_, product in self.products.items() if not isinstance(product, ProductRetired))

    def lists(self) -> dict[str, Listed]:
        """Every user with a history: product ids, scores, and the bytes of the taste's direction."""
        histories: dict[str, list[tuple[datetime, str, str]]] = defaultdict(list)
        for user, at, order, product in self.purchases():
            if self.since is None or at >= self.since:
                histories[user].append((at, order, product))
        return {user: self._list(sorted(history)) for user, history in histories.items()}

    def _list(self, history: Sequence[tuple[datetime, str, str]]) -> Listed:
        known = sorted(self.products)
        vectors = np.array([from_name(self.products[id_].name).taste for id_ in known]).reshape(len(known), 128)
        alone = Histories(
            users=["only"],
            starts=np.array([0]),
            products=np.array([known.index(product) if product in known else -1 for _, _, product in history]),
            placed_at=np.array([(at - EPOCH) // timedelta(microseconds=1) for at, _, _ in history]),
        )
        padded = vectors if known else np.zeros((1, 128))
        direction = directions(alone, padded)[0]
        if not direction.any():
            return [], [], None
        bought = {product for _, _, product in history}
        candidates = [id_ for id_ in self.active() if id_ not in bought]
        scores = [float(exact_scores(direction, padded[known.index(id_)][None, :])[0]) for id_ in candidates]
        top = sorted(zip(scores, candidates, strict=True), key=lambda pair: (-pair[0], pair[1]))[:5]
        held = (np.rint(direction * 32767) + 32768).astype(">u2").tobytes()
        return [id_ for _, id_ in top], [score for score, _ in top], held

    def popular(self, at: datetime) -> list[tuple[str, float]]:
        """Active products sold in the four weeks before `at`, best first, with the number of orders."""
        sold = Counter(product for _, placed, _, product in self.purchases() if placed >= at - timedelta(days=28))
        active = set(self.active())
        best_first = sorted(sold.items(), key=lambda pair: (-pair[1], pair[0]))
        return [(product, float(count)) for product, count in best_first if product in active]

    def plan(self, run: RunEvent) -> dict[str, Planned]:
        """What the run plans for each registered user: reason, personal, product ids, scores."""
        lists, popular = self.lists(), self.popular(run.scheduled_at)
        planned: dict[str, Planned] = {}
        for user in self.registered:
            product_ids, scores, direction = lists.get(user, ([], [], None))
            if direction is None:
                bought = {
                    product
                    for buyer, at, _, product in self.purchases()
                    if buyer == user and self.since is not None and at >= self.since
                }
                chosen = [pair for pair in popular if pair[0] not in bought][:5]
                product_ids, scores = [id_ for id_, _ in chosen], [count for _, count in chosen]
            reason = None if product_ids else "nothing_to_recommend"
            if not self.minds.get(user, (None, True))[1]:
                reason = "unsubscribed"
            planned[user] = (reason, direction is not None, product_ids, scores)
        return planned
