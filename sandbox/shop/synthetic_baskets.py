"""What goes into each synthetic order: products on sale, after the taste of the user who buys."""

import numpy as np

from sandbox.shop.period import Moments, Numbers
from sandbox.shop.synthetic_catalogue import Catalogue

ROUNDS = 6
"""How often a product that is not on sale, or is in the order already, is drawn again; at last from any category."""


class Shelf:
    """The products by category, to be drawn by appeal."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.products = np.argsort(catalogue.category, kind="stable")
        self.cumulated = np.cumsum(catalogue.appeal[self.products])
        categories = np.arange(catalogue.categories + 1)
        bounds = np.searchsorted(catalogue.category[self.products], categories)
        self.bounds = np.concatenate([[0.0], self.cumulated])[bounds]

    def draw(self, rng: np.random.Generator, category: Numbers) -> Numbers:
        """A product for each element, from that category, or from all of them where it is -1."""
        low = np.where(category >= 0, self.bounds[category], 0.0)
        high = np.where(category >= 0, self.bounds[category + 1], self.bounds[-1])
        place = np.searchsorted(self.cumulated, low + rng.random(len(category)) * (high - low), side="right")
        return np.asarray(self.products[np.minimum(place, len(self.products) - 1)])


def fill_baskets(
    rng: np.random.Generator, user: Numbers, at: Moments, size: Numbers, catalogue: Catalogue
) -> tuple[Numbers, Numbers]:
    """Lines (order, product), by order, `size` of them an order less those that would name a product twice."""
    order = np.repeat(np.arange(len(user)), size)
    if not len(order):
        return order, order
    shelf = Shelf(catalogue)
    category = _categories(rng, user[order], catalogue.categories)
    product = shelf.draw(rng, category)
    for attempt in range(ROUNDS):
        again = np.flatnonzero(~catalogue.on_sale(product, at[order]) | _repeated(order, product))
        product[again] = shelf.draw(rng, category[again] if attempt < ROUNDS // 2 else np.full(len(again), -1))
    missing = np.flatnonzero(~catalogue.on_sale(product, at[order]))
    product[missing] = np.maximum(category[missing], 0)  # The leader of a category is always on sale.
    once = ~_repeated(order, product)
    return order[once], product[once]


def _categories(rng: np.random.Generator, user: Numbers, categories: int) -> Numbers:
    """Of a user's lines 55 % are in the favourite category, 20 % in the second favourite, the others in any."""
    favourites = np.minimum(rng.exponential(categories / 3, (int(user.max()) + 1, 2)), categories - 1).astype(np.int64)
    mood = rng.random(len(user))
    return np.where(mood < 0.55, favourites[user, 0], np.where(mood < 0.75, favourites[user, 1], -1))


def _repeated(order: Numbers, product: Numbers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether an earlier line of the same order names the same product."""
    repeated = np.ones(len(order), dtype=np.bool_)
    repeated[np.unique(order * (int(product.max()) + 1) + product, return_index=True)[1]] = False
    return repeated
