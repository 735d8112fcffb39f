"""Happenings at the edges of time: orders half an hour inside and outside of the spans that a run looks back on."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from sandbox.shop.actions import Action, PlaceOrder
from sandbox.shop.chance import Chance
from sandbox.shop.happened import Happened

SPANS = (timedelta(weeks=52), timedelta(weeks=4))
"""How far back purchases count, and how far back for popular products (docs/rule.md)."""
HALF_AN_HOUR = timedelta(minutes=30)
LINES = 5


def orders_at_the_edges(
    happened: Happened, chance: Chance, runs: Sequence[datetime], spared: set[str]
) -> Iterator[Action]:
    """Two orders at each edge, as far back as the history has users and products.

    They are of popular products, whose number of orders is seen in e-mails, but of none that are `spared`.
    """
    for run in runs:
        for span in SPANS:
            for at in (run - span - HALF_AN_HOUR, run - span + HALF_AN_HOUR):
                yield from _order(happened, chance, at, spared)


def _order(happened: Happened, chance: Chance, at: datetime, spared: set[str]) -> Iterator[Action]:
    id_ = f"edge-{at:%Y%m%dT%H%M}"
    users = [user_id for user_id, joined_at in happened.steady_users.items() if joined_at <= at]
    popular = (id_ for id_ in happened.by_popularity if id_ not in spared and happened.products[id_].offered(at))
    lines = tuple((product_id, 1) for product_id in islice(popular, LINES))
    if users and lines and id_ not in happened.order_ids:
        user_id = min(users, key=lambda user_id: chance.share(id_, user_id))
        yield PlaceOrder(at=at, order_id=id_, user_id=user_id, lines=lines)
