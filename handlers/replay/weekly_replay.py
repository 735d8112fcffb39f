"""The replay of a run: what the event-driven path should have planned for some users, from the log and nothing else."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property

import sqlalchemy as sa

from events import Event, Recorded
from handlers.composition import Offer, compose, pounds
from handlers.emails import Directory, PlannedEmail
from handlers.inputs import profile_digest, short_digest
from handlers.popularity import digest as popularity_digest
from handlers.replay import facts
from handlers.replay.lists import (
    EPOCH,
    MICROSECOND,
    Listing,
    has_taste,
    order_counts,
    personal_list,
    popular_first,
    popular_list,
    tastes,
)
from handlers.replay.rule import RULE, Rule
from handlers.replay.shelf import Shelf, first_prices, shelf_of
from handlers.replay.standing import Purchase, UserStanding, standing_of


class WeeklyReplay:
    """Replays one run. What all users share is read once; what is told of some users stays read until others are asked.

    Names come from `directory`, as they are now: they are in no event.
    """

    def __init__(self, connection: sa.Connection, run: str, late: Sequence[str], directory: Directory) -> None:
        self._connection = connection
        self._directory = directory
        self._cut = facts.cut_of(connection, run, late)
        self._products = facts.product_events(connection, self._cut)
        self._sales = facts.sales(connection, self._cut)
        self._shelves: dict[tuple[str, frozenset[str], bool], Shelf] = {}
        self._popular: dict[Rule, tuple[Listing, str]] = {}
        self._standings: dict[tuple[object, ...], UserStanding] = {}
        self._told: tuple[frozenset[str], Mapping[str, Sequence[Recorded]], Mapping[str, str]] | None = None

    def planned(self, users: Sequence[str], rule: Rule = RULE) -> Mapping[str, PlannedEmail]:
        """What each of these users gets by this rule; users who are not registered are left out."""
        told, names = self._read(users)
        standings = {user: self._standing(user, told.get(user, ()), rule) for user in users}
        registered = [user for user in users if standings[user].registered and not rule.loses_the_user]
        lists = self._lists([standings[user] for user in registered], rule)
        return {
            user: self._plan(user, names.get(user), standings[user], *listed, rule)
            for user, listed in zip(registered, lists, strict=True)
        }

    def _read(self, users: Sequence[str]) -> tuple[Mapping[str, Sequence[Recorded]], Mapping[str, str]]:
        wanted = frozenset(users)
        if self._told is None or not wanted <= self._told[0]:
            told = facts.user_events(self._connection, self._cut, users)
            self._standings.clear()
            self._told = wanted, told, self._directory(self._connection, users)
        return self._told[1:]

    def _standing(self, user: str, told: Sequence[Recorded], rule: Rule) -> UserStanding:
        """What is told of a user comes to the same for most suspects: it is folded once for all of them."""
        since = self._cut.scheduled_at + rule.shift - rule.history
        key = (user, rule.until, rule.ignored, rule.orders_fold, since)
        if key not in self._standings:
            self._standings[key] = standing_of(facts.told_until(rule.until, told, self._cut), rule, since)
        return self._standings[key]

    def _lists(self, standings: Sequence[UserStanding], rule: Rule) -> list[tuple[Listing, bool]]:
        """The list of each user, and whether their purchases chose it."""
        ranked = self._shelf(rule, before=rule.catalogue == "run before")
        directions = tastes(ranked, [each.purchases for each in standings], rule)
        popular, _ = self._popular_by(rule)
        found = []
        for standing, direction in zip(standings, directions, strict=True):
            bought = {each.product_id for each in standing.purchases}
            if has_taste(direction):
                found.append((personal_list(ranked, direction, bought, rule), True))
            else:
                found.append((popular_list(popular, bought, rule), False))
        return found

    def _plan(
        self, user: str, name: str | None, standing: UserStanding, listed: Listing, personal: bool, rule: Rule
    ) -> PlannedEmail:
        inputs = self._inputs(standing, rule)
        if name is None:
            return PlannedEmail(user_id=user, reason="unknown_user", inputs=inputs)
        inputs["profile"] = profile_digest(standing.subscribed, name)
        if not standing.subscribed or not listed:
            reason = "nothing_to_recommend" if standing.subscribed else "unsubscribed"
            return PlannedEmail(user_id=user, reason=reason, inputs=inputs)
        greeted = {"name": name, "user id": user, "nobody": ""}[rule.greeting]
        email = compose(
            user,
            greeted,
            self._offers(listed, rule),
            personal=personal is (rule.intro == "as chosen"),
            price=continental if rule.price_format == "continental" else pounds,
        )
        return PlannedEmail(user_id=user, items=listed, email=email, inputs=inputs)

    def _offers(self, listed: Listing, rule: Rule) -> list[Offer]:
        products = self._shelf(rule).products
        prices = self._first_prices if rule.prices == "first" else {}
        return [
            Offer(product_id, products[product_id].name, prices.get(product_id, products[product_id].price))
            for product_id, _ in listed
        ]

    @cached_property
    def _first_prices(self) -> Mapping[str, int]:
        return first_prices(each.event for each in self._products)

    def _inputs(self, standing: UserStanding, rule: Rule) -> dict[str, str]:
        inputs = {"history": history_digest(standing.purchases), "catalogue": self._shelf(rule).digest}
        return inputs if standing.purchases else {**inputs, "popularity": self._popular_by(rule)[1]}

    def _shelf(self, rule: Rule, *, before: bool = False) -> Shelf:
        key = (rule.until, rule.ignored, before)
        if key not in self._shelves:
            told = facts.told_until(rule.until, self._products, self._cut)
            if before:
                told = [each.event for each in self._products if each.position <= self._cut.before]
            self._shelves[key] = shelf_of(event for event in told if event.type not in rule.ignored)
        return self._shelves[key]

    def _popular_by(self, rule: Rule) -> tuple[Listing, str]:
        """What is popular, most popular first, and the digest of it."""
        if rule not in self._popular:
            sold: Sequence[Event] = facts.told_until(rule.until, self._sales, self._cut)
            since = self._cut.scheduled_at + rule.shift - rule.popularity
            counts: Counter[str] = order_counts(sold, rule, since)
            listed = popular_first(self._shelf(rule), counts, rule)
            self._popular[rule] = listed, popularity_digest(counts)
        return self._popular[rule]


def history_digest(purchases: Sequence[Purchase]) -> str:
    """The digest of input `history` (docs/rule.md, "Inputs")."""
    by_id = sorted(purchases, key=lambda each: (each.order_id, each.product_id))
    return short_digest(f"{each.order_id}|{each.product_id}|{_microseconds(each)}" for each in by_id)


def _microseconds(purchase: Purchase) -> int:
    return (purchase.placed_at - EPOCH) // MICROSECOND


def continental(pence: int) -> str:
    """A price as it is written elsewhere: 1205 is `12,05 £`."""
    return f"{pence // 100},{pence % 100:02d} £"
