"""What one user's events come to: registered or not, subscribed or not, and the purchases that count."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from events import (
    Event,
    ItemsReturned,
    OrderCancelled,
    OrderPlaced,
    UserRegistered,
    UserResubscribed,
    UserUnsubscribed,
)
from handlers.replay.rule import Rule

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, order=True)
class Purchase:
    """One product of one order, in the order in which purchases are added up."""

    placed_at: datetime
    order_id: str
    product_id: str
    pieces: int


@dataclass(kw_only=True)
class UserStanding:
    """One user. `purchases` are those that count, in canonical order."""

    registered: bool = False
    subscribed: bool = True
    purchases: list[Purchase] = field(default_factory=list)


def standing_of(events: Iterable[Event], rule: Rule, since: datetime) -> UserStanding:
    """Fold one user's events; purchases placed before `since` do not count."""
    found = UserStanding()
    bought: Counter[Key] = Counter()
    returned: Counter[Key] = Counter()
    placed: dict[Key, datetime] = {}
    cancelled: set[str] = set()
    wish: tuple[datetime, bool] | None = None
    for event in events:
        if event.type in rule.ignored:
            continue
        match event:
            case OrderPlaced():
                for line in event.lines:
                    bought[event.order_id, line.product_id] += line.quantity * rule.orders_fold
                    placed[event.order_id, line.product_id] = event.occurred_at
            case ItemsReturned():
                for line in event.lines:
                    returned[event.order_id, line.product_id] += line.quantity
            case OrderCancelled():
                cancelled.add(event.order_id)
            case UserRegistered():
                found.registered = True
            case UserUnsubscribed() | UserResubscribed():
                if wish is None or wish[0] <= event.occurred_at:
                    wish = event.occurred_at, isinstance(event, UserResubscribed)
            case _:
                pass
    found.subscribed = wish is None or wish[1]
    found.purchases = sorted(
        Purchase(at, *key, bought[key])
        for key, at in placed.items()
        if bought[key] > returned[key] and key[0] not in cancelled and at >= since
    )
    return found
