"""The synthetic shop's users: what they are called, when they join, and whether they want the e-mail."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from sandbox.shop.actions import Action, RegisterUser, Resubscribe, Unsubscribe
from sandbox.shop.period import MINUTE, Moments, Period, moment
from sandbox.shop.synthetic_purchases import Orders, user_id
from sandbox.shop.words import FIRST_NAMES, NASTY_NAMES

DOMAINS = ("example.com", "example.net", "example.org")


@dataclass(frozen=True, eq=False)
class People:
    """When each user joins, and the few who change their subscription."""

    registered: Moments
    name: tuple[str, ...]
    changes: tuple[Action, ...]

    def registrations(self) -> Iterator[Action]:
        """Everybody joins once, in order of time."""
        for user in np.argsort(self.registered, kind="stable").tolist():
            id_ = user_id(user)
            email = f"{id_}@{DOMAINS[user % len(DOMAINS)]}"
            yield RegisterUser(at=moment(int(self.registered[user])), user_id=id_, name=self.name[user], email=email)

    def subscriptions(self) -> Iterator[Action]:
        """Who unsubscribes and who comes back, in order of time."""
        return iter(self.changes)


def draw_registrations(rng: np.random.Generator, users: int, orders: Orders, period: Period) -> Moments:
    """When each user joins: minutes before the first order, or any time before it."""
    joined = period.daytimes(rng, np.where(rng.random(users) < 0.5, 0.0, rng.random(users)))
    first_order = np.full(users, period.until)
    np.minimum.at(first_order, orders.user, orders.at)
    return np.minimum(joined, first_order - rng.integers(MINUTE, 10 * MINUTE, users))


def draw_people(rng: np.random.Generator, registered: Moments, period: Period) -> People:
    """Users joining at these moments: some in a hundred have a nasty name, some unsubscribe, some of those return."""
    count = len(registered)
    plain = rng.integers(len(FIRST_NAMES), size=count)
    nasty = np.where(rng.random(count) < 0.01, rng.integers(len(NASTY_NAMES), size=count), -1)
    names = zip(plain.tolist(), nasty.tolist(), strict=True)
    return People(
        registered=registered,
        name=tuple(NASTY_NAMES[odd] if odd >= 0 else FIRST_NAMES[usual] for usual, odd in names),
        changes=tuple(sorted(_changes(rng, registered, period), key=attrgetter("at"))),
    )


def _changes(rng: np.random.Generator, registered: Moments, period: Period) -> Iterator[Action]:
    """Of all users 7 % unsubscribe, 35 % of those come back, and 35 % of those leave again."""
    leaving = np.flatnonzero(rng.random(len(registered)) < 0.07)
    for user in leaving.tolist():
        at = int(registered[user])
        for change in (Unsubscribe, Resubscribe, Unsubscribe):
            at += 1 + int(rng.random() * (period.until - at - 1))
            if at >= period.until:
                break
            yield change(at=moment(at), user_id=user_id(user))
            if rng.random() >= 0.35:
                break
