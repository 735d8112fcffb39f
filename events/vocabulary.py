"""The vocabulary: every fact the log can hold, typed and versioned. Ids only: no names, no addresses."""

from collections import Counter
from collections.abc import Callable, Mapping
from operator import lt
from typing import Annotated, Any, ClassVar, NewType

import msgspec
from msgspec.structs import force_setattr

from events.email_events import EMAIL_EVENTS
from events.event import IDENTIFIER, Event, Id, Moment, instant
from events.stage_events import STAGE_EVENTS, Percent, stage_changed_from_1

UserId = NewType("UserId", str)
ProductId = NewType("ProductId", str)
OrderId = NewType("OrderId", str)

Name = Annotated[str, msgspec.Meta(max_length=2000, pattern=r"^[^\x00]*$")]
Pence = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Revision = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Line(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True, gc=False):
    """So many pieces of one product. `quantity` is at least 1."""

    product_id: Annotated[ProductId, IDENTIFIER]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=10**9)] = 1


Lines = Annotated[tuple[Line, ...], msgspec.Meta(min_length=1, max_length=10_000)]


def merged(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """One line a product, by product id: the same order is the same event however its lines were listed."""
    ids = [line.product_id for line in lines]
    if all(map(lt, ids, ids[1:])):
        return lines
    pieces: Counter[ProductId] = Counter()
    for line in lines:
        pieces[line.product_id] += line.quantity
    return tuple(Line(product_id, quantity) for product_id, quantity in sorted(pieces.items()))


class UserEvent(Event, frozen=True, kw_only=True):
    """A fact about one user: it belongs to the user's partition."""

    user_id: Annotated[UserId, IDENTIFIER]

    def key(self) -> str | None:
        return self.user_id


class OrderPlaced(UserEvent, frozen=True, kw_only=True):
    """A user bought something. Version 1 knew `product_ids` only, not quantities."""

    version: ClassVar[int] = 2

    order_id: Annotated[OrderId, IDENTIFIER]
    lines: Lines

    def __post_init__(self) -> None:
        super().__post_init__()
        force_setattr(self, "lines", merged(self.lines))

    def about(self) -> str:
        return self.order_id


class OrderCancelled(UserEvent, frozen=True, kw_only=True):
    """The whole order is void."""

    order_id: Annotated[OrderId, IDENTIFIER]

    def about(self) -> str:
        return self.order_id


class ItemsReturned(UserEvent, frozen=True, kw_only=True):
    """So many pieces of some lines of one order came back."""

    return_id: Id
    order_id: Annotated[OrderId, IDENTIFIER]
    lines: Lines

    def __post_init__(self) -> None:
        super().__post_init__()
        force_setattr(self, "lines", merged(self.lines))

    def about(self) -> str:
        return self.return_id


class UserRegistered(UserEvent, frozen=True, kw_only=True):
    """A user exists from now on, and is subscribed."""

    def about(self) -> str:
        return self.user_id


class UserUnsubscribed(UserEvent, frozen=True, kw_only=True):
    """The user wants no more recommendations by e-mail."""

    def about(self) -> str:
        return f"{self.user_id}@{instant(self.occurred_at)}"


class UserResubscribed(UserEvent, frozen=True, kw_only=True):
    """The user wants them again."""

    def about(self) -> str:
        return f"{self.user_id}@{instant(self.occurred_at)}"


class ProductEvent(Event, frozen=True, kw_only=True):
    """The catalogue's entry of one product became this: every partition sees it.

    `revision` counts a product's changes from 1; of two revisions the higher one stands, in whatever order they are
    told. `price` is in pence.
    """

    product_id: Annotated[ProductId, IDENTIFIER]
    revision: Revision
    name: Name
    price: Pence

    def about(self) -> str:
        return f"{self.product_id}#{self.revision}"


class ProductAdded(ProductEvent, frozen=True, kw_only=True):
    """The product can be recommended from now on (also: again, after it was retired)."""


class ProductChanged(ProductEvent, frozen=True, kw_only=True):
    """The product has another name or price from now on."""


class ProductRetired(ProductEvent, frozen=True, kw_only=True):
    """The product is no longer recommended. Having bought it still says something about a user."""


class RunEvent(Event, frozen=True, kw_only=True):
    """A run begins: the barrier. `scheduled_at` is the time the run is for, whenever it really started."""

    run: Id
    scheduled_at: Moment

    def about(self) -> str:
        return self.run


class WeekStarted(RunEvent, frozen=True, kw_only=True):
    """The weekly run begins; `run` is an ISO week such as `2026-W47`.

    Who sends is frozen here: `sends` says whether e-mails leave through the gate at all, `event_driven_percent` which
    share of the users the event-driven path owns, chosen by a hash of `salt` and user. Version 1 knew none of this, and
    nothing was sent.
    """

    version: ClassVar[int] = 2

    run: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-W\d{2}\Z")]
    sends: bool = False
    event_driven_percent: Percent = 0.0
    salt: Annotated[str, msgspec.Meta(max_length=200)] = ""


class DayStarted(RunEvent, frozen=True, kw_only=True):
    """A daily run, which only compares, begins; `run` is a date such as `2026-11-20`."""

    run: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}\Z")]


EVENT_TYPES: Mapping[str, type[Event]] = {
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
        *STAGE_EVENTS,
        *EMAIL_EVENTS,
    )
}

APP_EVENTS = frozenset(
    {
        "OrderPlaced",
        "OrderCancelled",
        "ItemsReturned",
        "UserRegistered",
        "UserUnsubscribed",
        "UserResubscribed",
        "ProductAdded",
        "ProductChanged",
        "ProductRetired",
    }
)
"""What the main app tells. Every other type is told by this project itself, by the part that makes it true."""

Upcast = Callable[[dict[str, Any]], dict[str, Any]]


def _order_placed_from_1(data: dict[str, Any]) -> dict[str, Any]:
    product_ids = data.get("product_ids")
    if not isinstance(product_ids, list):
        raise TypeError(f"product_ids is {product_ids!r}: expected an array")
    kept = {name: value for name, value in data.items() if name != "product_ids"}
    return {**kept, "lines": [{"product_id": product_id} for product_id in product_ids]}


def _week_started_from_1(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "sends": False}


UPCASTS: Mapping[tuple[str, int], Upcast] = {
    ("OrderPlaced", 1): _order_placed_from_1,
    ("WeekStarted", 1): _week_started_from_1,
    ("StageChanged", 1): stage_changed_from_1,
}
"""From (type, version) to what the next version would have said: pure functions of the fields as they were written."""
