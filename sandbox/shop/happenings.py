"""Happenings: what a history lacks is added to it, so that every rule is exercised near the runs.

Files of orders know of no unsubscriptions, cancellations or renamed products. Who and what is chosen, and when it
happens, follows from hashes of ids: the same history and seed give the same happenings.
"""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from sandbox.shop.actions import Action, CancelOrder, Resubscribe, RetireProduct, Unsubscribe
from sandbox.shop.chance import Chance
from sandbox.shop.happened import Happened, happened_until
from sandbox.shop.happenings_catalogue import catalogue_happenings
from sandbox.shop.happenings_edges import orders_at_the_edges

UNSUBSCRIBING = 0.02
RESUBSCRIBING = 1 / 3
CANCELLED = 0.01
RECENT = timedelta(weeks=8)
"""Orders placed so long before the first happening, and later, may be cancelled."""
MOMENT = timedelta(seconds=1)


def enliven(history: Sequence[Action], start: datetime, runs: Sequence[datetime], *, seed: int = 0) -> list[Action]:
    """The history, in order of time, with happenings from `start` up to the last of `runs`, the times runs are due.

    About 2 % of the users unsubscribe, and a third of those come back; 1 % of the recent orders is cancelled; of the
    most popular products some are retired over a run, some renamed, some repriced, and some get twins by name. Orders
    at the edges of the spans that runs look back on may lie before `start`. The shop refuses none of it, nor anything
    of the history because of it. `runs` lie behind `start`.
    """
    if not runs or runs[0] <= start:
        raise ValueError(f"runs are due at {[str(run) for run in runs]}; expected some, all of them after {start}")
    until = max(runs)
    happened, chance = happened_until(history, until), Chance(seed)
    catalogue = list(catalogue_happenings(happened, chance, start, sorted(runs)))
    retired = {action.product_id for action in catalogue if isinstance(action, RetireProduct)}
    happenings = [
        *_changes_of_mind(happened, chance, start, until),
        *_cancellations(happened, chance, start, until),
        *catalogue,
        *orders_at_the_edges(happened, chance, runs, retired),
    ]
    return list(heapq.merge(history, sorted(happenings, key=attrgetter("at")), key=attrgetter("at")))


def _changes_of_mind(happened: Happened, chance: Chance, start: datetime, until: datetime) -> Iterator[Action]:
    """Users of whose subscription the history says nothing unsubscribe; some subscribe again."""
    for user_id, registered_at in happened.steady_users.items():
        since = max(start, registered_at + MOMENT)
        if since >= until or not chance.falls("leaves", user_id, UNSUBSCRIBING):
            continue
        leaves_at = chance.between("leaves at", user_id, since, until)
        yield Unsubscribe(at=leaves_at, user_id=user_id)
        if leaves_at + MOMENT < until and chance.falls("returns", user_id, RESUBSCRIBING):
            returns_at = chance.between("returns at", user_id, leaves_at + MOMENT, until)
            yield Resubscribe(at=returns_at, user_id=user_id)


def _cancellations(happened: Happened, chance: Chance, start: datetime, until: datetime) -> Iterator[Action]:
    """Recent orders that nothing became of are cancelled."""
    for order in happened.standing_orders:
        since = max(start, order.at + MOMENT)
        if order.at < start - RECENT or since >= until or not chance.falls("cancelled", order.order_id, CANCELLED):
            continue
        at = chance.between("cancelled at", order.order_id, since, until)
        yield CancelOrder(at=at, order_id=order.order_id, user_id=order.user_id)
