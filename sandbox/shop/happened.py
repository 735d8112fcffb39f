"""What has happened in a history, as far as one must know it to let something else happen in between."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from sandbox.shop import actions
from sandbox.shop.actions import Action, AddProduct, ChangeProduct, PlaceOrder, RetireProduct

RECENT = timedelta(weeks=8)
"""Orders of so many weeks before the end say what is popular."""

CatalogueAction: TypeAlias = AddProduct | ChangeProduct | RetireProduct


@dataclass(frozen=True, kw_only=True)
class ProductLife:
    """What concerns one product, in order of time. `uses` are the times of everything: being sold, and the changes."""

    changes: Sequence[CatalogueAction]
    uses: Sequence[datetime]

    def offered(self, at: datetime) -> AddProduct | ChangeProduct | None:
        """What last gave the product its name and price; None when it is not on sale at this time."""
        count = bisect_right(self.changes, at, key=lambda change: change.at)
        last = self.changes[count - 1] if count else None
        return None if isinstance(last, RetireProduct) else last

    def last_use(self, upto: datetime) -> datetime | None:
        """The last use at or before this time."""
        count = bisect_right(self.uses, upto)
        return self.uses[count - 1] if count else None

    def next_use(self, after: datetime) -> datetime | None:
        """The first use after this time."""
        count = bisect_right(self.uses, after)
        return self.uses[count] if count < len(self.uses) else None


@dataclass(frozen=True, kw_only=True)
class Happened:
    """Users (with the time they joined) who never changed their subscription, orders of which nothing was taken back
    or cancelled, and every product. `order_ids` are those of all orders, `by_popularity` product ids, by recent orders,
    descending.
    """

    steady_users: Mapping[str, datetime]
    standing_orders: Sequence[PlaceOrder]
    order_ids: Set[str]
    products: Mapping[str, ProductLife]
    by_popularity: Sequence[str]


def happened_until(history: Sequence[Action], until: datetime) -> Happened:
    """What has happened in all of the history; users and orders of which one knows before `until`."""
    changed = {each.user_id for each in history if isinstance(each, actions.Unsubscribe | actions.Resubscribe)}
    undone = {each.order_id for each in history if isinstance(each, actions.CancelOrder | actions.ReturnItems)}
    orders = [each for each in history if isinstance(each, PlaceOrder)]
    recent = [order for order in orders if until - RECENT <= order.at < until]
    sold = Counter(product_id for order in recent for product_id, _ in order.lines)
    return Happened(
        steady_users={
            each.user_id: each.at
            for each in history
            if isinstance(each, actions.RegisterUser) and each.at < until and each.user_id not in changed
        },
        standing_orders=[order for order in orders if order.at < until and order.order_id not in undone],
        order_ids={order.order_id for order in orders},
        products=_lives(history),
        by_popularity=sorted(sold, key=lambda product_id: (-sold[product_id], product_id)),
    )


def _lives(history: Sequence[Action]) -> dict[str, ProductLife]:
    changes: dict[str, list[CatalogueAction]] = defaultdict(list)
    uses: dict[str, list[datetime]] = defaultdict(list)
    for action in history:
        if isinstance(action, CatalogueAction):
            changes[action.product_id].append(action)
            uses[action.product_id].append(action.at)
        elif isinstance(action, PlaceOrder):
            for product_id, _ in action.lines:
                uses[product_id].append(action.at)
    return {product_id: ProductLife(changes=changes[product_id], uses=uses[product_id]) for product_id in changes}
