"""The shelf: the catalogue as a replay sees it, told from product events alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from events import Event, ProductEvent, ProductRetired
from handlers.inputs import short_digest
from handlers.vectors import DIMENSIONS, from_name

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Products by id, sorted: the newest revision of each, and its vectors, (p, 128) doubles."""

    products: Mapping[str, ProductEvent]
    row_of: Mapping[str, int]
    ids: tuple[str, ...]
    taste: Floats
    match: Floats
    active: NDArray[np.bool_]

    @cached_property
    def digest(self) -> str:
        """The digest of input `catalogue` (docs/rule.md, "Inputs")."""
        return short_digest(
            f"{product_id}|{int(not isinstance(event, ProductRetired))}|{event.price}|{event.name}"
            for product_id, event in self.products.items()
        )


def shelf_of(events: Iterable[Event]) -> Shelf:
    """What these events of products come to: of two revisions the higher one stands."""
    newest: dict[str, ProductEvent] = {}
    for event in events:
        if isinstance(event, ProductEvent) and event.revision > _revision(newest.get(event.product_id)):
            newest[event.product_id] = event
    products = dict(sorted(newest.items()))
    vectors = [from_name(event.name) for event in products.values()]
    return Shelf(
        products=products,
        row_of={product_id: row for row, product_id in enumerate(products)},
        ids=tuple(products),
        taste=np.array([each.taste for each in vectors]).reshape(-1, DIMENSIONS),
        match=np.array([each.match for each in vectors]).reshape(-1, DIMENSIONS),
        active=np.array([not isinstance(event, ProductRetired) for event in products.values()], dtype=bool),
    )


def first_prices(events: Iterable[Event]) -> Mapping[str, int]:
    """Each product's price, in pence, when it was first heard of."""
    prices: dict[str, int] = {}
    for event in events:
        if isinstance(event, ProductEvent):
            prices.setdefault(event.product_id, event.price)
    return prices


def _revision(event: ProductEvent | None) -> int:
    return event.revision if event else 0
