"""The synthetic shop's orders: who buys what and when, what is cancelled and what comes back."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sandbox.shop.actions import Action, CancelOrder, PlaceOrder, ReturnItems
from sandbox.shop.period import DAY, HOUR, MINUTE, NEVER, Moments, Numbers, Period, moment
from sandbox.shop.synthetic_baskets import fill_baskets
from sandbox.shop.synthetic_catalogue import Catalogue

ORDERS_AT_ONCE = 10_000


def user_id(user: int) -> str:
    """The id of the user with this index."""
    return f"u{user + 1:07d}"


def order_id(order: int) -> str:
    """The id of the order with this index."""
    return f"o{order + 1:08d}"


@dataclass(frozen=True, eq=False)
class Orders:
    """Parallel arrays, one element an order, in order of time."""

    user: Numbers
    at: Moments
    cancelled: Moments
    returned: Moments


@dataclass(frozen=True, eq=False)
class Purchases:
    """Orders and their lines: those of order *i* are elements `first[i]` up to `first[i + 1]`."""

    orders: Orders
    first: Numbers
    product_id: npt.NDArray[np.object_]
    quantity: Numbers
    seed: int

    def placed(self) -> Iterator[Action]:
        """Every order, in order of time."""
        count = len(self.orders.at)
        for begin in range(0, count, ORDERS_AT_ONCE):
            end = min(begin + ORDERS_AT_ONCE, count)
            users, at = self.orders.user[begin:end].tolist(), self.orders.at[begin:end].tolist()
            first, last = self.first[begin], self.first[end]
            products, quantities = self.product_id[first:last].tolist(), self.quantity[first:last].tolist()
            bounds = (self.first[begin : end + 1] - first).tolist()
            for i in range(end - begin):
                of_order = slice(bounds[i], bounds[i + 1])
                yield PlaceOrder(
                    at=moment(at[i]),
                    order_id=order_id(begin + i),
                    user_id=user_id(users[i]),
                    lines=tuple(zip(products[of_order], quantities[of_order], strict=True)),
                )

    def cancelled(self) -> Iterator[Action]:
        """Every cancellation, in order of time."""
        for order in _in_time(self.orders.cancelled):
            yield CancelOrder(
                at=moment(int(self.orders.cancelled[order])),
                order_id=order_id(order),
                user_id=user_id(int(self.orders.user[order])),
            )

    def returned(self) -> Iterator[Action]:
        """Every return, in order of time: three in ten of the whole order, the others of a part of it."""
        rng = np.random.default_rng(self.seed)
        for number, order in enumerate(_in_time(self.orders.returned), 1):
            yield ReturnItems(
                at=moment(int(self.orders.returned[order])),
                return_id=f"r{number:07d}",
                order_id=order_id(order),
                user_id=user_id(int(self.orders.user[order])),
                lines=self._coming_back(rng, order),
            )

    def _coming_back(self, rng: np.random.Generator, order: int) -> tuple[tuple[str, int], ...]:
        of_order = slice(int(self.first[order]), int(self.first[order + 1]))
        lines = list(zip(self.product_id[of_order].tolist(), self.quantity[of_order].tolist(), strict=True))
        if rng.random() < 0.3:
            return tuple(lines)
        part = [lines[int(i)] for i in rng.permutation(len(lines))[: 1 + int(rng.integers(len(lines)))]]
        return tuple((product_id, int(rng.integers(1, quantity + 1))) for product_id, quantity in part)


def draw_purchases(
    rng: np.random.Generator, users: int, order_lines: int, catalogue: Catalogue, period: Period
) -> Purchases:
    """Orders with so many lines in all. One user in ten never buys; the others buy more or less often."""
    size = _sizes(rng, order_lines)
    user, at = _visits(rng, users, len(size), period)
    order, product = fill_baskets(rng, user, at, size, catalogue)
    pieces = rng.geometric(0.55, len(order)) * np.where(rng.random(len(order)) < 0.04, 12, 1)
    cancelled = _cancellations(rng, user, at, period)
    return Purchases(
        orders=Orders(user=user, at=at, cancelled=cancelled, returned=_returns(rng, at, cancelled, period)),
        first=np.searchsorted(order, np.arange(len(size) + 1)),
        product_id=catalogue.ids[product],
        quantity=pieces,
        seed=int(rng.integers(2**63)),
    )


def _sizes(rng: np.random.Generator, order_lines: int) -> Numbers:
    """Lines of each order: four or five on average, few orders with dozens, so many in all."""
    size = 1 + np.minimum(rng.lognormal(1.0, 0.9, order_lines).astype(np.int64), 59)
    total = np.cumsum(size)
    size = size[: int(np.searchsorted(total, order_lines)) + 1]
    if len(size):
        size[-1] -= total[len(size) - 1] - order_lines
    return size


def _visits(rng: np.random.Generator, users: int, orders: int, period: Period) -> tuple[Numbers, Moments]:
    """Who orders when, in order of time. Half of the users are there from the start, the others come later."""
    if not orders:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    zeal = rng.lognormal(0, 1.2, users) * (rng.random(users) >= 0.1)
    zeal = np.cumsum(zeal if zeal.any() else np.ones(users))
    joined = np.where(rng.random(users) < 0.5, 0.0, rng.random(users) * 0.95)
    user = np.searchsorted(zeal, rng.random(orders) * zeal[-1], side="right")
    at = period.daytimes(rng, joined[user])
    in_time = np.argsort(at, kind="stable")
    return user[in_time], at[in_time]


def _cancellations(rng: np.random.Generator, user: Numbers, at: Moments, period: Period) -> Moments:
    """When each order is cancelled: one in forty, and the first of those which are their user's only one."""
    count = np.bincount(user, minlength=1)
    cancels = rng.random(len(user)) < 0.025
    cancels[np.flatnonzero(count[user] == 1)[:1]] = True
    when = at + rng.integers(5 * MINUTE, 36 * HOUR, len(user))
    return np.where(cancels & (when < period.until), when, NEVER)


def _returns(rng: np.random.Generator, at: Moments, cancelled: Moments, period: Period) -> Moments:
    """When something of each order comes back: one in sixteen, two to sixteen days later."""
    comes_back = (rng.random(len(at)) < 0.06) & (cancelled == NEVER)
    when = at + rng.integers(2 * DAY, 16 * DAY, len(at))
    return np.where(comes_back & (when < period.until), when, NEVER)


def _in_time(moments: Moments) -> list[int]:
    """Indexes of those that happen at all, in order of time."""
    happens = np.flatnonzero(moments < NEVER)
    indexes: list[int] = happens[np.argsort(moments[happens], kind="stable")].tolist()
    return indexes
