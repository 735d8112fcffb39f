"""Happenings at the edges of time: orders half an hour inside and outside of the spans that a run looks back on."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sandbox.shop.actions import Action, PlaceOrder
from sandbox.shop.chance import Chance
from sandbox.shop.happened import Happened

SPANS = (timedelta(weeks=52), timedelta(weeks=4))
"""How far back purchases count, and how far back for popular products (docs/rule.md)."""
HALF_AN_HOUR = timedelta(minutes=30)


def orders_at_the_edges(
    happened: Happened, chance: Chance, runs: Sequence[datetime], spared: set[str]
) -> Iterator[Action]:
    """Two orders at each edge, as far back as the history has users and products; none of the products `spared`."""
    for run in runs:
        for span in SPANS:
            for at in (run - span - HALF_AN_HOUR, run - span + HALF_AN_HOUR):
                yield from _order(happened, chance, at, spared)


def _order(happened: Happened, chance: Chance, at: datetime, spared: set[str]) -> Iterator[Action]:
    id_ = f"edge-{at:%Y%m%dT%H%M}"
    users = [user_id for user_id, joined_at in happened.steady_users.items() if joined_at <= at]
    products = [id_ for id_, life in happened.products.items() if id_ not in spared and life.offered(at)]
    if users and products and id_ not in happened.order_ids:
        user_id = min(users, key=lambda user_id: chance.share(id_, user_id))
        product_id = min(products, key=lambda product_id: chance.share(id_, product_id))
        yield PlaceOrder(at=at, order_id=id_, user_id=user_id, lines=((product_id, 1),))
