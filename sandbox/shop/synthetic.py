"""A synthetic history: a shop's year drawn at random, the same for the same seed, as large as needed."""

import heapq
from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter

import numpy as np

from sandbox.shop.actions import Action
from sandbox.shop.period import Period
from sandbox.shop.synthetic_catalogue import draw_catalogue
from sandbox.shop.synthetic_people import draw_people, draw_registrations
from sandbox.shop.synthetic_purchases import draw_purchases


def synthetic_history(
    *, users: int, products: int, order_lines: int, until: datetime, weeks: int = 52, seed: int
) -> Iterator[Action]:
    """Everything that happened in a made-up shop in the `weeks` before `until`, in order of time.

    `users` and `products` are exact. `order_lines` counts lines before those for the same product in one order are
    dropped, of which there are few unless the catalogue is tiny. Actions are made as they are read; what is drawn
    beforehand takes some 50 bytes an order line. Raises ValueError for numbers that make no shop.
    """
    _check(users, products, order_lines)
    period = Period.before(until, weeks)
    catalogue_rng, purchase_rng, people_rng = (
        np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(3)
    )
    catalogue = draw_catalogue(catalogue_rng, products, period)
    purchases = draw_purchases(purchase_rng, users, order_lines, catalogue, period)
    registered = draw_registrations(people_rng, users, purchases.orders, period)
    people = draw_people(people_rng, registered, period)
    streams: tuple[Iterator[Action], ...] = (
        catalogue.actions(),
        people.registrations(),
        purchases.placed(),
        purchases.cancelled(),
        purchases.returned(),
        people.subscriptions(),
    )
    return heapq.merge(*streams, key=attrgetter("at"))


def _check(users: int, products: int, order_lines: int) -> None:
    for name, value in (("users", users), ("products", products), ("order_lines", order_lines)):
        if value < 0:
            raise ValueError(f"{name} is {value}; expected at least 0")
    if order_lines and not (users and products):
        raise ValueError(f"order_lines is {order_lines} with {users} users and {products} products; expected some")
