"""The vocabulary: every fact the log can hold, typed and versioned.

An event's id is a function of what the event is about, so that a fact told twice is logged once.
Events carry ids only: names and addresses stay in the main app's tables.
"""

from datetime import datetime
from typing import ClassVar, NewType

import msgspec

UserId = NewType("UserId", str)
ProductId = NewType("ProductId", str)
OrderId = NewType("OrderId", str)


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many pieces of one product. `quantity` is at least 1."""

    product_id: ProductId
    quantity: int = 1


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact in the past tense. `occurred_at` is event time and must carry a time zone."""

    version: ClassVar[int] = 1

    occurred_at: datetime

    def about(self) -> str:
        """What this fact is about, unique among the events of its type."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it is about")

    def key(self) -> str | None:
        """The unit whose partition the event belongs to; None when every partition must see it."""
        return None


class UserEvent(Event, frozen=True, kw_only=True):
    """A fact about one user: it belongs to the user's partition."""

    user_id: UserId

    def key(self) -> str | None:
        return self.user_id


class OrderPlaced(UserEvent, frozen=True, kw_only=True):
    """A user bought something. Version 1 knew products only (`product_ids`), not quantities."""

    version: ClassVar[int] = 2

    order_id: OrderId
    lines: tuple[Line, ...]

    def about(self) -> str:
        return self.order_id


class OrderCancelled(UserEvent, frozen=True, kw_only=True):
    """The whole order is void, whenever it was placed."""

    order_id: OrderId

    def about(self) -> str:
        return self.order_id


class ItemsReturned(UserEvent, frozen=True, kw_only=True):
    """So many pieces of some lines of one order came back."""

    return_id: str
    order_id: OrderId
    lines: tuple[Line, ...]

    def about(self) -> str:
        return self.return_id


class UserRegistered(UserEvent, frozen=True, kw_only=True):
    """A user exists from now on, and is subscribed."""

    def about(self) -> str:
        return self.user_id


class UserUnsubscribed(UserEvent, frozen=True, kw_only=True):
    """The user wants no more recommendations by e-mail."""

    def about(self) -> str:
        return f"{self.user_id}@{self.occurred_at.isoformat()}"


class UserResubscribed(UserEvent, frozen=True, kw_only=True):
    """The user wants them again."""

    def about(self) -> str:
        return f"{self.user_id}@{self.occurred_at.isoformat()}"


class ProductEvent(Event, frozen=True, kw_only=True):
    """A fact about the catalogue: every partition sees it. `revision` counts a product's changes from 1."""

    product_id: ProductId
    revision: int

    def about(self) -> str:
        return f"{self.product_id}#{self.revision}"


class ProductAdded(ProductEvent, frozen=True, kw_only=True):
    """A product can be recommended from now on. `price` is in minor units (pence). Also re-lists a retired one."""

    name: str
    price: int


class ProductChanged(ProductEvent, frozen=True, kw_only=True):
    """Name or price of a product became this. `price` is in minor units (pence)."""

    name: str
    price: int


class ProductRetired(ProductEvent, frozen=True, kw_only=True):
    """The product is no longer sold and no longer recommended. Having bought it still says something."""


class RunEvent(Event, frozen=True, kw_only=True):
    """A run begins: the barrier. `scheduled_at` is the time the run is for, whenever it really started."""

    run: str
    scheduled_at: datetime

    def about(self) -> str:
        return self.run


class WeekStarted(RunEvent, frozen=True, kw_only=True):
    """The weekly run begins; `run` is an ISO week such as `2026-W47`."""


class DayStarted(RunEvent, frozen=True, kw_only=True):
    """A daily run, which only compares, begins; `run` is a date such as `2026-11-20`."""


EVENT_TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        OrderPlaced,
        OrderCancelled,
        ItemsReturned,
        UserRegistered,
        UserUnsubscribed,
        UserResubscribed,
        ProductAdded,
        ProductChanged,
        ProductRetired,
        WeekStarted,
        DayStarted,
    )
}
