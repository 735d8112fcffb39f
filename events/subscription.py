"""A subscription: who reads which events of the log, by which reaction, on which queue."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from events.errors import UnknownSubscription
from events.log import Recorded


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Consecutive events of one partition: all that the subscription reads in the log behind `after`, up to `upto`."""

    partition: int
    after: int
    events: Sequence[Recorded]
    upto: int


Reaction = Callable[[sa.Connection, Batch], None]
"""Folds a batch and writes its effects through the connection; the checkpoint commits with them."""


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """One reader of the log.

    A partitioned one folds each partition by itself, in parallel; the other kind has the single partition 0 and reads
    the whole log. `after` names subscriptions whose state the reaction looks at: this one never gets ahead of an
    event which they still have to fold.
    """

    name: str
    queue: str
    types: frozenset[str]
    reaction: Reaction
    partitioned: bool = True
    after: tuple[str, ...] = ()

    def partitions(self, of_log: int) -> range:
        """The partitions this subscription has in a log of `of_log` partitions."""
        return range(of_log if self.partitioned else 1)


class Subscriptions:
    """All subscriptions by name, in the order they were given."""

    def __init__(self, subscriptions: Iterable[Subscription]) -> None:
        self._by_name = {subscription.name: subscription for subscription in subscriptions}
        for subscription in self:
            for name in subscription.after:
                self[name]

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Subscription:
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownSubscription(name, tuple(self._by_name)) from None

    def following(self, name: str) -> list[Subscription]:
        """Those which wait for the subscription called `name`."""
        return [subscription for subscription in self if name in subscription.after]
