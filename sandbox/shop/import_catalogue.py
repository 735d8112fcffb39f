"""The catalogue which sales imply: a price list revised on Mondays, 00:00 UTC, after what was sold in that week."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias, TypeVar

from sandbox.shop.actions import AddProduct, ChangeProduct, PlaceOrder, RetireProduct
from sandbox.shop.import_lines import OrderLine

WEEK = timedelta(weeks=1)
UNSOLD = 13 * WEEK
"""A product unsold for so long is retired."""

CatalogueAction: TypeAlias = AddProduct | ChangeProduct | RetireProduct
Weeks: TypeAlias = dict[datetime, list[OrderLine]]
Value = TypeVar("Value", str, int)


def catalogue_of(sales: Iterable[OrderLine], orders: Iterable[PlaceOrder], until: datetime) -> list[CatalogueAction]:
    """What happens to the catalogue up to `until`, in order of time and product.

    In every week a product's name and price are the commonest among that week's lines, of several the smallest. It is
    added on the Monday of its first sale, and again when it sells after it was retired.
    """
    placed_at = {order.order_id: order.at for order in orders}
    by_product: dict[str, Weeks] = defaultdict(lambda: defaultdict(list))
    for line in sales:
        by_product[line.product_id][monday(placed_at[line.order_id])].append(line)
    lives = (_life(product_id, weeks, until) for product_id, weeks in by_product.items())
    return sorted((action for life in lives for action in life), key=lambda action: (action.at, action.product_id))


@lru_cache(maxsize=100_000)
def monday(at: datetime) -> datetime:
    """The beginning of the ISO week of `at`."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def _life(product_id: str, weeks: Weeks, until: datetime) -> Iterator[CatalogueAction]:
    name = _commonest(line.description for lines in weeks.values() for line in lines if line.description)
    price = 0
    retires_at: datetime | None = None
    for week, lines in sorted(weeks.items()):
        before = name, price
        name = _commonest((line.description for line in lines if line.description), name)
        price = _commonest(line.price for line in lines)
        if retires_at is None or retires_at < week:
            if retires_at is not None:
                yield RetireProduct(at=retires_at, product_id=product_id)
            yield AddProduct(at=week, product_id=product_id, name=name, price=price)
        elif (name, price) != before:
            yield ChangeProduct(at=week, product_id=product_id, name=name, price=price)
        retires_at = week + WEEK + UNSOLD
    if retires_at is not None and retires_at <= until:
        yield RetireProduct(at=retires_at, product_id=product_id)


def _commonest(values: Iterable[Value], default: Value | None = None) -> Value:
    counts: Mapping[Value, int] = Counter(values)
    if not counts and default is not None:
        return default
    return min(counts, key=lambda value: (-counts[value], value))
